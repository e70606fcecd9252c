"""Judging a table: suites, the checkpoint, the verdict on each row, the gate, the report."""
