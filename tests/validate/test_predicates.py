"""The rows we call bad are those Great Expectations counts: same data, every type, every kind of missing value."""

import json
from collections import defaultdict

import pytest
from great_expectations.expectations.registry import (
    get_expectation_impl,
    list_registered_expectation_implementations,
)

from include.core.errors import FatalError
from include.validate.checkpoint import run_checkpoint
from include.validate.predicates import PREDICATES, judged_whole, refuse_untold
from include.validate.rows import judge
from include.validate.scope import is_counted_in_sql, why_whole
from include.validate.suite import Expectation, Suite, load_suite
from include.warehouse.connection import transaction
from include.warehouse.prepare import prepare
from tests.validate.predicate_cases import COLUMNS, ROWS, TABLE, entries


def counted_in_sql():
    """Every row-level type that Great Expectations has SQL for, by its own registry."""
    known = {name: get_expectation_impl(name) for name in list_registered_expectation_implementations()}
    return sorted(name for name, found in known.items() if why_whole(found) is None and is_counted_in_sql(found))


@pytest.fixture(scope="module")
def counts(postgres, tmp_path_factory):
    """For each type (rule, Great Expectations' count, ours), of one checkpoint and one scan over all cases."""
    folder, name = tmp_path_factory.mktemp("suites"), "agreement"
    (folder / "mixed.json").write_text(json.dumps({"expectations": entries()}))
    suite = load_suite(folder, "mixed", COLUMNS)
    rules = [e for e in suite.expectations if e.row_level]
    postgres.create_database(name)
    prepare(postgres.url(name), login="agreement", password="a test's own password")
    url = postgres.url(name, user="agreement", password="a test's own password")
    with transaction(url) as connection:
        connection.cursor().execute(TABLE)
    outcomes = run_checkpoint(url, "staging", "mixed", suite, "r").outcomes
    with transaction(url) as connection:
        verdict = judge(connection, "mixed", "id", "bad", rules)
    counted = {o.rule: o.exception or o.unexpected for o in outcomes}
    found = defaultdict(list)
    for rule in rules:
        found[rule.type].append((rule.rule, counted[rule.rule], verdict.reasons.get(rule.rule, 0)))
    return found


@pytest.mark.parametrize("kind", counted_in_sql())
def test_our_bad_rows_are_as_many_as_great_expectations_counts(counts, kind):
    assert [case for case in counts[kind] if case[1] != case[2]] == []
    # The comparison means something: some rule of the type finds rows, and not all of them.
    assert any(0 < theirs < ROWS for _, theirs, _ in counts[kind])


def test_most_of_the_compared_rules_find_some_rows_and_not_all(counts):
    found = [ours for rules in counts.values() for _, _, ours in rules]
    assert sum(0 < count < ROWS for count in found) > len(found) * 0.8


def test_every_predicate_is_of_a_type_that_great_expectations_counts_in_sql():
    assert sorted(PREDICATES) == counted_in_sql()


def expectation(kind, **kwargs):
    return Expectation("a rule", kind, kwargs, "critical", True, {})


def test_a_critical_rule_whose_rows_cannot_be_told_apart_is_refused():
    theirs = expectation("expect_column_values_to_be_prime", column="n")
    assert judged_whole(theirs) == "its bad rows are counted, and cannot be told apart"
    with pytest.raises(FatalError, match=r"a rule \(expect_column_values_to_be_prime.*Fix: lower its severity to"):
        refuse_untold(Suite("s", (theirs,), "h", ""))


def test_values_of_a_suite_are_literals_never_sql(warehouse_url):
    rule = expectation(
        "expect_column_values_to_be_in_set", column="s", value_set=["x'); DROP TABLE staging.mixed; --"]
    )
    with transaction(warehouse_url) as connection:
        connection.cursor().execute(TABLE)
        assert judge(connection, "mixed", "id", "bad", [rule]).reasons == {"a rule": 10}
        assert judge(connection, "mixed", "id", "bad", []).rejected == 0
