"""Every format: what it keeps comes back bit for bit, and what it loses is told."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from include.core.annotations import Annotation, Choice, Item, Labelled, Other, Rectangle, Span
from include.core.errors import FatalError
from include.label.formats.registry import BESIDE, FORMATS, KINDS, read, table, write
from include.label.formats.report import facts
from tests.label.formats.made import NAMES, TEXT, labelled, regions

EVERY = pytest.mark.parametrize("key", FORMATS)
CARRIED = [(key, kind) for key, one in FORMATS.items() for kind in KINDS if kind in one.carries]
ANYTHING = st.sampled_from(KINDS).flatmap(lambda kind: regions(kind, labels=2, beside=True, name=NAMES))
HURRIED = {"deadline": None, "suppress_health_check": list(HealthCheck)}
# What takes the place of something lost: who is told by an empty name, where data goes that is no data, and ids
# that a file must have. No class, no place and no annotator is ever among these.
INSTEAD = {"item", "item.data", "item.extra", "annotation", "annotation.extra", "region.id", "region.text"}


def counted(said):
    return Counter(facts(said))


def alone(region, **about):
    said = Annotation(item="k", annotator="", regions=(region,), **about)
    return [Labelled(item=Item(key="k", data={"text": TEXT}), annotations=(said,))]


@EVERY
@settings(max_examples=25, **HURRIED)
@given(said=labelled(ANYTHING))
def test_what_is_read_back_is_what_was_written_but_for_the_losses_told(key, said):
    made = write(key, said)
    back = read(key, made.data)
    missing = counted(said) - counted(back)
    told = Counter({loss.what: loss.count for loss in made.losses})
    if key != "conll":  # items are told by their place there, and their facts by another key
        assert told == Counter(what for what, *_ in missing.elements())
    new = {what for what, *_ in counted(back) - counted(said)}
    assert key == "conll" or new <= INSTEAD | set(told)


@pytest.mark.parametrize(("key", "kind"), CARRIED)
@settings(max_examples=20, **HURRIED)
@given(data=st.data())
def test_a_kind_that_a_format_carries_comes_back_bit_for_bit(key, kind, data):
    region = data.draw(regions(kind, turned="region.rotation" in FORMATS[key].keeps))
    if key == "conll":
        words = TEXT[region.start : region.end]
        assume(words == words.strip())
    said = alone(region)
    made = write(key, said)
    assert kind not in {loss.what for loss in made.losses}
    (back,) = read(key, made.data, **({"items": [said[0].item]} if key == "conll" else {}))
    assert back.item.key == "k"
    ((found,),) = (annotation.regions for annotation in back.annotations)
    aside = {"id", "extra", "text"} if kind == "span" else {"id", "extra"}
    assert found.model_dump(exclude=aside) == region.model_dump(exclude=aside)


FIGURES = ("rectangle", "polygon", "polyline", "keypoint", "ellipse", "mask")
# What of a format's kinds one annotation may hold any number of, of any sort.
MIXED = {
    key: [kind for kind in KINDS if kind in one.carries and (kind in FIGURES or key not in ("scale", "prodigy"))]
    for key, one in FORMATS.items()
    if key not in ("conll", "csv", "jsonl", "ground_truth")
} | {"ground_truth": ["rectangle"]}


@pytest.mark.parametrize("key", MIXED)
@settings(max_examples=20, **HURRIED)
@given(data=st.data())
def test_every_region_of_every_annotator_comes_back(key, data):
    one = FORMATS[key]
    turned = "region.rotation" in one.keeps
    drawn = st.lists(st.sampled_from(MIXED[key]).flatmap(lambda kind: regions(kind, turned=turned)), max_size=5)
    people = ["ann", "bob", "7"] if "annotation.annotator" in one.keeps else [""]
    said = [Annotation(item="k", annotator=who, regions=tuple(data.draw(drawn))) for who in people]
    before = [Labelled(item=Item(key="k"), annotations=tuple(said))]
    made = write(key, before)
    (after,) = read(key, made.data)
    lost = {loss.what for loss in made.losses}
    assert lost <= {"annotation"}  # of a person who drew nothing, where no annotation can be empty
    held = [[r.model_dump(exclude={"id", "extra"}) for r in a.regions] for a in after.annotations if a.regions]
    drawn_by_each = [[r.model_dump(exclude={"id", "extra"}) for r in a.regions] for a in said if a.regions]
    if key == "labelbox":  # which has figures first, then answers
        held, drawn_by_each = ([sorted(some, key=repr) for some in each] for each in (held, drawn_by_each))
    assert held == drawn_by_each


SHAPE = {"image_width": 64, "image_height": 48}
AT = datetime(2026, 5, 4, 3, 2, 1, 987654, tzinfo=UTC)
GUESS = Annotation(item="k", annotator="m", origin="model", regions=(Choice(labels=("cat",)),))
OF_AN_ITEM = {
    "item.key": Item(key="k é/1", data={"text": TEXT}),
    "item.data": Item(key="k", data={"text": TEXT, "stars": 5}),
    "item.extra": Item(key="k", data={"text": TEXT}, extra={"more": {"a": [1]}}),
    "prediction": Item(key="k", data={"text": TEXT}, predictions=(GUESS,)),
}
OF_AN_ANNOTATION = {
    "annotation.annotator": {"annotator": "ann"},
    "annotation.at": {"at": AT},
    "annotation.seconds": {"seconds": 4.288},
    "annotation.id": {"id": "a1"},
    "annotation.skipped": {"skipped": True},
    "annotation.origin": {"origin": "rule"},
    "annotation.batch": {"batch": "b1"},
    "annotation.tool": {"tool": "t"},
    "annotation.extra": {"extra": {"more": 1}},
}
OF_A_REGION = {
    "region.id": {"id": "r1"},
    "region.name": {"name": "mood"},
    "region.score": {"score": 0.1 + 0.2},
    "region.extra": {"extra": {"more": 1}},
    "region.text": {"text": "met"},
    "region.rotation": {"rotation": 12.5},
}


def example(key, what):
    """Two people's answers, in which what `what` names is said, by all that this format can say it with."""
    carries = FORMATS[key].carries
    first = next(k for k in ("choice", "rectangle", "span") if k in carries)
    if what == "region.text":
        first = "span"
    elif what == "region.rotation":
        first = "rectangle"
    region = {
        "choice": Choice(labels=("cat",)),
        "rectangle": Rectangle(labels=("cat",), x=1, y=2, width=3, height=4, **SHAPE),
        "span": Span(labels=("cat",), start=4, end=7),
    }[first]
    if what in OF_A_REGION:
        region = type(region).model_validate(region.model_dump() | OF_A_REGION[what])
    item = OF_AN_ITEM.get(what, OF_AN_ITEM["item.key"].model_copy(update={"key": "k"}))
    who = [OF_AN_ANNOTATION.get(what, {})]
    if what == "annotation.annotator":
        who = [{"annotator": "ann"}, {"annotator": "bob"}]
    annotations = [
        Annotation.model_validate({"item": item.key, "annotator": "", "regions": [region], **said}) for said in who
    ]
    one = Labelled(item=item, annotations=tuple(annotations))
    return [one.model_copy(update={"exported_at": AT}) if what == "exported_at" else one]


