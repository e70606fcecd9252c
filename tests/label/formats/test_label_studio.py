import copy
import json

import pytest

from include.core.annotations import Annotation, Choice, Item, Labelled, Polyline, Rectangle, Span, TimeRange
from include.core.errors import FatalError
from include.label.formats.label_studio import labelled_of, read, task_of, to_tasks, write

BOX = {
    "id": "Dx_aB91ISN", "type": "rectanglelabels", "from_name": "tag", "to_name": "img", "source": "$image",
    "origin": "manual", "original_width": 600, "original_height": 403, "image_rotation": 0,
    "value": {
        "x": 50.8, "y": 5.869797225186766, "width": 12.4, "height": 10.458911419423693, "rotation": 0,
        "rectanglelabels": ["Moonwalker"],
    },
}  # fmt: skip
RESULTS = [
    BOX,
    {"id": "c1", "type": "choices", "from_name": "mood", "to_name": "text", "value": {"choices": ["pos", "calm"]}},
    {"id": "s1", "type": "labels", "from_name": "ner", "to_name": "text",
     "value": {"start": 0, "end": 3, "text": "Ann", "labels": ["PER"]}},
    {"id": "h1", "type": "hypertextlabels", "from_name": "ner", "to_name": "html",
     "value": {"start": "/p[1]/text()[1]", "end": "/p[1]/text()[1]", "startOffset": 2, "endOffset": 5,
               "text": "nn ", "globalOffsets": {"start": 12, "end": 15}, "hypertextlabels": ["PER", "ORG"]}},
    {"id": "t1", "type": "taxonomy", "from_name": "tree", "to_name": "text",
     "value": {"taxonomy": [["Animals", "Cat"], ["Things"]]}},
    {"id": "w1", "type": "textarea", "from_name": "why", "to_name": "text", "value": {"text": ["because", "so"]}},
    {"id": "r1", "type": "rating", "from_name": "stars", "to_name": "text", "value": {"rating": 4}},
    {"id": "n1", "type": "number", "from_name": "count", "to_name": "text", "value": {"number": 12.5}},
    {"id": "a1", "type": "labels", "from_name": "sound", "to_name": "audio", "original_length": 98.7,
     "value": {"start": 3, "end": 8.25, "channel": 0, "labels": ["Speech"]}},
    {"id": "ts", "type": "timeserieslabels", "from_name": "run", "to_name": "ts",
     "value": {"start": 1592250751951.8, "end": 1592250783000, "instant": False, "timeserieslabels": ["Run"]}},
    {"id": "p1", "type": "polygonlabels", "from_name": "tag", "to_name": "img", "original_width": 333,
     "original_height": 777, "value": {"points": [[1.1, 2.2], [33.3, 4.4], [5.5, 66.6]], "closed": True,
                                       "polygonlabels": ["Car"]}},
    {"id": "k1", "type": "keypointlabels", "from_name": "tag", "to_name": "img", "original_width": 333,
     "original_height": 777, "value": {"x": 12.3, "y": 45.6, "width": 0.75, "keypointlabels": ["Eye"]}},
    {"id": "e1", "type": "ellipse", "from_name": "tag", "to_name": "img", "original_width": 333,
     "original_height": 777, "value": {"x": 12.3, "y": 45.6, "radiusX": 2.1, "radiusY": 3.2, "rotation": 33}},
    {"id": "Dx_aB91ISN", "type": "choices", "from_name": "colour", "to_name": "img", "original_width": 600,
     "original_height": 403, "value": {"x": 50.8, "y": 5.8, "width": 12.4, "height": 10.4, "choices": ["red"]}},
    {"id": "l1", "type": "labels", "from_name": "any", "to_name": "img", "original_width": 600,
     "original_height": 403,
     "value": {"x": 1, "y": 2, "width": 3, "height": 4, "rotation": 0, "labels": ["Car"]}},
]  # fmt: skip
UNKNOWN = [
    {"type": "relation", "from_id": "s1", "to_id": "h1", "direction": "right", "labels": ["knows"]},
    {"id": "b1", "type": "brushlabels", "from_name": "tag", "to_name": "img", "original_width": 6,
     "original_height": 4, "value": {"format": "rle", "rle": [0, 1, 2], "brushlabels": ["Car"]}},
    {"id": "v1", "type": "videorectangle", "from_name": "box", "to_name": "video",
     "value": {"framesCount": 9, "sequence": [{"frame": 1, "x": 1.5}], "labels": ["Car"]}},
    {"id": "q1", "type": "paragraphlabels", "from_name": "who", "to_name": "talk",
     "value": {"start": "0", "end": "1", "startOffset": 2, "endOffset": 9, "paragraphlabels": ["Q"]}},
    {"id": "ts", "type": "timeserieslabels", "from_name": "run", "to_name": "ts",
     "value": {"start": "2020-01-01", "end": "2020-01-02", "timeserieslabels": ["Run"]}},
    {"id": "x1", "type": "rectanglelabels", "from_name": "tag", "to_name": "img",
     "value": {"x": 1, "y": 2, "width": 3, "height": 4, "rectanglelabels": ["Car"]}},
]  # fmt: skip
TASK = {
    "id": 7, "project": 83, "created_at": "2021-03-09T21:52:49.513742Z", "meta": {"shelf": 3}, "inner_id": 2,
    "data": {"image": "https://example.com/1.jpg", "text": "Ann"},
    "annotations": [
        {
            "id": 1001, "completed_by": {"id": 10, "email": "ann@example.com", "first_name": "Ann"},
            "result": RESULTS + UNKNOWN, "was_cancelled": False, "ground_truth": True, "lead_time": 4.288,
            "created_at": "2021-03-09T22:16:08.728353Z", "updated_at": "2021-03-09T22:17:08.728353Z",
        },
        {
            "id": 1002, "completed_by": 11, "result": [], "was_cancelled": True, "lead_time": 1.5,
            "created_at": "2021-03-09T22:16:08.728353Z", "updated_at": "2021-03-09T22:16:08.728353Z",
        },
    ],
    "predictions": [
        {"id": 3, "model_version": "model 1", "score": 0.75, "result": [{**BOX, "score": 0.5}],
         "created_at": "2021-03-09T21:00:00Z", "updated_at": "2021-03-09T21:00:00Z"},
    ],
}  # fmt: skip


