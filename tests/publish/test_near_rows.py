"""Rows alike in two splits: a hundred clean tables raise no alarm, and a planted twin is named."""

import numpy as np
import pytest

from include.publish.near_rows import EXACT, NEAR, compare_rows
from include.specs import Dataset, Leakage

MEASURED = Dataset(
    name="m", sources=("s",), key="id", label="y", numeric=tuple("abcdef"), categorical=("k",)
)  # fmt: skip
COUNTED = Dataset(name="c", sources=("s",), key="id", label="y", numeric=("a", "b"), categorical=("k", "l"))
ROWS = 300


def measured(rng):
    """Correlated numbers, each its own."""
    numbers = rng.normal(size=(ROWS, 6)) @ (np.eye(6) + 0.5)
    return dict(zip("abcdef", numbers.T, strict=True)) | {"k": rng.choice(["x", "y"], ROWS)}


def counted(rng):
    """Few values, so that rows are equal by chance all the time."""
    kinds = {name: rng.choice(["p", "q", "r"], ROWS) for name in "kl"}
    return {"a": rng.integers(0, 6, ROWS).astype(float), "b": rng.integers(0, 9, ROWS).astype(float)} | kinds


def planted(columns, split, change=lambda value: value):
    """A row of test becomes like one of train."""
    here, there = int(np.flatnonzero(split == "train")[3]), int(np.flatnonzero(split == "test")[5])
    for values in columns.values():
        values[there] = change(values[here]) if values.dtype.kind == "f" else values[here]
    return f"r{here:06d}", f"r{there:06d}"


def test_a_hundred_clean_tables_raise_no_alarm_although_rows_of_some_are_alike(drawn):
    found = {}
    for draw, dataset in ((measured, MEASURED), (counted, COUNTED)):
        for seed in range(50):
            rng = np.random.default_rng(seed)
            drawn.fill(draw(rng), drawn.parted(rng, ROWS))
            compared = compare_rows(drawn.connection, dataset, "version")
            assert [c.leaks for c in compared] == [0, 0]
            found.setdefault(draw.__name__, []).append(compared[0])
    assert [c.found for c in found["measured"]] == [0] * 50
    # Twins by chance are about as many as expected.
    expected = np.mean([c.by_chance for c in found["counted"]])
    assert 0.2 < np.mean([c.found for c in found["counted"]]) / expected < 1.5


@pytest.mark.parametrize(
    ("change", "rule"),
    [(lambda value: value, EXACT), (lambda value: value * (1 + 1e-9), EXACT), (lambda value: value + 3e-5, NEAR)],
)
def test_one_planted_twin_is_found_and_named_in_every_table(drawn, change, rule):
    for seed in range(8):
        rng = np.random.default_rng(seed)
        columns, split = measured(rng), drawn.parted(rng, ROWS)
        twins = planted(columns, split, change)
        drawn.fill(columns, split)
        compared = {c.rule: c for c in compare_rows(drawn.connection, MEASURED, "version")}
        assert (compared[rule].leaks, compared[rule].examples, compared[rule].noticed) == (1, (twins,), 1.0)
        outcome = compared[rule].outcome(MEASURED.leakage)
        assert (outcome.success, outcome.severity) == (False, "critical")
        assert f"such as {twins[0]!r} and {twins[1]!r}" in outcome.observed


def test_missing_values_infinities_and_numbers_beyond_a_float_are_compared_like_others(drawn):
    rng = np.random.default_rng(0)
    columns, split = measured(rng), drawn.parted(rng, ROWS)
    here = int(np.flatnonzero(split == "train")[3])
    columns["a"][::3], columns["b"][::5], columns["c"][::7] = np.nan, np.inf, -0.0
    columns["a"][here], columns["b"][here], columns["c"][here] = np.nan, -np.inf, 1e300
    twins = planted(columns, split)
    drawn.fill(columns, split)
    exact, near = compare_rows(drawn.connection, MEASURED, "version")
    assert (exact.found, exact.leaks, exact.examples, near.found) == (1, 1, (twins,), 0)


def test_rows_that_may_have_a_twin_are_let_through_and_counted(drawn):
    rng = np.random.default_rng(0)
    columns, split = measured(rng), drawn.parted(rng, ROWS)
    first, _ = planted(columns, split)
    drawn.fill(columns, split)
    allowed = MEASURED.model_copy(update={"leakage": Leakage(allow=(first,))})
    exact, _ = compare_rows(drawn.connection, allowed, "version")
    assert (exact.leaks, exact.found, exact.allowed) == (0, 1, 1)


def test_a_table_copied_out_of_proportion_is_a_leak_although_each_row_alone_would_be_chance(drawn):
    rng = np.random.default_rng(0)
    columns, split = measured(rng), drawn.parted(rng, ROWS)
    columns = {
        name: np.round(values, 1) if values.dtype.kind == "f" else values for name, values in columns.items()
    }
    train, test = np.flatnonzero(split == "train"), np.flatnonzero(split == "test")
    for values in columns.values():
        values[test[:20]] = values[train[:20]]
    drawn.fill(columns, split)
    exact, _ = compare_rows(drawn.connection, MEASURED, "version")
    assert exact.leaks >= 20


def test_where_no_number_tells_rows_apart_near_twins_are_not_sought_and_that_is_said(drawn):
    rng = np.random.default_rng(0)
    columns = {
        "a": np.zeros(ROWS),
        "b": np.ones(ROWS),
        "k": rng.choice(["x", "y"], ROWS),
        "l": rng.choice(["x"], ROWS),
    }
    drawn.fill(columns, drawn.parted(rng, ROWS))
    _, near = compare_rows(drawn.connection, COUNTED, "version")
    assert near.outcome(COUNTED.leakage).observed.startswith("not compared: by no numbers")
