"""Check a Postgres source before it is read: every fault at once, each with its fix."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from include.collect.postgres.describe import SourceTable, describe
from include.collect.postgres.pseudonyms import pii_faults
from include.collect.postgres.publication import Publication, create_statement, find_publication
from include.core.errors import FatalError
from include.core.failpoints import failpoint
from include.specs import PostgresSource

OLDEST = 150000
KINDS = {"v": "a view", "m": "a materialized view", "f": "a foreign table"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that keeps a source, or only the named tables of it, from being read, and what to do about it."""

    problem: str
    fix: str
    tables: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.problem}. Fix: {self.fix}."


@dataclass(frozen=True, slots=True)
class Plan:
    """What can be read, which of it the publication does not hold yet, and why other tables cannot be read."""

    tables: tuple[SourceTable, ...]
    publication: Publication | None
    unpublished: tuple[SourceTable, ...]
    faulty: Mapping[str, str]


@failpoint("source.check")
def preflight(connection: Connection, source: PostgresSource, *, apart: bool = False) -> Plan:
    """Look at the server, the login and every declared table; changes nothing.

    Raises one FatalError that lists every fault. With `apart`, faults of tables keep only those from being read.
    """
    with connection.cursor() as cursor:
        found = {name: describe(cursor, source, name) for name in source.tables}
        tables = tuple(table for table in found.values() if table is not None)
        publication = find_publication(cursor, source.publication)
        published = publication.tables if publication else {}
        unpublished = tuple(table for table in tables if table.oid not in published)
        faults = [
            *_server_faults(cursor, source),
            *_login_faults(cursor),
            *(
                Fault(
                    f"table {name!r} does not exist", "correct the source's tables in catalog/sources.py", (name,)
                )
                for name, table in found.items()
                if table is None
            ),
            *(
                replace(fault, tables=(table.table.name,))
                for table in tables
                for fault in (
                    *_table_faults(cursor, table),
                    *_partition_faults(cursor, table, tables),
                    *(Fault(*found) for found in pii_faults(table.table, source.pii_of(table.table.name))),
                )
            ),
            *_publication_faults(cursor, source, publication, tables, unpublished),
        ]
    if grave := [fault for fault in faults if not (apart and fault.tables)]:
        lines = "".join(f"\n- {fault}" for fault in grave)
        raise FatalError(
            f"Source {source.name!r} cannot be read yet, {len(grave)} fault(s):{lines}\n",
            fix="correct all of them, then run again.",
        )
    faulty = {
        name: " ".join(sentence_case(fault) for fault in faults if name in fault.tables)
        for name in source.tables
        if any(name in fault.tables for fault in faults)
    }
    return Plan(
        tuple(table for table in tables if table.table.name not in faulty),
        publication,
        tuple(table for table in unpublished if table.table.name not in faulty),
        faulty,
    )


def sentence_case(fault: Fault) -> str:
    text = str(fault)
    return text[0].upper() + text[1:]


def _server_faults(cursor: Cursor, source: PostgresSource) -> Iterator[Fault]:
    cursor.execute(
        "SELECT current_setting('server_version_num')::int, current_setting('server_version'),"
        " current_setting('wal_level'), pg_is_in_recovery(), current_setting('max_replication_slots')::int,"
        " (SELECT count(*) FROM pg_replication_slots WHERE slot_name <> %s),"
        " current_setting('max_wal_senders')::int, (SELECT count(*) FROM pg_stat_replication)",
        (source.slot,),
    )
    number, version, wal_level, standby, slots, slots_used, senders, senders_used = cursor.fetchone() or ()
    if number < OLDEST:
        yield Fault(f"the server is PostgreSQL {version}, older than 15", "upgrade the server to 15 or newer")
    if wal_level != "logical":
        yield Fault(
            f"the server's wal_level is {wal_level}, logical replication needs logical",
            "ALTER SYSTEM SET wal_level = 'logical' and restart the server",
        )
    if standby:
        yield Fault("the server is a standby", "connect to the primary")
    if slots_used >= slots:
        yield Fault(
            f"all {slots} replication slots are taken",
            f"raise max_replication_slots to at least {slots + 1}, or drop a slot that nobody reads",
        )
    if senders_used >= senders:
        yield Fault(f"all {senders} WAL senders are busy", f"raise max_wal_senders to at least {senders + 1}")


def _login_faults(cursor: Cursor) -> Iterator[Fault]:
    cursor.execute("SELECT rolname, rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user")
    login, replicates = cursor.fetchone() or ()
    if not replicates:
        yield Fault(f"login {login!r} may not replicate", f'ALTER ROLE "{login}" REPLICATION')


