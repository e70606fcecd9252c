"""Clear personal values never leave the source, pseudonyms join, and keys and columns do not change unseen."""

import logging
import traceback
from contextlib import closing
from datetime import UTC, datetime

import psycopg2
import pytest
from psycopg2 import sql

from include.core.errors import FatalError
from include.core.pseudonyms import PseudonymKey
from include.pipeline.decommission import decommission
from include.specs import Pii
from include.warehouse.connection import transaction
from include.warehouse.quarantine import Origin, quarantine

SECRET = b"a test's own key, 32 bytes long."
KEY = PseudonymKey("people", "k1", SECRET)
NEXT = PseudonymKey("people", "k2", SECRET[::-1])
MAILS = {"people": (Pii(column="mail", canonical="casefold"), "name")}
CREATE = "CREATE TABLE people (id int PRIMARY KEY, mail text, name text, town text)"


def pseudonym(text, key=KEY):
    return key.pseudonym(text.encode()).decode()


@pytest.fixture
def people(line):
    """A source with a personal table of one row, which no run has read."""
    shop = line("people", pii=MAILS, key_domain="people", key=KEY)
    shop.execute(CREATE, "INSERT INTO people VALUES (1, 'Anna@Example.org', 'Anna Clearly', 'Townsville')")
    return shop


def asked(url, question, *values):
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(question, values)
        return cursor.fetchall()


def tables_that_hold(url, text):
    """Every table of the database in which a row holds the text, whatever its case."""
    named = asked(
        url,
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2",
    )
    found = []
    for name in named:
        query = sql.SQL("SELECT count(*) FROM {} AS t WHERE t::text ILIKE %s").format(sql.Identifier(*name))
        if asked(url, query, f"%{text}%") != [(0,)]:
            found.append(".".join(name))
    return found


def test_clear_values_reach_no_table_no_log_no_message_and_nothing_that_a_task_returns(
    people, warehouse_admin_url, caplog, capfd
):
    caplog.set_level(logging.DEBUG)
    said = [batch.model_dump_json() for batch in people.collect()]
    people.execute(
        "INSERT INTO people VALUES (2, 'bert@clearly.org', 'Bert Clearly', 'Townsville')",
        "UPDATE people SET name = 'Cleo Clearly', id = 3 WHERE id = 1",
        "DELETE FROM people WHERE id = 2",
    )
    with people.reader() as reader:
        for batch in reader.batches(people.position(), people.standings()):
            spooled = b"".join(step.open().readall() for changes in batch.changes for step in changes.steps)
            assert b"Townsville" in spooled and b"learly" not in spooled
    said += [batch.model_dump_json() for batch in people.collect()]
    name = f"{people.source.name}_people"
    with transaction(people.warehouse) as connection:
        rejected = sql.SQL("SELECT id::text, to_jsonb(t), ARRAY['any'] FROM {} AS t").format(
            sql.Identifier("landing", name)
        )
        origin = Origin("run", "hash", {people.source.name: 1}, datetime(2026, 1, 1, tzinfo=UTC))
        assert quarantine(connection, "people", rejected, origin) == 3
    # An error of the warehouse shows the whole row that it refuses.
    asked(warehouse_admin_url, f"ALTER TABLE landing.{name}__now ADD CHECK (id < 9); SELECT 1")
    people.execute("INSERT INTO people VALUES (9, 'dora@clearly.org', 'Dora Clearly', 'Townsville')")
    with pytest.raises(psycopg2.errors.CheckViolation) as caught:
        people.collect()
    logging.getLogger("test").error("failed", exc_info=caught.value)
    said += ["".join(traceback.format_exception(caught.value)), caplog.text, *capfd.readouterr()]
    assert "Failing row contains (9, k1:" in "".join(said) and "Townsville" in "".join(said)
    assert [text for text in said if "clearly" in text.lower() or "anna@" in text.lower()] == []
    assert tables_that_hold(warehouse_admin_url, "townsville") == [
        f"landing.{name}__now", f"landing.{name}__past", "quarantine.people",
    ]  # fmt: skip
    assert tables_that_hold(warehouse_admin_url, "clearly") == []
    assert tables_that_hold(warehouse_admin_url, "anna@") == []


