import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.core.annotations import Annotation, Choice, Item, Labelled
from include.core.errors import FatalError
from include.label.formats.sheets import read_csv, read_jsonl, read_sheet, sheet, without, write_csv

ITEMS = [Item(key="1", data={"text": "fine"}), Item(key="2", data={"text": "=SUM(A1:A9)"}), Item(key="3")]
CLASSES = ("neg", "pos")


def test_an_empty_sheet_has_a_line_an_item_and_columns_for_the_answer():
    assert sheet(ITEMS).decode() == (
        "key,text,label,annotator,at,seconds\r\n1,fine,,,,\r\n2,'=SUM(A1:A9),,,,\r\n3,,,,,\r\n"
    )
    first = json.loads(sheet(ITEMS, "jsonl").splitlines()[0])
    assert first == {"key": "1", "text": "fine", "label": "", "annotator": "", "at": "", "seconds": ""}


def test_a_filled_sheet_is_read_back_and_blank_lines_wait():
    filled = sheet(ITEMS).replace(b"1,fine,,,,", b"1,fine, pos ,ann,2026-01-02T03:04:05+01:00,2.5")
    found = read_sheet(filled, "csv", items=ITEMS, classes=CLASSES)
    (said,) = found.labelled[0].annotations
    assert (said.choice(), said.annotator, said.seconds) == ("pos", "ann", 2.5)
    assert said.at == datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)
    assert [one.item for one in found.labelled] == ITEMS and found.faults == ()
    assert [len(one.annotations) for one in found.labelled] == [1, 0, 0]


BAD = b"""key,text,label,annotator,at,seconds
1,fine,pos,ann,,
1,fine,neg,ann,,
1,fine,neg,bob,,
2,x,maybe,ann,yesterday,-3
9,x,pos,ann,,
9,x,maybe,ann,2026-01-02T03:04:05,soon
,x,pos,ann,,
3,x,neg,ann,,
2,x,po"""


def test_every_bad_line_is_told_with_every_reason_and_good_lines_are_kept():
    found = read_sheet(BAD, "csv", items=ITEMS, classes=CLASSES)
    told = {fault.where: fault.reasons for fault in found.faults}
    assert told == {
        "line 3": ("the annotator has answered for this item already: 'pos', then 'neg'",),
        "line 5": (
            "'maybe' is none of the classes neg, pos",
            "at is 'yesterday', which is no time of ISO 8601",
            "seconds is '-3', which is no duration",
        ),
        "line 6": ("no item '9' was asked for",),
        "line 7": (
            "no item '9' was asked for",
            "'maybe' is none of the classes neg, pos",
            "at is '2026-01-02T03:04:05', which names no zone",
            "seconds is 'soon', which is no duration",
        ),
        "line 8": ("it names no item: key is empty",),
        "line 10": (
            "it has 3 cells, the header 6: is the file half written?",
            "'po' is none of the classes neg, pos",
        ),
    }
    said = [(a.item, a.annotator, a.choice()) for one in found.labelled for a in one.annotations]
    assert said == [("1", "ann", "pos"), ("1", "bob", "neg"), ("3", "ann", "neg")]


def test_the_same_is_said_of_json_lines():
    records = [
        b'{"key": 1, "label": "pos", "annotator": "ann", "seconds": 2}',
        b'{"key": "1", "label": "neg", "annotator": "ann"}',
        b'{"key": "7", "label": "maybe"}',
        b"[1]",
        b'{"key": "2", "lab',
    ]
    found = read_sheet(b"\n".join(records), "jsonl", items=ITEMS, classes=CLASSES)
    assert [(fault.where, len(fault.reasons)) for fault in found.faults] == [
        ("line 2", 1), ("line 3", 2), ("line 4", 1), ("line 5", 1),
    ]  # fmt: skip
    assert "half written" in found.faults[-1].reasons[0]
    assert [a.choice() for one in found.labelled for a in one.annotations] == ["pos"]


def test_a_sheet_with_faults_is_refused_whole_where_a_whole_is_asked_for():
    bad = b"key,label,annotator\n1,pos,ann\n1,neg,ann\n,pos,ann\n"
    with pytest.raises(FatalError, match=r"2 lines of the sheet are bad: line 3: .*; line 4: it names no item"):
        read_csv(bad)
    with pytest.raises(FatalError, match="half written"):
        read_jsonl(b'{"key": "1", "label": "pos"}\n{"key": "2", "la')


