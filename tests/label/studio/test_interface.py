"""The labelling interface: one control a question, every value escaped, nothing that could not be shown."""

from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.core.errors import FatalError
from include.label.studio.interface import Question, Shown, interface

TEXT = [Shown("text")]
# What XML can carry at all.
WORDS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xD7FF, exclude_characters="\x7f"), min_size=1)


def test_a_choice_of_one_class():
    assert interface(TEXT, [Question("text", labels=("good", "bad"), hint="How is it?")]) == (
        '<View><Text name="text" value="$text" /><Header value="How is it?" />'
        '<Choices name="label" toName="text" required="true" choice="single">'
        '<Choice value="good" /><Choice value="bad" /></Choices></View>'
    )


@pytest.mark.parametrize(
    ("shown", "question", "made"),
    [
        (
            Shown("text"),
            Question("text", labels=("a",), several=True, required=False),
            '<Choices name="label" toName="text" choice="multiple"><Choice value="a" /></Choices>',
        ),
        (
            Shown("text"),
            Question("text", "span", "entities", labels=("PER", "ORG")),
            '<Labels name="entities" toName="text" required="true"><Label value="PER" />'
            '<Label value="ORG" /></Labels>',
        ),
        (
            Shown("text"),
            Question("text", "taxonomy", paths=(("a", "b"), ("a", "c"), ("d",)), several=True),
            '<Taxonomy name="label" toName="text" required="true"><Choice value="a"><Choice value="b" />'
            '<Choice value="c" /></Choice><Choice value="d" /></Taxonomy>',
        ),
        (
            Shown("text"),
            Question("text", "words", "why"),
            '<TextArea name="why" toName="text" required="true" maxSubmissions="1" />',
        ),
        (
            Shown("photo", "image"),
            Question("photo", "rectangle", "boxes", labels=("cat",)),
            '<RectangleLabels name="boxes" toName="photo" required="true"><Label value="cat" /></RectangleLabels>',
        ),
        (
            Shown("call", "audio"),
            Question("call", "time_range", "speaker", labels=("A",)),
            '<Labels name="speaker" toName="call" required="true"><Label value="A" /></Labels>',
        ),
        (
            Shown("series", "time_series", channels=("volt", "ampere"), time="t"),
            Question("series", "time_range", "event", labels=("rise",)),
            '<TimeSeriesLabels name="event" toName="series" required="true"><Label value="rise" />'
            "</TimeSeriesLabels>",
        ),
    ],
    ids=lambda part: part.kind if isinstance(part, Question) else "",
)
def test_each_kind_of_question_has_its_control(shown, question, made):
    assert interface([shown], [question]).endswith(f"{made}</View>")


def test_a_time_series_names_its_time_and_its_channels():
    made = interface(
        [Shown("series", "time_series", channels=("volt", "a & b"))], [Question("series", labels=("x",))]
    )
    assert made.startswith(
        '<View><TimeSeries name="series" value="$series" valueType="json" timeColumn="time">'
        '<Channel column="volt" /><Channel column="a &amp; b" /></TimeSeries>'
    )


@given(st.lists(WORDS, min_size=1, max_size=5, unique=True), WORDS)
def test_every_value_comes_out_of_the_xml_as_it_went_in(labels, hint):
    made = fromstring(interface(TEXT, [Question("text", labels=tuple(labels), hint=hint)]))  # noqa: S314  (our own)
    assert [choice.get("value") for choice in made.iter("Choice")] == labels
    assert [header.get("value") for header in made.iter("Header")] == [hint]
    assert {part.tag for part in made.iter()} == {"View", "Text", "Header", "Choices", "Choice"}


@pytest.mark.parametrize(
    ("shown", "questions", "told"),
    [
        (TEXT, [], "asks nothing"),
        (TEXT, [Question("title", labels=("a",))], "'title', which is not shown. Fix: ask about one of: text"),
        (TEXT, [Question("text", labels=("a",))] * 2, "'label' names more than one part"),
        (TEXT, [Question("text", labels=("a",), name="text")], "'text' names more than one part"),
        (TEXT, [Question("text", "rectangle", labels=("a",))], "asks for a rectangle of text data"),
        (TEXT, [Question("text")], r"has the labels \[\]"),
        (TEXT, [Question("text", labels=("a", "a"))], r"has the labels \['a', 'a'\]"),
        (TEXT, [Question("text", labels=("a", ""))], r"has the labels \['a', ''\]"),
        (TEXT, [Question("text", labels=("a",), paths=(("a",),))], "nothing but labels"),
        (TEXT, [Question("text", "taxonomy", labels=("a",))], r"has the paths \[\]"),
        (TEXT, [Question("text", "taxonomy", paths=((),))], r"has the paths \[\(\)\]"),
        (TEXT, [Question("text", "words", labels=("a",))], "asks for words"),
        (TEXT, [Question("text", labels=("a\x07",))], "a sign that XML cannot carry"),
        ([Shown("the text")], [Question("the text", labels=("a",))], "cannot show a column named 'the text'"),
        ([Shown("ts", "time_series")], [Question("ts", labels=("a",))], "'ts' has no channels"),
    ],
)
def test_what_could_not_be_shown_is_refused(shown, questions, told):
    with pytest.raises(FatalError, match=told):
        interface(shown, questions)
