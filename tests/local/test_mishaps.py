"""Mishaps outside Sluice: real refusals of the system and of the database, each with its fix."""

import psycopg2
import pytest

from include.local import mishaps
from include.local.home import free_bytes


def test_a_full_disk_asks_for_room(tmp_path):
    with pytest.raises(OSError) as caught, open("/dev/full", "w") as out:  # noqa: PTH123
        out.write("a line")
    error = mishaps.of_system(caught.value)
    assert error.problem == "The operating system refused: No space left on device."
    assert error.fix.startswith("free some space on its disk")


def test_a_missing_right_names_the_file_and_another_place():
    error = mishaps.of_system(PermissionError(13, "Permission denied", "/srv/lock"))
    assert error.problem == "The operating system refused /srv/lock: Permission denied."
    assert error.fix.startswith("let this user read and write there, or name another folder")


def test_an_error_of_another_kind_still_has_a_sentence_and_a_fix():
    error = mishaps.of_system(BrokenPipeError())
    assert str(error) == (
        "The operating system refused: BrokenPipeError. Fix: remove the cause and run the command again."
    )


def test_a_statement_that_the_database_refuses_names_its_log(postgres):
    connection = psycopg2.connect(postgres.url("postgres"))
    try:
        with pytest.raises(psycopg2.Error) as caught:
            connection.cursor().execute("SELECT nonsense")
    finally:
        connection.close()
    error = mishaps.of_database(caught.value, postgres.log)
    assert error.problem == 'PostgreSQL refused: column "nonsense" does not exist.'
    assert error.fix.startswith(f"see {postgres.log}, ")


def test_a_database_on_a_full_disk_asks_for_room(postgres):
    connection = psycopg2.connect(postgres.url("postgres"))
    try:
        with pytest.raises(psycopg2.Error) as caught:
            connection.cursor().execute("DO $$ BEGIN RAISE 'disk full' USING ERRCODE = '53100'; END $$")
    finally:
        connection.close()
    assert mishaps.of_database(caught.value, postgres.log).fix.startswith("free some space on its disk")


def test_room_is_asked_of_the_disk_where_a_folder_will_be(tmp_path):
    assert free_bytes(tmp_path / "not" / "yet") > 0