def _table_faults(cursor: Cursor, table: SourceTable) -> Iterator[Fault]:
    called = f"table {table.table.name!r}"
    if table.kind in KINDS:
        yield Fault(f"{called} is {KINDS[table.kind]}", "declare the tables that it reads")
        return
    if table.persistence != "p":
        yield Fault(
            f"{called} is unlogged or temporary, so its changes are not in the log", "ALTER TABLE … SET LOGGED"
        )
    where = table.identifier.as_string(cursor)
    if table.identity in "dn" and not table.table.key:
        # Published like this, the source's own UPDATEs and DELETEs would fail.
        yield Fault(
            f"{called} has no usable replica identity ({_identity(table)})",
            f"add a primary key, or ALTER TABLE {where} REPLICA IDENTITY FULL (or USING INDEX …)",
        )
    names = {column.name for column in table.table.columns}
    if generated := [name for name in table.table.key if name not in names]:
        yield Fault(
            f"{called} has the generated column {generated[0]!r} in its key", "use a key of stored columns"
        )
    cursor.execute(
        "SELECT current_user, row_security_active(%(oid)s::oid),"
        " has_schema_privilege(%(schema)s, 'USAGE') AND has_table_privilege(%(oid)s, 'SELECT')",
        {"schema": table.schema, "oid": table.oid},
    )
    login, policies, readable = cursor.fetchone() or ()
    if not readable:
        yield Fault(
            f"login {login!r} may not read {called}",
            f'GRANT USAGE ON SCHEMA "{table.schema}" TO "{login}"; GRANT SELECT ON {where} TO "{login}"',
        )
    if policies:
        yield Fault(
            f"row-level security hides rows of {called} from login {login!r}", f'ALTER ROLE "{login}" BYPASSRLS'
        )


def _identity(table: SourceTable) -> str:
    return "REPLICA IDENTITY NOTHING" if table.identity == "n" else "no primary key that is checked at once"


def _partition_faults(cursor: Cursor, table: SourceTable, declared: tuple[SourceTable, ...]) -> Iterator[Fault]:
    called = f"table {table.table.name!r}"
    if any(kind != "r" for _, kind in table.leaves):
        yield Fault(
            f"{called} has a partition that is a foreign table", "detach it, or declare the other partitions"
        )
    needed = "f" if not table.table.key else "fid"
    if any(identity not in needed for identity, _ in table.leaves):
        yield Fault(
            f"{called} has a partition whose replica identity does not identify its rows",
            f"ALTER TABLE … REPLICA IDENTITY {'DEFAULT' if table.table.key else 'FULL'} for each partition",
        )
    cursor.execute("SELECT relid::oid::bigint FROM pg_partition_ancestors(%s) WHERE relid <> %s", (table.oid,) * 2)
    roots = {oid for (oid,) in cursor.fetchall()}
    for root in declared:
        if root.oid in roots:
            yield Fault(
                f"{called} is a partition of {root.table.name!r}, which is declared, too", "declare one of them"
            )


def _publication_faults(
    cursor: Cursor,
    source: PostgresSource,
    publication: Publication | None,
    tables: tuple[SourceTable, ...],
    unpublished: tuple[SourceTable, ...],
) -> Iterator[Fault]:
    called = f"publication {source.publication!r}"
    if publication:
        if not publication.complete:
            yield Fault(
                f"{called} leaves out some kinds of change, or publishes generated columns",
                f"drop {called} and let Sluice create it before the first run",
            )
        for table in tables:
            missing = {name for name, _, _ in table.signature} - publication.tables.get(table.oid, {None})
            if table.oid in publication.tables and missing:
                yield Fault(
                    f"{called} leaves out rows or columns of table {table.table.name!r}",
                    "publish the whole table: no column list, no row filter",
                    (table.table.name,),
                )
        roots = tuple(table.table.name for table in tables if table.kind == "p")
        if roots and not publication.via_root:
            command = sql.SQL("ALTER PUBLICATION {} SET (publish_via_partition_root = true)")
            statement = command.format(sql.Identifier(source.publication)).as_string(cursor)
            yield Fault(f"{called} publishes each partition by itself", f"as its owner: {statement}", roots)
    if not unpublished:
        return
    cursor.execute(
        "SELECT has_database_privilege(current_database(), 'CREATE') AND"
        " (SELECT bool_and(pg_has_role(relowner, 'USAGE')) FROM pg_class WHERE oid = ANY (%s::oid[])) AND"
        " coalesce((SELECT pg_has_role(pubowner, 'USAGE') FROM pg_publication WHERE pubname = %s), true)",
        ([table.oid for table in unpublished], source.publication),
    )
    if cursor.fetchone() != (True,):
        statement = create_statement(source.publication, publication is not None, unpublished).as_string(cursor)
        names = tuple(table.table.name for table in unpublished)
        yield Fault(
            f"the login may not publish {', '.join(map(repr, names))}: that takes the tables' owner, with CREATE"
            " on the database",
            f"as owner: {statement}",
            names,
        )
