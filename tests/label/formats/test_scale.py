"""Scale: tasks as it answers them."""

import json

from include.core.annotations import Words
from include.label.formats import scale
from tests.label.formats.there_and_back import through

SCALE = [
    {"task_id": "t1", "type": "imageannotation", "status": "completed", "completed_at": "2026-01-02T03:04:05.678Z",
     "batch": "b1", "unique_id": "u1",
     "metadata": {"key": "img1", "image_width": 100, "image_height": 80, "shop": 1},
     "params": {"attachment": "https://x/1.jpg", "geometries": {"box": {"objects_to_annotate": ["car"]}}},
     "response": {"annotations": [
         {"type": "box", "label": "car", "left": 10, "top": 20.5, "width": 30, "height": 40, "uuid": "b-1",
          "attributes": {"occluded": "no"}},
         {"type": "polygon", "label": "person",
          "vertices": [{"x": 5, "y": 4}, {"x": 30, "y": 10}, {"x": 12, "y": 40}]},
         {"type": "line", "label": "lane", "vertices": [{"x": 5, "y": 4}, {"x": 30, "y": 10}]},
         {"type": "point", "label": "nose", "x": 5, "y": 4.5},
         {"type": "box", "label": "truck", "left": 50, "top": 10, "width": 20, "height": 30, "rotation": 0.5},
         {"type": "cuboid", "label": "van", "vertices": [{"x": 1, "y": 2, "type": "face"}]},
     ], "global_attributes": {"night": "no"}}},
    {"task_id": "t2", "type": "namedentityrecognition", "status": "completed", "params": {"text": "Ann met Bob"},
     "response": {"annotations": [{"start": 8, "end": 11, "label": "PER", "text": "Bob"}]}},
    {"task_id": "t3", "type": "textcollection", "status": "completed", "params": {}, "metadata": {"key": "form"},
     "response": {"annotations": {
         "mood": {"type": "category", "field_id": "mood", "response": [["pos"]]},
         "why": {"type": "text", "field_id": "why", "response": [["so"]]},
         "when": {"type": "datetime", "field_id": "when", "response": [[5]]}}}},
    {"task_id": "t4", "type": "imageannotation", "status": "pending", "params": {"attachment": "https://x/4.jpg"}},
]  # fmt: skip


def test_tasks_of_scale_are_read_by_their_types():
    image, ner, form, waiting = scale.read(json.dumps({"docs": SCALE}).encode())
    said = image.annotations[0]
    assert (image.item.key, said.id, said.batch, said.regions[0].image_width) == ("img1", "t1", "b1", 100)
    assert [region.kind for region in said.regions] == [
        "rectangle", "polygon", "polyline", "keypoint", "other", "other",
    ]  # fmt: skip
    assert (ner.item.key, ner.annotations[0].regions[0].text) == ("t2", "Bob")
    assert form.annotations[0].choice("mood") == "pos"
    assert form.annotations[0].regions[1] == Words(name="why", texts=("so",))
    assert (waiting.item.key, waiting.annotations) == ("t4", ())


def test_tasks_of_scale_go_through_without_a_loss():
    assert through(scale, scale.read(json.dumps(SCALE).encode())) == ((), True)


def test_an_old_categorization_of_scale_is_read():
    task = {"task_id": "t", "type": "categorization", "params": {}, "response": {"category": "neg"}}
    assert scale.read(json.dumps([task]).encode())[0].annotations[0].choice() == "neg"
