"""What counts of all that was said about a run: the first rejection, else the last word, on what was shown."""

from datetime import UTC, datetime, timedelta

import pytest

from include.warehouse.approvals import Word, approval, as_fact, say, shown, standing, words
from include.warehouse.connection import transaction

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
ASK = Word("ask", None, "", "d1", AT, AT + timedelta(hours=24))
YES, NO = Word("approve", "ada", "the sale", "d1", AT), Word("reject", "bo", "a fault", "d1", AT)


@pytest.mark.parametrize(
    ("said", "stands", "approved"),
    [
        ((), None, False),
        ((ASK,), ASK, False),
        ((ASK, YES), YES, True),
        ((ASK, YES, ASK), ASK, False),
        ((ASK, YES, ASK, YES), YES, True),
        ((ASK, NO), NO, False),
        ((ASK, NO, ASK, YES), NO, False),
        ((ASK, YES, NO), NO, False),
    ],
)
def test_a_rejection_stands_for_ever_and_else_the_last_word_does(said, stands, approved):
    assert standing(said) == stands
    assert approval(said, "d1") == (YES if approved else None)
    assert approval(said, "d2") is None


def test_words_are_kept_in_order_run_by_run(warehouse_url):
    with transaction(warehouse_url) as connection:
        for word in (ASK, YES):
            say(connection, "run_1", "fraud", word)
        say(connection, "run_2", "fraud", ASK)
    with transaction(warehouse_url) as connection:
        assert words(connection, "run_1", "fraud") == [ASK, YES]
        assert words(connection, "run_2", "fraud") == [ASK]
        assert words(connection, "run_1", "other") == []


def test_the_digest_is_of_all_that_was_judged_of_a_run(warehouse_url):
    judge = (
        "INSERT INTO sluice.validations (run, dataset, stage, decision, rows, passed, quarantined, reasons,"
        " outcomes, batches, suite_hash, report, judged_at)"
        " VALUES (%s, 'fraud', %s, 'hold', 9, 9, 0, '{}', %s, '{}', 's', '', '2026-01-01Z')"
    )
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        digests = [shown(connection, "run_1", "fraud")]
        for run, stage, outcomes in (("run_1", "gate", "[]"), ("run_2", "gate", "[1]"), ("run_1", "audit", "[]")):
            cursor.execute(judge, (run, stage, outcomes))
            digests.append(shown(connection, run, "fraud"))
    assert digests[0] == ""
    assert len(set(digests)) == 4
    assert {len(digest) for digest in digests[1:]} == {64}


def test_a_manifest_keeps_who_approved_why_and_when_and_when_it_was_asked():
    assert as_fact(YES, [ASK, YES]) == {
        "by": "ada", "reason": "the sale", "at": "2026-05-01T12:00:00+00:00",
        "asked_at": "2026-05-01T12:00:00+00:00", "shown": "d1",
    }  # fmt: skip
