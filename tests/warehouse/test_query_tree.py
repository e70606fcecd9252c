"""Postgres' trees as text: nodes, lists, nothing, constants and protected names."""

from include.warehouse.query_tree import name_of, parse


def test_a_tree_is_nodes_of_fields_and_lists():
    (query,) = parse('({QUERY :hasAggs true :rtable ({A :n 1} {B :names ("k" "x\\ y")}) :quals <> :ints (i 1 2)})')
    assert (query.kind, query.fields["hasAggs"], query.fields["quals"]) == ("QUERY", "true", None)
    first, second = query.children("rtable")
    assert (first.kind, first.number("n")) == ("A", 1)
    assert [name_of(name) for name in second.fields["names"]] == ["k", "x y"]
    assert query.fields["ints"] == ["i", "1", "2"]
    assert query.children("absent") == []


def test_a_constant_s_bytes_are_passed_over():
    found = parse("{CONST :constvalue 4 [ 3 0 0 0 -1 ] :location -1}")
    assert (found.fields["constvalue"], found.fields["location"]) == ("4", "-1")


def test_a_name_may_hold_anything():
    entry = parse(r"{T :resname weird\ \(\{\)\\\ name :resno 1}")
    assert name_of(entry.fields["resname"]) == r"weird ({)\ name"
    assert parse("{T :resname :odd :resno 1}").fields == {"resname": ":odd", "resno": "1"}
    assert name_of(None) is None
