"""CoNLL: a sentence a text, of which each token has a line."""

import pytest

from include.core.annotations import Annotation, Item, Labelled, Span
from include.core.errors import FatalError
from include.label.formats import conll

EU = b"""-DOCSTART- -X- O
EU -X- _ B-ORG
rejects -X- _ O
German -X- _ B-MISC
call -X- _ I-MISC
. -X- _ O

Peter -X- _ B-PER
Blackburn -X- _ I-PER

"""


def test_a_conll_file_is_a_text_a_sentence():
    first, second = conll.read(EU)
    assert first.item.data == {"text": "EU rejects German call ."}
    assert [(s.labels[0], s.text) for s in first.annotations[0].regions] == [
        ("ORG", "EU"),
        ("MISC", "German call"),
    ]
    assert second.annotations[0].regions == (Span(labels=("PER",), start=0, end=15, text="Peter Blackburn"),)


def test_a_conll_file_finds_its_places_again_in_the_texts_that_were_sent():
    items = [
        Item(key="a", data={"text": "EU  rejects\tGerman\ncall."}),
        Item(key="b", data={"text": "PeterBlackburn"}),
    ]
    first, second = conll.read(EU, items=items)
    assert [(s.start, s.end, s.text) for s in first.annotations[0].regions] == [
        (0, 2, "EU"),
        (12, 23, "German\ncall"),
    ]
    assert (second.item.key, second.annotations[0].regions[0].end) == ("b", 14)


def test_a_conll_file_of_other_texts_is_refused():
    with pytest.raises(FatalError, match="2 texts, and 1 items are given"):
        conll.read(EU, items=[Item(key="a")])
    items = [Item(key="a", data={"text": "EU rejects all"}), Item(key="b")]
    with pytest.raises(FatalError, match="token 'German' is not in the text of item 'a'"):
        conll.read(EU, items=items)


@pytest.mark.parametrize(
    ("line", "said"), [("EU -X- _", "Line 2.*fewer than four columns"), ("EU -X- _ ORG", "'ORG' is none of IOB2")]
)
def test_a_bad_line_of_conll_is_refused(line, said):
    with pytest.raises(FatalError, match=said):
        conll.read(f"-DOCSTART- -X- O\n{line}\n".encode())


def test_spans_that_overlap_in_a_conll_file_are_told():
    spans = tuple(Span(labels=(label,), start=0, end=end) for label, end in (("A", 2), ("B", 10)))
    item = Item(key="a", data={"text": "EU rejects"})
    losses = conll.write(
        [Labelled(item=item, annotations=(Annotation(item="a", annotator="", regions=spans),))]
    ).losses
    assert [(loss.what, loss.count) for loss in losses] == [("item.key", 1), ("span", 1), ("span.place", 1)]
