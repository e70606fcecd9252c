"""Labelbox: exports as it writes them."""

from include.label.formats import labelbox
from tests.label.formats.there_and_back import lines, through

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
