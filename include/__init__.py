"""Sluice: collect, land, build, validate, gate, label, split, balance, augment, audit, publish."""

__version__ = "0.1.0"
