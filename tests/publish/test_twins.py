"""What a comparison found becomes an outcome that names rows, and evidence that JSON can hold."""

import json

from include.publish.twins import EXAMPLES, Compared, Twins
from include.specs import Leakage


def test_a_leak_names_rows_and_twins_by_chance_do_not():
    found = Compared("rows", "none", rows=90, pairs=40, found=3, by_chance=2.5, examples=(("a", "b"),))
    assert found.outcome(Leakage()).success
    assert found.outcome(Leakage()).observed == "3 in 90 rows (2.5 by chance)"
    leak = Compared("rows", "none", rows=90, pairs=40, found=3, leaks=2, examples=(("a", "b"), ("c", "d")))
    assert leak.outcome(Leakage()).observed == "2 of 3 in 90 rows, such as 'a' and 'b', 'c' and 'd'"
    assert json.loads(json.dumps(leak.evidence()))["examples"] == [["a", "b"], ["c", "d"]]


def test_the_most_surprising_twins_are_the_examples_and_declared_exceptions_are_none():
    twins = Twins()
    for n in range(30):
        twins.add(f"a{n}", f"b{n}", 1e-6 * (30 - n), frozenset({"a29", "b28"}))
    leaks, examples = twins.judged(Leakage())
    assert (leaks, twins.allowed, len(examples)) == (28, 2, EXAMPLES)
    assert examples[:2] == (("a27", "b27"), ("a26", "b26"))
