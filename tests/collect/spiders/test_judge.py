"""A record becomes a row that Postgres can hold, or a rejection that says why not."""

import json

import pytest

from include.collect.spiders.judge import Judge
from include.collect.spiders.records import Found, Record, Seen
from include.core.crawl import Link


class Thing(Record):
    table = "things"
    key = "name"

    name: str
    size: int | None


class Refusing(Thing):
    @classmethod
    def model_validate(cls, *_args, **_named):
        raise RuntimeError("a model's own fault")


@pytest.fixture
def judged(tmp_path, capsys):
    def judge(model=Thing, **values):
        Judge(tmp_path).process_item(Seen(Link("/a"), "read", found=(Found(model, values),)))
        said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        # Should the process die of it, there is something to tell all the same.
        assert (said[0]["reading"]["visit"], said[0]["reading"]["reason"]) == ("/a", "spider: killed")
        seen = said[1]["seen"]
        return seen["rows"], [(key, reasons) for _, key, _, reasons in seen["rejected"]]

    return judge


def test_a_good_record_is_a_row_under_its_key(judged):
    assert judged(name="a", size=3) == ([["things", "a", ["a", "3"]]], [])


@pytest.mark.parametrize(
    ("name", "size", "reasons"),
    [
        ("a", 2**63, ["size: out_of_range"]),
        ("a", -(2**63) - 1, ["size: out_of_range"]),
        ("a\x00", 1, ["name: badly_encoded"]),
        ("a\ud800", 1, ["name: string_unicode"]),
        ("", 1, ["name: no_key"]),
        ("a" * 2_001, 1, ["name: too_long"]),
        ("a", "many", ["size: int_parsing"]),
        ("a\x00", 2**63, ["name: badly_encoded", "size: out_of_range"]),
        ("", "many", ["name: no_key", "size: int_parsing"]),
    ],
)
def test_what_no_table_could_hold_is_rejected(judged, name, size, reasons):
    rows, [(key, said)] = judged(name=name, size=size)
    assert (rows, said) == ([], reasons)
    assert "\x00" not in key.encode().decode()


def test_a_model_that_fails_rejects_its_record_and_no_more(judged):
    assert judged(Refusing, name="a", size=1) == ([], [("a", ["record: RuntimeError"])])
