import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.core.annotations import Rectangle, Span, TimeRange
from include.label.overlap import of_rectangles, of_stretches


def box(x, y, width, height, rotation=0.0):
    return Rectangle(
        labels=("cat",), x=x, y=y, width=width, height=height, rotation=rotation, image_width=100, image_height=100
    )


def test_boxes_that_share_a_quarter_have_an_iou_of_a_seventh():
    found = of_rectangles([box(0, 0, 2, 2)], [box(1, 1, 2, 2), box(0, 0, 2, 2), box(2, 0, 1, 1), box(5, 5, 1, 1)])
    assert found.tolist() == [[pytest.approx(1 / 7), 1.0, 0.0, 0.0]]


def test_a_square_turned_by_45_degrees_within_its_like_is_an_octagon():
    # Both have the centre (0, 0) and sides of 2: the octagon that they share has the area 8 (sqrt 2 − 1).
    turned = box(0, -math.sqrt(2), 2, 2, rotation=45)
    shared = 8 * (math.sqrt(2) - 1)
    assert of_rectangles([box(-1, -1, 2, 2)], [turned])[0, 0] == pytest.approx(shared / (8 - shared))


def test_a_turn_by_a_right_angle_is_another_straight_box():
    # Clockwise around its upper left corner (4, 0): it then covers x from 2 to 4, y from 0 to 3.
    assert of_rectangles([box(4, 0, 3, 2, rotation=90)], [box(2, 0, 2, 3)])[0, 0] == pytest.approx(1)


sizes = st.floats(0.5, 20)
places = st.floats(-20, 20)
boxes = st.builds(box, places, places, sizes, sizes, st.floats(-180, 180))


@given(boxes, boxes)
def test_iou_is_the_same_both_ways_and_between_nothing_and_all(one, other):
    there, back = of_rectangles([one], [other])[0, 0], of_rectangles([other], [one])[0, 0]
    assert there == pytest.approx(back, abs=1e-9)
    assert -1e-9 <= there <= 1 + 1e-9
    assert of_rectangles([one], [one])[0, 0] == pytest.approx(1)


@given(boxes, boxes)
def test_clipping_polygons_and_straight_boxes_agree(one, other):
    straight = [b.model_copy(update={"rotation": 0.0}) for b in (one, other)]
    # By a turn too small to matter they take the other way.
    turned = straight[0].model_copy(update={"rotation": 1e-9})
    assert of_rectangles([turned], straight[1:])[0, 0] == pytest.approx(
        of_rectangles(straight[:1], straight[1:])[0, 0], abs=1e-6
    )


def test_spans_overlap_by_their_characters():
    first = [Span(labels=("name",), start=0, end=10)]
    second = [Span(labels=("name",), start=s, end=e) for s, e in ((5, 10), (0, 10), (10, 12), (3, 3))]
    assert of_stretches(first, second).tolist() == [[0.5, 1.0, 0.0, 0.0]]


def test_equal_empty_spans_are_alike_and_stretches_of_two_channels_are_not():
    empty = Span(labels=("gap",), start=3, end=3)
    assert of_stretches([empty], [empty]).tolist() == [[1.0]]
    left, right = (TimeRange(labels=("speech",), start=0, end=2, channel=c) for c in (0, 1))
    assert of_stretches([left, right], [left, right]).tolist() == np.eye(2).tolist()
