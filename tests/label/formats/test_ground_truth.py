"""Ground Truth: manifests as its jobs write them."""

from include.core.annotations import Annotation, Choice, Item, Labelled
from include.label.formats import ground_truth
from tests.label.formats.there_and_back import lines, through

ABOUT = {"job-name": "job/1", "human-annotated": "yes", "creation-date": "2018-10-18T22:18:13.527256"}
MANIFEST = [
    {"source-ref": "s3://b/1.png", "sport": 0,
     "sport-metadata": {**ABOUT, "class-name": "football", "confidence": 0.8,
                        "type": "groundtruth/image-classification"}},
    {"source-ref": "s3://b/2.png", "seen": [1, 3],
     "seen-metadata": {**ABOUT, "class-map": {"1": "cat", "3": "dog"}, "confidence-map": {"1": 0.9, "3": 0.2},
                       "type": "groundtruth/image-classification-multilabel"}},
    {"source-ref": "s3://b/3.png",
     "boxes": {"image_size": [{"width": 500, "height": 400, "depth": 1}],
               "annotations": [{"class_id": 0, "left": 111, "top": 134, "width": 61, "height": 128},
                               {"class_id": 5, "left": 161, "top": 250, "width": 30, "height": 30}]},
     "boxes-metadata": {**ABOUT, "objects": [{"confidence": 0.8}, {"confidence": 0.9}],
                        "class-map": {"0": "dog", "5": "bone"}, "adjustment-status": "adjusted",
                        "type": "groundtruth/object-detection"}},
    {"source": "Amazon is in Seattle.",
     "ner": {"annotations": {"entities": [{"startOffset": 0, "endOffset": 6, "label": "org"}],
                             "labels": [{"label": "org"}]}},
     "ner-metadata": {**ABOUT, "entities": [{"confidence": 0.5}], "type": "groundtruth/text-span"}},
    {"source-ref": "s3://b/5.png", "mask-ref": "s3://b/5-mask.png",
     "mask-ref-metadata": {**ABOUT, "internal-color-map": {"0": {"class-name": "BG"}},
                           "type": "groundtruth/semantic-segmentation"}},
    {"source-ref": "s3://b/6.png",
     "boxes": {"image_size": [{"width": 5, "height": 4, "depth": 3}], "annotations": []},
     "boxes-metadata": {**ABOUT, "objects": [], "class-map": {}, "type": "groundtruth/object-detection"}},
]  # fmt: skip


def test_a_manifest_is_read_by_the_types_of_its_jobs():
    sport, seen, boxes, ner, mask, empty = ground_truth.read(lines(*MANIFEST))
    (said,) = sport.annotations
    assert (sport.item.key, said.choice("sport"), said.batch, said.regions[0].score) == (
        "s3://b/1.png", "football", "job/1", 0.8,
    )  # fmt: skip
    assert said.at.isoformat() == "2018-10-18T22:18:13.527256+00:00"
    (both,) = seen.annotations[0].regions
    assert (both.labels, both.extra["confidences"]) == (("cat", "dog"), {"cat": 0.9, "dog": 0.2})
    assert boxes.annotations[0].extra == {"boxes-metadata": {"adjustment-status": "adjusted"}}
    assert [box.labels for box in boxes.annotations[0].regions] == [("dog",), ("bone",)]
    assert (ner.item.key, ner.annotations[0].regions[0].end) == ("Amazon is in Seattle.", 6)
    assert mask.annotations[0].regions[0].kind == "other"
    assert (empty.annotations[0].regions, "boxes" in empty.annotations[0].extra) == ((), True)


def test_a_manifest_goes_through_without_a_loss():
    assert through(ground_truth, ground_truth.read(lines(*MANIFEST))) == ((), True)


def test_a_second_answer_to_a_question_is_told_to_be_lost_in_a_manifest():
    said = [
        Annotation(item="k", annotator=who, regions=(Choice(labels=(label,)),))
        for who, label in (("a", "x"), ("b", "y"))
    ]
    losses = ground_truth.write([Labelled(item=Item(key="k"), annotations=said)]).losses
    told = {loss.what: loss.count for loss in losses}
    assert told == {"annotation": 1, "annotation.annotator": 2, "choice": 1, "region.annotator": 2}
