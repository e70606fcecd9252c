"""Sluice: collect, land, build, validate, gate, label, split, balance, augment, audit, publish."""