def test_a_task_of_an_export_goes_through_and_comes_out_as_it_was():
    one = labelled_of(TASK)
    assert task_of(one.item, one.annotations) == TASK


def test_reading_leaves_the_task_as_it_was():
    before = copy.deepcopy(TASK)
    labelled_of(TASK)
    assert before == TASK


def test_an_export_says_who_when_how_long_and_what():
    one = labelled_of(TASK)
    said, skipped = one.annotations
    assert (one.item.key, said.annotator, said.seconds, said.id) == ("7", "ann@example.com", 4.288, "1001")
    assert said.at.isoformat() == "2021-03-09T22:17:08.728353+00:00"
    assert (skipped.annotator, skipped.skipped, skipped.regions) == ("11", True, ())
    (prediction,) = one.item.predictions
    assert (prediction.annotator, prediction.origin, prediction.regions[0].score) == ("model 1", "model", 0.5)
    kinds = [region.kind for region in said.regions]
    assert kinds == [
        "rectangle", "choice", "span", "span", "taxonomy", "words", "number", "number", "time_range", "time_range",
        "polygon", "keypoint", "ellipse", "choice", "rectangle", *["other"] * len(UNKNOWN),
    ]  # fmt: skip
    box, span, html = said.regions[0], said.regions[2], said.regions[3]
    assert (box.x, box.width, box.image_height) == (50.8 * 600 / 100, 12.4 * 600 / 100, 403)
    assert (span.start, span.end, span.text, html.start, html.end) == (0, 3, "Ann", 12, 15)
    assert said.choice("mood") is None and said.choice("colour") == "red"


