"""What is landed as pseudonyms and under which key: written down with a batch, held against every later run."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from include.core.errors import FatalError
from include.core.pseudonyms import CanonicalForm, PseudonymKey
from include.core.refs import BatchRef
from include.specs import Source

OPERATE = "docs/operate.md, Personal data"
ROTATE = f"give the former key again, or collect the site under a new name ({OPERATE})"
HIDE = f"collect the source under a new name, and remove the clear values ({OPERATE})"
GO_BACK = "declare it as before, or collect the source under a new name"


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """The personal columns of a table with their canonical forms, and the key by domain, id and check."""

    columns: Mapping[str, CanonicalForm]
    domain: str
    key_id: str
    key_check: str


@dataclass(frozen=True, slots=True)
class Change:
    """One way in which a table is not what was landed. `rekeyed`: its columns are the same, the key is not."""

    table: str
    told: str
    fix: str
    rekeyed: bool


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a landed table: the columns it ever had, and what of it is landed as pseudonyms."""

    columns: frozenset[str]
    pseudonyms: Pseudonyms | None = None


Declared = Mapping[str, Pseudonyms]


def declared(source: Source, key: PseudonymKey | None) -> Declared:
    """What is to be landed as pseudonyms of each table of the source that has personal columns."""
    if key is None:
        return {}
    return {t: Pseudonyms(source.pii_of(t), key.domain, key.id, key.check) for t in source.pii}


def refuse_changes(
    connection: Connection,
    source: str,
    wanted: Declared,
    present: Mapping[str, Collection[str]] | None = None,
    *,
    anew: bool = False,
) -> dict[str, str]:
    """Raise FatalError if a landed table would go on with other personal columns, or under another key.

    Then one column would hold clear values and pseudonyms, or pseudonyms that do not meet. `present` are the
    columns that each table has at the source, if that is known. Tables and columns that were
    never landed may be declared at will. With `anew` a table may come under another key: what is returned names
    each of them with the reason, and has to be taken anew.
    """
    with connection.cursor() as cursor:
        _refuse_false_keys(cursor, wanted)
        known = _known(cursor, source)
    found = changes(known, wanted, present)
    if refused := [change for change in found if not (anew and change.rekeyed)]:
        raise FatalError(
            f"Source {source!r} cannot go on as declared: {'; '.join(change.told for change in refused)}.",
            fix=f"{'; '.join(dict.fromkeys(change.fix for change in refused))}.",
        )
    return {change.table: change.told for change in found}


def changes(
    known: Mapping[str, Known], wanted: Declared, present: Mapping[str, Collection[str]] | None
) -> list[Change]:
    """How the declaration differs from what is landed, table by table. A pure decision.

    Where every change of a table is `rekeyed` it may be taken anew in the same history: its old intervals keep
    the old key's pseudonyms, told apart by the key id that each begins with.
    """
    found = []
    for table in sorted(known):
        before, after = known[table].pseudonyms, wanted.get(table)
        there = known[table].columns if present is None else set(present.get(table, ()))
        was = before.columns if before else {}
        now = after.columns if after else {}
        for column in sorted((now.keys() - was.keys()) & known[table].columns):
            told = f"column {column!r} of table {table!r} is declared pii, and its clear values are landed already"
            found.append(Change(table, told, HIDE, rekeyed=False))
        for column in sorted((was.keys() - now.keys()) & there):
            told = f"column {column!r} of table {table!r} is landed as pseudonyms, and no longer declared pii"
            found.append(Change(table, told, GO_BACK, rekeyed=False))
        for column in sorted(was.keys() & now.keys()):
            if was[column] != now[column]:
                told = f"column {column!r} of table {table!r} was {was[column]!r}, and is now {now[column]!r}"
                found.append(Change(table, told, GO_BACK, rekeyed=False))
        if before and after and (before.domain, before.key_id) != (after.domain, after.key_id):
            told = (
                f"table {table!r} is landed under key {before.key_id!r} of domain {before.domain!r}, and the key"
                f" is now {after.key_id!r} of {after.domain!r}"
            )
            found.append(Change(table, told, ROTATE, rekeyed=True))
    return found


def record(connection: Connection, batch: BatchRef, wanted: Declared) -> None:
    """Write down what is landed as pseudonyms from `batch` on, where that is new, in its own transaction."""
    if not wanted:
        return
    with connection.cursor() as cursor:
        for table, known in sorted(_known(cursor, batch.source).items()):
            now = wanted.get(table)
            if now is None or now == known.pseudonyms:
                continue
            cursor.execute(
                "INSERT INTO sluice.pseudonymised"
                " (source, table_name, batch, columns, key_domain, key_id, key_check)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                (
                    batch.source, table, batch.batch, json.dumps(dict(now.columns)), now.domain, now.key_id,
                    now.key_check,
                ),
            )  # fmt: skip


def _known(cursor: Cursor, source: str) -> dict[str, Known]:
    """Every landed table of the source, with what was written down of it last."""
    cursor.execute(
        "SELECT t.table_name, t.names, p.columns, p.key_domain, p.key_id, p.key_check"
        " FROM (SELECT table_name, array_agg(c ->> 'name') AS names"
        "       FROM sluice.landing_tables, jsonb_array_elements(columns) AS c WHERE source = %(source)s"
        "       GROUP BY table_name) AS t"
        " LEFT JOIN LATERAL (SELECT * FROM sluice.pseudonymised AS p"
        "  WHERE p.source = %(source)s AND p.table_name = t.table_name ORDER BY batch DESC LIMIT 1) AS p ON true",
        {"source": source},
    )
    return {
        table: Known(frozenset(names), Pseudonyms(*last) if last[0] is not None else None)
        for table, names, *last in cursor.fetchall()
    }


def _refuse_false_keys(cursor: Cursor, wanted: Declared) -> None:
    """A key that bears another one's id would pass for it, in this source and in all that share its domain."""
    for domain, key_id, check in sorted({(p.domain, p.key_id, p.key_check) for p in wanted.values()}):
        cursor.execute(
            "SELECT source FROM sluice.pseudonymised WHERE (key_domain, key_id) = (%s, %s) AND key_check <> %s"
            " ORDER BY batch LIMIT 1",
            (domain, key_id, check),
        )
        if (found := cursor.fetchone()) is not None:
            raise FatalError(
                f"Key {key_id!r} of domain {domain!r} has other bytes than the one of that id under which source"
                f" {found[0]!r} is landed.",
                fix="give the former bytes again, or the new key an id of its own.",
            )
