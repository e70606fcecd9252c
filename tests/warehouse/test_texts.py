"""Texts are kept by their hash, once, and the database lets no other text stand under one."""

import hashlib

import psycopg2
import pytest

from include.warehouse.connection import transaction
from include.warehouse.texts import keep, kept


def test_a_text_is_found_by_its_hash_however_often_it_was_kept(warehouse_url):
    with transaction(warehouse_url) as connection:
        digest = keep(connection, "SELECT 'café'")
        assert keep(connection, "SELECT 'café'") == digest == hashlib.sha256("SELECT 'café'".encode()).hexdigest()
        assert kept(connection, digest) == "SELECT 'café'"
        assert kept(connection, "0" * 64) is None


def test_a_text_under_another_hash_and_a_change_of_one_are_refused(warehouse_url):
    with transaction(warehouse_url) as connection:
        keep(connection, "SELECT 1")
    for statement in (
        "INSERT INTO sluice.texts VALUES ('abc', 'SELECT 2')",
        "UPDATE sluice.texts SET content = 'x'",
    ):
        with transaction(warehouse_url) as connection:
            with pytest.raises((psycopg2.errors.CheckViolation, psycopg2.errors.InsufficientPrivilege)):
                connection.cursor().execute(statement)
            connection.rollback()