def test_a_broken_quote_does_not_lose_the_lines_before_it():
    found = read_sheet(b'key,label\n1,pos\n2,"ne', "csv")
    assert [one.annotations[0].choice() for one in found.labelled] == ["pos"]
    assert "half written" in found.faults[0].reasons[0]


def test_a_sheet_saved_by_a_spreadsheet_of_another_country_is_read():
    assert read_csv("\ufeffkey;text;label\r\n1;'=a;pos\r\n".encode())[0].item.data == {"text": "=a"}


def test_lines_that_name_nobody_are_whoever_filled_in_the_sheet():
    (one,) = read_sheet(b"key,label\n1,pos\n", "csv", annotator="ann").labelled
    assert one.annotations[0].annotator == "ann"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "header is empty; key and label is missing"),
        (b"text,label\nfine,pos\n", "key is missing"),
        (b"key,label,label\n1,a,b\n", "two columns 'label'"),
        (b"key,label\n1,caf\xe9\n", "not UTF-8"),
    ],
)
def test_a_file_that_is_no_sheet_is_refused(data, said):
    with pytest.raises(FatalError, match=said):
        read_sheet(data, "csv")


@pytest.mark.parametrize("name", ["key", "label", "annotator", "at", "seconds"])
def test_a_data_column_with_the_name_of_an_answer_is_refused(name):
    with pytest.raises(FatalError, match=f"data column '{name}'"):
        sheet([Item(key="1", data={name: "x"})])


CELLS = st.text(st.sampled_from("=+-@'\t\r\n ,\"ab1"), min_size=1, max_size=5)


@given(key=CELLS, cell=CELLS, name=CELLS)
def test_no_cell_is_a_formula_and_every_cell_comes_back(key, cell, name):
    import csv
    import io

    data = sheet([Item(key=key, data={f"c{name}": cell})])
    rows = list(csv.reader(io.StringIO(data.decode(), newline="")))
    assert not any(c.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for c in row)
    (one,) = read_csv(data)
    assert (one.item.key, one.item.data) == (key, {f"c{name}": cell})


def test_answers_that_a_sheet_has_no_room_for_are_told():
    several = Annotation(item="1", annotator="a", regions=(Choice(labels=("pos", "neg")),))
    other = Annotation(item="1", annotator="b", regions=(Choice(name="mood", labels=("pos",)),))
    skipped = Annotation(item="1", annotator="c", skipped=True)
    losses = write_csv([Labelled(item=ITEMS[0], annotations=(several, other, skipped))]).losses
    told = {loss.what: loss.count for loss in losses}
    assert (told["annotation"], told["choice"], told["annotation.skipped"]) == (3, 3, 1)


def test_a_second_answer_of_an_annotator_has_no_room_in_a_sheet_and_is_told():
    said = [Annotation(item="1", annotator="ann", regions=(Choice(labels=(label,)),)) for label in ("pos", "neg")]
    made = write_csv([Labelled(item=ITEMS[0], annotations=tuple(said))])
    assert [a.choice() for a in read_csv(made.data)[0].annotations] == ["pos"]
    assert ("choice", 1, "1, neg") in [(loss.what, loss.count, loss.example) for loss in made.losses]


@pytest.mark.parametrize(
    ("kind", "data", "left"),
    [
        ("csv", b"key,label\r\n1,pos\r\n 2 ,neg\r\n3,pos\r\n", b"key,label\r\n1,pos\r\n3,pos\r\n"),
        (
            "csv",
            b'\xef\xbb\xbfkey;text;label\n2;"a;\nb";neg\n3;"c\n2";\n',
            b'\xef\xbb\xbfkey;text;label\r\n3;"c\n2";\r\n',
        ),
        ("csv", b"label,key\n'=x,3\npos,2\n", b"label,key\r\n'=x,3\r\n"),
        ("csv", b"key,label\n2,pos\n\n", b""),
        ("jsonl", b'{"key": 2, "label": "pos"}\n\n{"key": "12", "x":1}\n', b'{"key": "12", "x":1}\n'),
    ],
)
def test_lines_of_some_items_are_taken_out_and_all_others_stay_as_they_are(kind, data, left):
    assert without(data, kind, lambda key: key == "2") == (left, 1)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("csv", b"a,b\n2,pos\n"),
        ("csv", b"key,label\n2\n"),
        ("csv", b"\xff\xfe"),
        ("jsonl", b'{"key": "2"'),
    ],
)
def test_of_what_cannot_be_read_no_line_is_taken_out(kind, data):
    with pytest.raises(FatalError):
        without(data, kind, lambda key: key == "2")
