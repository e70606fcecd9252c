import pytest

from include.core.annotations import Annotation, Rectangle, Span, TimeRange
from include.core.errors import FatalError
from include.label.regions import MATCHINGS, Matched, match, region_agreement


def box(x, y, width=10, height=10, label="cat", **also):
    return Rectangle(
        labels=(label,), x=x, y=y, width=width, height=height, image_width=100, image_height=100, **also
    )


def span(start, end, label="name", **also):
    return Span(labels=(label,), start=start, end=end, **also)


def said(item, annotator, *regions, **also):
    return Annotation(item=item, annotator=annotator, regions=regions, **also)


BOXES, EXACT, OVERLAP = (MATCHINGS[key] for key in ("rectangle_f1", "span_f1_exact", "span_f1_overlap"))


def test_boxes_match_one_to_one_where_they_overlap_by_half():
    found = match([box(0, 0), box(50, 50)], [box(0, 2), box(0, 3), box(50, 56)], BOXES)
    assert found == Matched(2, 3, 1, pytest.approx(80 / 120))
    assert found.f1 == 2 / 5 and found.mean_overlap == pytest.approx(2 / 3)


def test_as_many_match_as_can_even_if_one_would_match_better_otherwise():
    # Taken by itself, the first of either side would match the first of the other, which leaves the seconds alone.
    found = match([span(0, 10), span(9, 11)], [span(0, 10), span(0, 9)], OVERLAP)
    assert found == Matched(2, 2, 2, pytest.approx(0.9 + 1 / 11))


@pytest.mark.parametrize("other", [box(0, 0, label="dog"), box(0, 0, name="second question")])
def test_another_label_or_question_is_no_match(other):
    assert match([box(0, 0)], [other], BOXES).pairs == 0


def test_exact_spans_need_both_ends_and_overlapping_ones_a_character():
    first = [span(0, 5), span(10, 15)]
    second = [span(0, 5), span(14, 20)]
    assert (match(first, second, EXACT).f1, match(first, second, OVERLAP).f1) == (0.5, 1.0)
    assert match([span(0, 5)], [span(5, 9)], OVERLAP).pairs == 0


@pytest.fixture
def named():
    """Three annotators on two texts; cid saw the second one and found nothing, and skipped the first."""
    return [
        said("a", "ann", span(0, 5), span(10, 15, "place")),
        said("a", "bob", span(0, 5), span(10, 16, "place")),
        said("a", "cid", skipped=True),
        said("b", "ann", span(3, 6)),
        said("b", "bob", span(3, 6)),
        said("b", "cid"),
    ]


def test_a_report_says_how_far_by_pair_and_by_class(named):
    found = region_agreement(named, "span_f1_exact", seed=1)
    assert found.pairs == {
        ("ann", "bob"): Matched(3, 3, 2, 2.0),
        ("ann", "cid"): Matched(1, 0),
        ("bob", "cid"): Matched(1, 0),
    }
    assert found.classes == {"name": Matched(4, 2, 2, 2.0), "place": Matched(1, 1)}
    assert found.overall.value == 4 / 8
    assert (found.overall.items, found.overall.annotators, found.overall.words) == (2, 3, "")
    assert found.overall.low <= 0.5 <= found.overall.high
    assert region_agreement(named[::-1], "span_f1_exact", seed=1) == found
    assert region_agreement(named, "span_f1_overlap", seed=1).overall.value == 6 / 8


def test_f1_is_the_same_whoever_is_taken_for_right(named):
    renamed = [a.model_copy(update={"annotator": {"ann": "zoe"}.get(a.annotator, a.annotator)}) for a in named]
    measures = ("span_f1_exact", "span_f1_overlap")
    assert [region_agreement(named, m, seed=1).overall.value for m in measures] == [
        region_agreement(renamed, m, seed=1).overall.value for m in measures
    ]


def test_stretches_of_time_match_by_half():
    speech = [TimeRange(labels=("speech",), start=s, end=e) for s, e in ((0, 10), (0, 19))]
    found = region_agreement([said("a", "ann", speech[0]), said("a", "bob", speech[1])], "time_f1", seed=1)
    assert found.overall.value == 1.0 and found.mean_overlap == pytest.approx(10 / 19)


@pytest.mark.parametrize(
    ("annotations", "why"),
    [
        ([said("a", "ann", box(0, 0))], "no item has two annotators"),
        ([said("a", "ann", box(0, 0)), said("b", "bob", box(0, 0))], "no item has two annotators"),
        ([said("a", "ann"), said("a", "bob")], "nobody drew a region where two annotators looked"),
        ([], "no item has two annotators"),
    ],
)
def test_where_there_is_nothing_to_compare_it_is_undefined(annotations, why):
    found = region_agreement(annotations, "rectangle_f1", seed=1).overall
    assert found.value is None and found.words == "undefined" and found.why == why


def test_other_kinds_of_regions_are_left_aside():
    mixed = [said("a", who, box(0, 0), span(0, place)) for place, who in ((3, "ann"), (9, "bob"))]
    assert region_agreement(mixed, "rectangle_f1", seed=1).overall.value == 1.0
    assert region_agreement(mixed, "span_f1_exact", seed=1).overall.value == 0.0


def test_who_answers_twice_and_unknown_measures_are_refused():
    with pytest.raises(FatalError, match="'ann' answered twice for item 'a'"):
        region_agreement([said("a", "ann"), said("a", "ann")], "rectangle_f1", seed=1)
    with pytest.raises(FatalError, match="no measure of regions 'iou'"):
        region_agreement([], "iou", seed=1)