@pytest.mark.parametrize("what", BESIDE)
@EVERY
def test_a_format_keeps_what_it_says_it_keeps_and_tells_of_the_loss_of_all_else(key, what):
    one = FORMATS[key]
    if what in one.keeps or what in one.loses:
        made = write(key, example(key, what))
        lost = {loss.what for loss in made.losses if loss.what.startswith(what)}
        assert bool(lost) == (what in one.loses), made.losses


@pytest.mark.parametrize(
    ("key", "kind"), [(k, kind) for k in FORMATS for kind in KINDS if (k, kind) not in CARRIED]
)
@settings(max_examples=3, **HURRIED)
@given(data=st.data())
def test_a_region_of_a_kind_without_room_is_a_loss_told(key, kind, data):
    assert kind in {loss.what for loss in write(key, alone(data.draw(regions(kind)))).losses}


@EVERY
def test_a_class_more_than_fits_is_a_loss_told(key):
    carries = FORMATS[key].carries
    if "rectangle" in carries and not key.startswith("label_studio"):
        box = Rectangle(labels=("cat", "dog"), x=1, y=2, width=3, height=4, **SHAPE)
        (loss,) = (loss for loss in write(key, alone(box)).losses if loss.what == "rectangle")
        assert (loss.count, loss.example) == (1, "k, dog")


@EVERY
def test_what_no_kind_holds_is_told_if_it_is_lost(key):
    odd = Other(type="relation", extra={"from_id": "a", "to_id": "b"})
    made = write(key, alone(odd))
    kept = [r for one in read(key, made.data) for a in one.annotations for r in a.regions if r.kind == "other"]
    assert bool(kept) != ("other" in {loss.what for loss in made.losses})


@EVERY
def test_nothing_written_reads_back_as_nothing(key):
    made = write(key, [])
    assert (read(key, made.data), made.losses) == ([], ())


@EVERY
def test_the_same_labels_are_the_same_bytes(key):
    assert write(key, example(key, "region.id")).data == write(key, example(key, "region.id")).data


@EVERY
def test_a_half_written_file_is_refused(key):
    whole = write(key, example(key, "annotation.annotator")).data
    if key in ("conll", "csv"):
        return  # a line of either is whole in itself
    with pytest.raises(FatalError, match=r"half written|breaks off"):
        read(key, whole[: len(whole) * 2 // 3])


@EVERY
@settings(max_examples=40, **HURRIED)
@given(noise=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_noise_is_refused_with_a_reason_or_is_nothing(key, noise):
    try:
        read(key, noise)
    except FatalError as error:
        assert error.fix


@pytest.mark.parametrize(
    "record", ["null", "3", "[]", "{}", '{"data": 3}', '{"id": {}, "data": {"a": 1}, "annotations": 4}']
)
@EVERY
def test_json_of_another_shape_is_refused(key, record):
    if "JSON" in FORMATS[key].file and key != "jsonl" and not (key == "coco" and record == "[]"):
        for source in (record, f"[{record}]"):
            try:
                assert all(one.annotations == () for one in read(key, source.encode()))
            except FatalError as error:
                assert error.fix


def test_an_unknown_format_is_refused_by_name():
    with pytest.raises(FatalError, match="no format 'excel'"):
        read("excel", b"")


def test_the_page_shows_the_table_as_it_is():
    page = Path(__file__).resolve().parents[3] / "docs" / "labelling" / "formats.md"
    assert table() in page.read_text()
