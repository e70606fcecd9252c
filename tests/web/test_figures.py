"""From manifests to what the pages show."""

from include.web.figures import Bar, bars


def test_bars_stand_in_relation_to_the_longest_of_both_moments():
    assert bars({"true": 10, "false": 100}, {"false": 100, "true": 200}) == [
        Bar("false", 100, 100, 50.0, 50.0),
        Bar("true", 10, 200, 5.0, 100.0),
    ]


def test_a_class_that_only_one_moment_knows_is_nothing_in_the_other():
    assert bars({"a": 4}, {"b": 2}) == [Bar("a", 4, 0, 100.0, 0.0), Bar("b", 0, 2, 0.0, 50.0)]


def test_no_rows_are_no_bars():
    assert bars({}, {}) == []
