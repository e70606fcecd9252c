"""Label Studio's CSV: files as it writes them."""

import pytest

from include.core.annotations import Span, Words
from include.core.errors import FatalError
from include.label.formats import label_studio_csv
from tests.label.formats.there_and_back import through

CSV = b"""text,shop,id,mood,ner,annotator,annotation_id,created_at,updated_at,lead_time\r
"a, b",1,42,pos,"[{""start"":0,""end"":4,""text"":""fine"",""labels"":[""X""]}]",3,7,2026-01-02T03:04:05Z,,4.2\r
"a, b",1,42,"{""choices"":[""pos"",""neg""]}",,4,8,2026-01-02T03:04:05Z,2026-01-02T03:05:00Z,\r
not yet,2,43,,,,,,,\r
"""


def test_a_csv_of_label_studio_is_read_by_its_columns_places():
    first, waiting = label_studio_csv.read(CSV)
    one, other = first.annotations
    assert (first.item.key, first.item.data) == ("42", {"text": "a, b", "shop": "1"})
    assert (one.choice("mood"), one.annotator, one.id, one.seconds) == ("pos", "3", "7", 4.2)
    assert one.regions[1] == Span(name="ner", labels=("X",), start=0, end=4, text="fine")
    assert other.regions[0].labels == ("pos", "neg") and other.at.minute == 5
    assert (waiting.item.key, waiting.annotations) == ("43", ())
    assert through(label_studio_csv, [first, waiting]) == ((), True)


SORTED = b"""agreement\tannotation_id\tannotator\tcreated_at\tid\tlead_time\tmood\ttext\tupdated_at\twhy\r
0.5\t7\t"ann@example.com"\t"2026-01-02T03:04:05Z"\t1\t4.5\t"pos"\t"fine"\t"2026-01-02T03:05:00Z"\t"so"\r
"""


def test_a_file_that_label_studio_wrote_is_read_with_the_names_of_its_controls():
    (one,) = label_studio_csv.read(SORTED, controls={"mood": "choices", "why": "textarea"})
    (said,) = one.annotations
    assert (said.choice("mood"), said.regions[1], one.item.data) == (
        "pos", Words(name="why", texts=("so",)), {"text": "fine"},
    )  # fmt: skip
    assert said.extra == {"agreement": "0.5", "created_at": "2026-01-02T03:04:05Z"}
    assert through(label_studio_csv, [one]) == ((), True)


def test_a_file_whose_controls_nobody_names_is_refused():
    with pytest.raises(FatalError, match=r"Which of the columns .*mood.* are controls"):
        label_studio_csv.read(SORTED)
    with pytest.raises(FatalError, match="no column 'moods'"):
        label_studio_csv.read(SORTED, controls=["moods"])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a,b\n1,2\n", "columns id and annotator are missing"),
        (CSV[:-12] + b"\r\n44,\r\n", "half written"),
        (CSV + b'"broken', "half written"),
    ],
)
def test_a_csv_that_is_none_is_refused(data, said):
    with pytest.raises(FatalError, match=said):
        label_studio_csv.read(data)
