import pytest
from pydantic import TypeAdapter, ValidationError

from include.specs.rules import Coded, Keyword, Regex, Rule, Sql

RULES = (
    Keyword(name="praise", label="pos", column="text", words=("great", "superb")),
    Regex(name="advice", label="pos", column="text", pattern="worth (?:it|seeing)"),
    Sql(name="dear", label="neg", where="price > 100"),
    Coded(implementation="include.sample.rules:short"),
)


def test_rules_survive_being_written_down_each_by_its_kind():
    adapter = TypeAdapter(tuple[Rule, ...])
    assert adapter.validate_json(adapter.dump_json(RULES)) == RULES


@pytest.mark.parametrize(
    "make",
    [
        lambda: Keyword(name="praise", label="pos", column="text", words=()),
        lambda: Keyword(name="praise", label="pos", column="text", words=("",)),
        lambda: Keyword(name="praise", label="pos", column="text", words=("x",), weight=3),
        lambda: Regex(name="advice", label="pos", column="text", pattern=""),
        lambda: Sql(name="Dear!", label="neg", where="price > 100"),
        lambda: Coded(implementation="include.sample.rules.short"),
    ],
)
def test_a_rule_that_says_nothing_or_too_much_is_refused(make):
    with pytest.raises(ValidationError):
        make()
