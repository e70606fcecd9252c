"""The proof of an erasure looks into labels, rounds and sheets, and says what it could not look into."""

import pytest

from include.core.errors import FatalError
from include.pipeline.erase_labels import Outside
from include.pipeline.prove import prove, verify
from tests.pipeline.people import PEOPLE, REQUEST, SHOP, THEIRS, answered_of, two_rounds


@pytest.fixture
def shop(warehouse_url, tmp_path):
    return two_rounds(warehouse_url, tmp_path)


PLANTED = {
    "landing.labels_reviews_answers": "INSERT INTO landing.labels_reviews_answers (item, annotator, _seq_from,"
    " _seq_to, _batch) VALUES ('{key}', 'ann', 1, 2, 1)",
    "landing.labels_reviews_labels": "INSERT INTO landing.labels_reviews_labels (key, label, _seq_from, _batch)"
    " VALUES ('{key}', 'pos', 1, 1)",
    "label_rounds.reviews": "INSERT INTO sluice.label_rounds (dataset, run, tool, place, items, waiting, said,"
    " asked_at) VALUES ('reviews', 'r', 'files', 'p', '{{}}', 1, '{{\"labelled\": {{\"{key}\": 1}}}}', now())",
    "label_sent.reviews": "INSERT INTO sluice.label_sent VALUES ('reviews', 'label_1', 9, '{{{key}}}', now())",
    "label_results.reviews": "INSERT INTO sluice.label_results SELECT dataset, 'r', 0, 0, 0, 0,"
    " '[\"it''s no item ''{key}'' that was asked for\"]', '{{}}', '{{}}', '{{}}', '[]', 'reject', '{{}}', '{{}}',"
    " NULL, now() FROM sluice.label_results WHERE run = 'label_1'",
    "staging._label__reviews": "CREATE TABLE staging._label__reviews AS SELECT '{key}' AS id, 3 AS customer",
}


def test_the_proof_finds_what_is_left_of_labels_in_every_place(shop):
    shop.erase()
    ((key, *_),) = [sorted(THEIRS & answered_of(shop, REQUEST))]
    held = {}
    for place, statement in PLANTED.items():
        shop.run(statement.format(key=key))
        held[place] = 1
        assert verify(shop.url, SHOP, REQUEST, [PEOPLE], outside=Outside(shop.folder)).held == held
    ((place,),) = shop.rows("SELECT place FROM sluice.label_rounds WHERE run = 'label_2'")
    sheet = shop.folder / place / "late.jsonl"
    sheet.write_text(f'{{"key": "{key}", "label": "pos"}}\n{{"key": "<1>", "label": "pos"}}\n')
    held["sheets.reviews"] = 1
    assert verify(shop.url, SHOP, REQUEST, [PEOPLE], outside=Outside(shop.folder)).held == held
    with pytest.raises(FatalError, match=r"is held again: .*'sheets\.reviews': 1"):
        prove(shop.url, SHOP, REQUEST, [PEOPLE], outside=Outside(shop.folder))
    # A retry of the request makes good what lies outside of the warehouse.
    shop.erase()
    assert sheet.read_text() == '{"key": "<1>", "label": "pos"}\n'


def test_without_the_storage_the_proof_says_that_sheets_were_not_looked_into(shop):
    shop.erase()
    proof = verify(shop.url, SHOP, REQUEST, [PEOPLE])
    assert (proof.held, proof.unseen, proof.holds) == (
        {}, {"sheets.reviews": "no object storage was given"}, False,
    )  # fmt: skip


def test_a_round_that_does_not_say_whose_its_rows_are_is_told_and_its_sheets_go_whole(shop):
    ((place, (key, *_)),) = shop.rows("SELECT place, items FROM sluice.label_rounds WHERE run = 'label_2'")
    shop.run(
        "INSERT INTO sluice.label_rounds (dataset, run, tool, place, items, waiting, said, asked_at) VALUES"
        f" ('reviews', 'old', 'files', 'labelling/reviews/old', '{{{key},<500>,<501>}}', 3, '{{}}', now())"
    )
    old = shop.folder / "labelling" / "reviews" / "old"
    old.mkdir()
    (old / "items.csv").write_text("key,label\n<500>,\n")
    shop.erase()
    assert not list(old.iterdir()) and list((shop.folder / place).iterdir())
    proof = verify(shop.url, SHOP, REQUEST, [PEOPLE], outside=Outside(shop.folder))
    assert proof.holds and proof.untold == {"reviews": 2}
