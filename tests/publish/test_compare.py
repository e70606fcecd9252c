"""What two manifests, suites and texts differ in."""

import json

from include.publish.compare import Fact, Rules, facts, lines, rules


def test_facts_are_told_by_their_path_and_what_is_each_versions_own_is_left_out():
    before = {
        "version": 1, "run": "a", "seed": 7, "sources": [{"source": "shop", "batch": 3}], "made": 4,
        "gate": {"report": "x", "rows": 9}, "libraries": {"numpy": "1"},
    }  # fmt: skip
    after = {
        "version": 2, "run": "b", "seed": 7, "sources": [{"source": "shop", "batch": 5}], "made": 4,
        "gate": {"report": "y", "rows": 8}, "libraries": {"scipy": "2"},
    }  # fmt: skip
    assert facts(before, after) == [
        Fact("gate.rows", "9", "8"), Fact("libraries.numpy", "1", None), Fact("libraries.scipy", None, "2"),
        Fact("sources.shop.batch", "3", "5"),
    ]  # fmt: skip


def test_rules_are_added_removed_or_say_another_thing():
    def suite(**least):
        return json.dumps(
            [{"type": "x", "kwargs": {"min_value": n}, "meta": {"rule": rule}} for rule, n in least.items()]
        )

    found = rules(suite(amount=1, hour=2), suite(hour=3, device=4))
    assert (found.added, found.removed, [fact.name for fact in found.changed]) == (
        ("device",),
        ("amount",),
        ["hour"],
    )
    assert rules(suite(a=1), suite(a=1)) == Rules()


def test_texts_differ_line_by_line():
    assert lines("SELECT 1\nFROM a", "SELECT 1\nFROM b") == ("@@ -1,2 +1,2 @@", " SELECT 1", "-FROM a", "+FROM b")
    assert lines("SELECT 1", "SELECT 1") == ()
