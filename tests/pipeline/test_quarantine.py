"""What is in quarantine: a bad row is one entry from its first run to the one that resolves it."""

from contextlib import suppress
from datetime import timedelta

from include.core.errors import GateRejected
from include.pipeline.validate import validate
from tests.pipeline.judging import AT, PAYMENTS, RULES, candidate, query, write_suite


def entries(warehouse_url):
    return query(
        warehouse_url,
        "SELECT key, row -> 'amount', reasons, rows, first_run, last_run, resolved_run"
        " FROM quarantine.pay__entries ORDER BY first_seen, key, row::text",
    )


def judged_on(warehouse_url, tmp_path, day, rows, *, batch=None, rules=RULES):
    """The evidence on quarantine that a run of this day leaves, whatever the gate decides."""
    found = candidate(warehouse_url, rows, run=f"day {day}")
    found = found.model_copy(update={"batches": {"shop": batch or day}})
    folders = {"suites": write_suite(tmp_path / "suites", rules), "reports": tmp_path / "reports"}
    with suppress(GateRejected):
        validate(warehouse_url, PAYMENTS, found, at=AT + timedelta(days=day), **folders)
    ((evidence,),) = query(warehouse_url, f"SELECT evidence FROM sluice.validations WHERE run = 'day {day}'")
    return tuple(evidence["quarantine"][name] for name in NEWS) if evidence else None


NEWS = ("open", "opened", "resolved", "since")
GOOD = "(1, 10, 'card', 0), (2, 20, 'card', 1), (10, 30, 'cash', 0)"


def test_a_row_that_is_mended_leaves_quarantine_and_one_that_comes_back_enters_anew(warehouse_url, tmp_path):
    bad = f"{GOOD}, (3, -5, 'card', 0)"
    still = f"{GOOD}, (3, -6, 'shell', 0), (4, -1, 'card', 0)"
    assert judged_on(warehouse_url, tmp_path, 1, bad) == (1, 1, 0, None)
    assert entries(warehouse_url) == [("3", -5, ["amount_positive"], 1, "day 1", "day 1", None)]
    assert judged_on(warehouse_url, tmp_path, 2, still) == (2, 1, 0, "day 1")
    assert entries(warehouse_url) == [
        ("3", -6, ["amount_positive", "method"], 1, "day 1", "day 2", None),
        ("4", -1, ["amount_positive"], 1, "day 2", "day 2", None),
    ]
    assert judged_on(warehouse_url, tmp_path, 3, f"{GOOD}, (3, 6, 'card', 0)") == (0, 0, 2, "day 2")
    assert judged_on(warehouse_url, tmp_path, 4, bad) == (1, 1, 0, "day 3")
    assert entries(warehouse_url) == [
        ("3", -6, ["amount_positive", "method"], 1, "day 1", "day 2", "day 3"),
        ("4", -1, ["amount_positive"], 1, "day 2", "day 2", "day 3"),
        ("3", -5, ["amount_positive"], 1, "day 4", "day 4", None),
    ]
    times = "SELECT first_seen, last_seen, resolved_at FROM quarantine.pay__entries WHERE key = '4'"
    assert query(warehouse_url, times) == [tuple(AT + timedelta(days=day) for day in (2, 2, 3))]
    assert query(warehouse_url, "SELECT count(*) FROM quarantine.pay") == [(4,)]
    said = (tmp_path / "reports" / "pay").rglob("gate.html")
    assert sum("2 resolved since run day 2" in " ".join(page.read_text().split()) for page in said) == 1


def test_rows_without_a_key_are_known_by_their_content_and_rows_of_one_key_are_one_entry(warehouse_url, tmp_path):
    keyed = (*RULES, ("expect_column_values_to_not_be_null", {"column": "id"}, "critical", "id_there"))
    keyless = "(NULL, 1, 'card', 0), (NULL, 2, 'card', 0)"
    bad = f"{GOOD}, (8, 1, 'card', 0), (8, 2, 'card', 0)"
    assert judged_on(warehouse_url, tmp_path, 1, f"{bad}, {keyless}", rules=keyed) == (3, 3, 0, None)
    changed = "(NULL, 1, 'card', 0), (NULL, 3, 'card', 0)"
    assert judged_on(warehouse_url, tmp_path, 2, f"{GOOD}, {changed}", rules=keyed) == (2, 1, 2, "day 1")
    assert entries(warehouse_url) == [
        ("8", 1, ["id_unique"], 2, "day 1", "day 1", "day 2"),
        (None, 1, ["id_there"], 1, "day 1", "day 2", None),
        (None, 2, ["id_there"], 1, "day 1", "day 1", "day 2"),
        (None, 3, ["id_there"], 1, "day 2", "day 2", None),
    ]


def test_a_run_that_judged_in_part_or_on_an_older_batch_resolves_nothing(warehouse_url, tmp_path):
    broken = (
        *RULES,
        ("expect_column_values_to_match_regex", {"column": "method", "regex": "("}, "info", "broken"),
    )
    bad = f"{GOOD}, (3, -5, 'card', 0)"
    assert judged_on(warehouse_url, tmp_path, 1, bad, batch=7) == (1, 1, 0, None)
    assert judged_on(warehouse_url, tmp_path, 2, f"{GOOD}, (4, -1, 'card', 0)", batch=7, rules=broken) == (
        2, 1, 0, "day 1",
    )  # fmt: skip
    assert judged_on(warehouse_url, tmp_path, 3, "", batch=7) == (2, 0, 0, "day 1")
    assert judged_on(warehouse_url, tmp_path, 4, f"{GOOD}, (5, -1, 'card', 0)", batch=6) is None
    assert entries(warehouse_url) == [
        ("3", -5, ["amount_positive"], 1, "day 1", "day 1", None),
        ("4", -1, ["amount_positive"], 1, "day 2", "day 2", None),
    ]
    assert judged_on(warehouse_url, tmp_path, 5, bad, batch=8) == (1, 0, 1, "day 1")
    assert entries(warehouse_url) == [
        ("3", -5, ["amount_positive"], 1, "day 1", "day 5", None),
        ("4", -1, ["amount_positive"], 1, "day 2", "day 2", "day 5"),
    ]