def test_sources_of_one_key_domain_join_on_pseudonyms_and_those_of_another_do_not(line, people):
    others = {}
    people.execute(
        "CREATE TABLE visits (id int PRIMARY KEY, who varchar(40), amount numeric)",
        "INSERT INTO visits VALUES (7, 'anna@example.ORG', 1.50), (8, 'nobody@example.org', 2)",
    )
    for domain in ("people", "patients"):
        other = others[domain] = line(
            "visits", pii={"visits": (Pii(column="who", canonical="casefold"),)}, key_domain=domain,
            key=PseudonymKey(domain, "k1", SECRET),
        )  # fmt: skip
        other.source = other.source.model_copy(update={"name": f"{other.source.name}_{domain}"})
        other.collect()
    people.collect()
    joined = {
        domain: asked(
            people.warehouse,
            f"SELECT p.id, v.id, v.amount::text FROM landing.{people.source.name}_people p"
            f" JOIN landing.{other.source.name}_visits v ON v.who = p.mail",
        )
        for domain, other in others.items()
    }
    assert joined == {"people": [(1, 7, "1.50")], "patients": []}


def test_under_another_key_a_table_is_taken_anew_in_its_history_and_other_tables_go_on(people):
    people.execute("CREATE TABLE towns (town text PRIMARY KEY)")
    people.source = people.source.model_copy(update={"tables": ("people", "towns")})
    people.collect()
    people.execute("UPDATE people SET town = 'Elsewhere'", "INSERT INTO towns VALUES ('Elsewhere')")
    people.key = NEXT
    people.collect()
    assert people.landed("people", "mail, town, _seq_from, _seq_to") == [
        (pseudonym("anna@example.org"), "Townsville", 1, 3),
        (pseudonym("anna@example.org", NEXT), "Elsewhere", 3, None),
    ]
    assert people.notes()[2] == [
        "table 'people' is taken anew: it had been left out: table 'people' is landed under key 'k1' of domain"
        " 'people', and the key is now 'k2' of 'people'"
    ]
    assert people.left_out() == {}
    columns = {"mail": "casefold", "name": "exact"}
    assert asked(
        people.warehouse,
        "SELECT table_name, batch, columns, key_domain, key_id, key_check FROM sluice.pseudonymised"
        " ORDER BY batch",
    ) == [
        ("people", 1, columns, "people", "k1", KEY.check),
        ("people", 2, columns, "people", "k2", NEXT.check),
    ]
    people.execute("UPDATE people SET town = 'Back'")
    people.collect()
    assert people.current("people", "mail, town") == [(pseudonym("anna@example.org", NEXT), "Back")]
    assert 3 not in people.notes()


def test_other_bytes_under_the_id_of_a_key_in_use_are_refused_in_every_source_of_the_domain(people):
    people.collect()
    people.key = PseudonymKey("people", "k1", SECRET[::-1])
    told = "Key 'k1' of domain 'people' has other bytes than the one of that id under which source"
    with pytest.raises(FatalError, match=told):
        people.collect()
    with pytest.raises(FatalError, match=told):
        people.collect(name=f"{people.source.name}_2")


def test_a_column_does_not_become_personal_after_it_was_landed_clear_nor_stop_being_so(people):
    people.collect(pii={}, key_domain=None)
    with pytest.raises(
        FatalError, match=r"'mail' .* is declared pii, and its clear values are landed already"
    ) as c:
        people.collect()
    assert "under a new name, and remove the clear values (docs/operate.md, Personal data)" in c.value.fix
    asked(people.warehouse, f"DROP TABLE landing.{people.source.name}_people; SELECT 1")
    decommission(people.source, people.url, confirmation=people.source.name)
    people.source = people.source.model_copy(update={"name": f"{people.source.name}_2"})
    people.collect()
    with pytest.raises(
        FatalError, match="'name' of table 'people' is landed as pseudonyms, and no longer declared"
    ):
        people.collect(pii={"people": MAILS["people"][:1]})
    with pytest.raises(FatalError, match="column 'mail' of table 'people' was 'casefold', and is now 'exact'"):
        people.collect(pii={"people": ("mail", "name")})
    assert people.collect() == []


def test_a_key_that_canonical_forms_would_merge_is_refused_and_nothing_is_landed(line):
    shop = line("people", pii={"people": (MAILS["people"][0],)}, key_domain="people", key=KEY)
    shop.execute(
        "CREATE TABLE people (mail text PRIMARY KEY)", "INSERT INTO people VALUES ('a@b.org'), ('A@b.org')"
    )
    with pytest.raises(FatalError, match=r"'mail' of table 'people', .* two rows could become one"):
        shop.collect()
    assert shop.position() is None
    shop.execute("DELETE FROM people WHERE mail = 'A@b.org'")
    shop.collect()
    assert shop.landed("people") == [(pseudonym("a@b.org"), 1, None, 2)]
