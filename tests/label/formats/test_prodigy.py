"""Prodigy: files as it writes them, an answer a line."""

from include.label.formats import prodigy
from tests.label.formats.there_and_back import lines, through

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
