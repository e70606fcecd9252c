"""Audit what a run made, name its bytes, and write down what it was made from."""