def test_an_import_carries_the_key_and_the_guesses_and_the_export_brings_the_key_back():
    guess = Annotation(item="r/1", annotator="nb", origin="model", regions=(Choice(name="mood", labels=("pos",)),))
    item = Item(key="r/1", data={"text": "fine"}, predictions=(guess,))
    (task,) = to_tasks([item])
    result = {"type": "choices", "to_name": "text", "from_name": "mood", "value": {"choices": ["pos"]}}
    assert task == {
        "data": {"text": "fine", "sluice_key": "r/1"},
        "predictions": [{"model_version": "nb", "result": [result]}],
    }
    exported = labelled_of({"id": 90, **task, "annotations": [{"id": 1, "completed_by": 2, "result": [result]}]})
    assert (exported.item.key, exported.item.data) == ("r/1", {"text": "fine"})
    assert exported.annotations[0].choice("mood") == "pos"


def test_an_unchanged_time_of_making_is_not_said_twice():
    assert "created_at" not in labelled_of(TASK).annotations[1].extra
    assert labelled_of(TASK).annotations[0].extra["created_at"] == "2021-03-09T22:16:08.728353Z"


def test_a_box_that_was_moved_in_the_tool_is_where_it_was_moved_to():
    odd = Rectangle(labels=("a",), x=0.1 + 0.2, y=1 / 3, width=1e-7, height=7, image_width=641, image_height=479)
    said = Annotation(item="k", annotator="ann", regions=(odd,))
    task = task_of(Item(key="k"), [said])
    assert labelled_of(task).annotations[0].regions == (odd,)
    (result,) = task["annotations"][0]["result"]
    result.setdefault("meta", {})["pixels"] = [1.0, 1.0, 1.0, 1.0]
    moved = labelled_of(task).annotations[0].regions[0]
    assert moved.x == pytest.approx(0.3) and moved.extra["meta"] == {"pixels": [1.0, 1.0, 1.0, 1.0]}


def test_a_span_and_a_stretch_of_sound_are_told_apart_though_both_are_labels():
    both = (Span(labels=("a",), start=1, end=4), TimeRange(labels=("a",), start=1, end=4))
    one = Labelled(item=Item(key="k"), annotations=(Annotation(item="k", annotator="", regions=both),))
    assert read(write([one]).data)[0].annotations[0].regions == both


def test_what_label_studio_does_not_draw_is_told():
    line = Polyline(labels=("a",), points=((1, 2), (3, 4)), image_width=9, image_height=9)
    unsized = Rectangle(labels=("a",), x=1, y=2, width=3, height=4)
    said = Annotation(item="k", annotator="ann", regions=(line, unsized))
    losses = write([Labelled(item=Item(key="k"), annotations=(said,))]).losses
    assert {loss.what for loss in losses} == {
        "polyline", "polyline.place", "rectangle", "rectangle.place", "region.annotator",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ({"id": 1}, "Task 1 lacks 'data'"),
        ({"data": {"a": 1}}, r"Task '\?' lacks 'id'"),
        ({"id": 1, "data": {}, "annotations": [{"lead_time": -3}]}, "greater than or equal to 0"),
        ({"id": 1, "data": {}, "annotations": [{"created_at": "soon"}]}, "Invalid isoformat"),
        (7, "Task 7 is not as the format says"),
    ],
)
def test_a_task_that_is_none_is_refused_by_its_number(task, said):
    with pytest.raises(FatalError, match=said):
        labelled_of(task)


def test_an_item_that_has_the_keys_own_column_is_refused():
    with pytest.raises(FatalError, match="sluice_key"):
        to_tasks([Item(key="k", data={"sluice_key": 1})])


def test_another_export_of_label_studio_is_not_taken_for_this_one():
    with pytest.raises(FatalError, match="no list of tasks"):
        read(json.dumps({"images": []}).encode())


def test_an_export_without_a_zone_is_utc():
    task = {"id": 1, "data": {}, "annotations": [{"created_at": "2021-03-09T22:16:08"}]}
    assert labelled_of(task).annotations[0].at.isoformat() == "2021-03-09T22:16:08+00:00"
