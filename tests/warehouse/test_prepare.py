"""The warehouse's roles: who may do what."""

from datetime import UTC, datetime

import psycopg2
import pytest

from include.core.errors import FatalError, RetriableError
from include.core.refs import GateDecision, LabelResult
from include.warehouse.connection import connect, engine, transaction
from include.warehouse.label_rounds import open_rounds, record_result, results
from include.warehouse.prepare import prepare


def test_preparing_twice_changes_nothing(warehouse_admin_url):
    prepare(warehouse_admin_url)
    with transaction(warehouse_admin_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM sluice.batches")
        assert cursor.fetchone() == (0,)


def test_a_warehouse_of_the_release_before_learns_to_hold_and_keeps_what_it_judged(warehouse_admin_url):
    judged = (
        "INSERT INTO sluice.validations (run, dataset, stage, decision, rows, passed, quarantined, reasons,"
        " outcomes, batches, suite_hash, judged_at) VALUES (%s, 'd', 'gate', %s, 1, 1, 0, '{}', '[]', '{}', 's',"
        " '2026-01-01Z')"
    )
    with transaction(warehouse_admin_url, role=None) as connection, connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE sluice.validations DROP CONSTRAINT validations_decision_check,"
            " ADD CONSTRAINT validations_decision_check CHECK (decision IN ('publish', 'reject'))"
        )
        cursor.execute(judged, ("before", "publish"))
    for _again in range(2):
        prepare(warehouse_admin_url)
    with transaction(warehouse_admin_url) as connection, connection.cursor() as cursor:
        cursor.execute(judged, ("after", "hold"))
        cursor.execute("SELECT run, decision FROM sluice.validations ORDER BY run")
        assert cursor.fetchall() == [("after", "hold"), ("before", "publish")]
    with pytest.raises(psycopg2.errors.CheckViolation), transaction(warehouse_admin_url) as connection:
        connection.cursor().execute(judged, ("odd", "perhaps"))


def test_judgements_of_a_former_release_tell_too_once_it_is_prepared_anew(warehouse_admin_url):
    admin = psycopg2.connect(warehouse_admin_url)
    exception, fine = '[{"rule": "a", "exception": "broken"}]', '[{"rule": "a", "exception": null}]'
    with admin, admin.cursor() as cursor:
        cursor.execute("ALTER TABLE sluice.validations DROP COLUMN tells, DROP COLUMN seal")
        for run, outcomes, rows in (("whole", fine, 1), ("in part", exception, 1), ("empty", fine, 0)):
            cursor.execute(
                "INSERT INTO sluice.validations (run, dataset, stage, decision, rows, passed, quarantined,"
                " reasons, outcomes, batches, suite_hash, judged_at)"
                " VALUES (%s, 'd', 'gate', 'reject', %s, 0, 0, '{}', %s, '{}', 'h', '2026-01-01Z')",
                (run, rows, outcomes),
            )
    prepare(warehouse_admin_url)
    with admin, admin.cursor() as cursor:
        cursor.execute("SELECT run, tells FROM sluice.judgements('d') ORDER BY run")
        assert cursor.fetchall() == [("empty", False), ("in part", False), ("whole", True)]
        cursor.execute("SELECT DISTINCT seal FROM sluice.validations")
        assert cursor.fetchall() == [(None,)]
    admin.close()


def test_rounds_of_a_former_release_were_handed_out_and_have_no_score_and_later_ones_are_not_taken_for_sent(
    warehouse_admin_url,
):
    asked = (
        "INSERT INTO sluice.label_rounds (dataset, run, tool, place, items, waiting, said, asked_at)"
        " VALUES ('d', %s, 'files', 'p', '{a,b}', 9, '{}', '2026-01-01Z')"
    )
    with transaction(warehouse_admin_url, role=None) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE sluice.label_sent")
        cursor.execute("ALTER TABLE sluice.label_results DROP COLUMN score, DROP COLUMN validation")
        cursor.execute(asked, ("before",))
    prepare(warehouse_admin_url)
    with transaction(warehouse_admin_url) as connection, connection.cursor() as cursor:
        cursor.execute(asked, ("after",))
    prepare(warehouse_admin_url)
    with transaction(warehouse_admin_url) as connection:
        assert [(one.run, one.items) for one in open_rounds(connection, "d")] == [("before", 2)]
        decision = GateDecision(decision="publish")
        result = LabelResult(
            dataset="d", run="before", answered=1, answers=1, annotators=1, labels=1, score=0.5, validation=4,
            decision=decision,
        )  # fmt: skip
        record_result(connection, result, datetime(2026, 1, 1, tzinfo=UTC))
        assert results(connection, "d") == [result]


def test_the_writer_works_in_landing_and_staging_but_cannot_edit_facts(warehouse_url):
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE staging.t (a int)")
        cursor.execute(
            "INSERT INTO sluice.batches (source, position_to, seq_from, seq_to, changes, rejected, landed_at)"
            " VALUES ('s', 'p', 1, 1, '{}', 0, '2026-01-01Z')"
        )
    for statement in (
        "UPDATE sluice.batches SET source = 'x'",
        "TRUNCATE sluice.versions",
        "DROP SCHEMA datasets",
    ):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege), transaction(warehouse_url) as connection:
            connection.cursor().execute(statement)


def test_even_the_superuser_is_told_that_facts_do_not_change(warehouse_admin_url):
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="never change"):
        with transaction(warehouse_admin_url, role=None) as connection:
            connection.cursor().execute("DELETE FROM sluice.versions")


def test_a_wrong_password_is_fatal_and_is_not_shown(warehouse_url):
    wrong = warehouse_url.replace("a%20test%27s%20own%20password", "wrong-secret")
    with pytest.raises(FatalError, match="refused the connection") as caught:
        connect(wrong)
    assert "wrong-secret" not in str(caught.value)


def test_an_absent_server_may_be_there_later():
    with pytest.raises(RetriableError, match="cannot be reached"):
        connect("postgresql://nobody:nothing@127.0.0.1:1/none")


def test_every_session_prints_values_alike(warehouse_url):
    from sqlalchemy import text

    with engine(warehouse_url).connect() as connection:
        assert connection.execute(text("SHOW datestyle")).scalar() == "ISO, YMD"
        assert connection.execute(text("SELECT current_user")).scalar() == "sluice_writer"
