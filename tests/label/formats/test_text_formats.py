"""CoNLL, Labelbox, Prodigy, Ground Truth, Scale and Label Studio's CSV: files as others write them."""

import json

import pytest

from include.core.annotations import Annotation, Choice, Item, Labelled, Span, Words
from include.core.errors import FatalError
from include.label.formats import conll, ground_truth, label_studio_csv, labelbox, prodigy, scale


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def through(module, found):
    made = module.write(found)
    return made.losses, module.read(made.data) == found


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


LABELBOX = {
    "data_row": {"id": "clf9", "global_key": "1.jpeg", "row_data": "https://x/1.jpeg",
                 "details": {"dataset_id": "d"}},
    "media_attributes": {"height": 1707, "width": 2560, "mime_type": "image/jpeg"},
    "attachments": [], "metadata_fields": [{"schema_name": "shop", "value": "north", "schema_id": "s1"}],
    "projects": {
        "cltd": {
            "name": "Demo",
            "labels": [
                {
                    "label_kind": "Default", "version": "1.0.0", "id": "clur",
                    "label_details": {
                        "created_at": "2024-04-08T16:21:26.000+00:00",
                        "updated_at": "2024-04-08T16:34:02.000+00:00",
                        "created_by": "ann@example.com", "reviews": [],
                    },
                    "performance_details": {"seconds_to_create": 37, "seconds_to_review": 3, "skipped": False},
                    "annotations": {
                        "objects": [
                            {"feature_id": "f1", "feature_schema_id": "s", "name": "bird", "value": "bird",
                             "annotation_kind": "ImageBoundingBox", "classifications": [],
                             "bounding_box": {"top": 977, "left": 1690, "height": 330, "width": 225}},
                            {"feature_id": "f2", "name": "wing", "annotation_kind": "ImagePolygon",
                             "polygon": [{"x": 1.5, "y": 2}, {"x": 3, "y": 4}, {"x": 5, "y": 6}]},
                            {"feature_id": "f3", "name": "shade", "annotation_kind": "ImageSegmentationMask",
                             "mask": {"url": "https://x/mask"}},
                        ],
                        "classifications": [
                            {"feature_id": "c1", "name": "weather", "value": "weather",
                             "radio_answer": {"feature_id": "c2", "name": "sunny", "value": "sunny",
                                              "classifications": []}},
                            {"feature_id": "c3", "name": "seen",
                             "checklist_answers": [{"feature_id": "c4", "name": "tree", "classifications": []}]},
                            {"feature_id": "c5", "name": "note", "text_answer": {"content": "fine"}},
                        ],
                        "relationships": [],
                    },
                }
            ],
            "project_details": {"ontology_id": "o"},
        }
    },
}  # fmt: skip


def test_an_export_of_labelbox_is_read_with_who_and_how_long():
    (one,) = labelbox.read(lines(LABELBOX))
    (said,) = one.annotations
    assert (one.item.key, one.item.data) == ("1.jpeg", {"row_data": "https://x/1.jpeg", "shop": "north"})
    assert (said.annotator, said.seconds, said.at.isoformat()) == (
        "ann@example.com", 37, "2024-04-08T16:34:02+00:00",
    )  # fmt: skip
    assert [region.kind for region in said.regions] == [
        "rectangle",
        "polygon",
        "other",
        "choice",
        "choice",
        "words",
    ]
    assert (said.regions[0].x, said.regions[0].image_width, said.choice("weather")) == (1690, 2560, "sunny")


def test_an_export_of_labelbox_goes_through_without_a_loss():
    assert through(labelbox, labelbox.read(lines(LABELBOX))) == ((), True)


def test_the_last_character_of_an_entity_of_labelbox_belongs_to_it():
    entity = {
        "name": "p",
        "annotation_kind": "TextEntity",
        "location": {"start": 10, "end": 20, "token": "m dolor sit"},
    }
    row = {"data_row": {"id": "a"}, "projects": {"p": {"labels": [{"annotations": {"objects": [entity]}}]}}}
    (one,) = labelbox.read(lines(row))
    (span,) = one.annotations[0].regions
    assert (span.start, span.end, len(span.text)) == (10, 21, 11)


PRODIGY = [
    {"text": "Apple updates", "_input_hash": 1842, "_task_hash": -42, "_session_id": "ner-ann",
     "_view_id": "ner_manual",
     "_annotator_id": "ann", "_timestamp": 1707900000, "tokens": [{"text": "Apple", "id": 0}], "answer": "accept",
     "spans": [{"start": 0, "end": 5, "label": "ORG", "token_start": 0, "token_end": 0}]},
    {"text": "Apple updates", "_input_hash": 1842, "_task_hash": -42, "_annotator_id": "bob", "answer": "ignore",
     "tokens": [{"text": "Apple", "id": 0}], "spans": []},
    {"text": "fine", "_input_hash": 7, "options": [{"id": "pos"}, {"id": "neg"}], "accept": ["pos"],
     "answer": "accept", "_annotator_id": "ann"},
    {"text": "so so", "_input_hash": 8, "label": "POSITIVE", "answer": "reject", "_annotator_id": "ann"},
    {"text": "good", "_input_hash": 9, "label": "POSITIVE", "answer": "accept", "_annotator_id": "ann"},
    {"image": "a.jpg", "_input_hash": 10, "width": 800, "height": 600, "answer": "accept",
     "spans": [{"label": "CAR", "type": "rect", "x": 47.5, "y": 20, "width": 100, "height": 50, "id": "s1",
                "points": [[47.5, 20], [47.5, 70], [147.5, 70], [147.5, 20]], "center": [97.5, 45]},
               {"label": "TREE", "type": "polygon", "points": [[1, 2], [3, 4], [5.5, 6]]}]},
    {"audio": "a.mp3", "_input_hash": 11, "answer": "accept",
     "audio_spans": [{"start": 2.5, "end": 3.75, "label": "SPEECH", "color": "#fff"}]},
]  # fmt: skip


def test_a_prodigy_file_is_read_by_what_was_answered():
    ner, choice, _, binary, image, audio = prodigy.read(lines(*PRODIGY))
    ann, bob = ner.annotations
    assert (ner.item.key, ann.annotator, bob.annotator, bob.skipped) == ("1842", "ann", "bob", True)
    assert ann.regions[0].extra == {"token_start": 0, "token_end": 0}
    assert ann.at.isoformat() == "2024-02-14T08:40:00+00:00"
    assert (choice.annotations[0].choice(), binary.annotations[0].choice()) == ("pos", "POSITIVE")
    assert image.annotations[0].regions[0].image_width == 800
    assert audio.annotations[0].regions[0].end == 3.75


def test_what_was_rejected_in_prodigy_is_no_label_and_is_not_lost():
    rejected = prodigy.read(lines(*PRODIGY))[2].annotations[0]
    assert (rejected.regions, rejected.choice(), rejected.skipped) == ((), None, False)
    assert rejected.extra["rejected"] == {"label": "POSITIVE"}


def test_a_prodigy_file_goes_through_without_a_loss():
    assert through(prodigy, prodigy.read(lines(*PRODIGY))) == ((), True)


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
