"""The sample shop as this machine's source: its database and roles, its traffic, its web site."""

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from include.local.home import PROJECT
from include.local.postgres import EmbeddedPostgres
from include.specs import PostgresSource
from include.warehouse.connection import connect

DATABASE = "shop"
CONNECTION = "shop"
OWNER = "shop"
READER = "shop_reader"
SEED = 7
# The site has digits enough for two more plates.
LAST_EDITION = 2
TRAFFIC = [sys.executable, "-m", "include.sample.traffic"]
SITE = [sys.executable, "-m", "include.sample.site"]


@dataclass(frozen=True)
class Site:
    """The shop's web site as it is served this time; each edition brings something new."""

    port: int
    edition: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def prepare(postgres: EmbeddedPostgres, secrets: Mapping[str, str], sources: Iterable[PostgresSource]) -> None:
    """Make the shop's database with its history, and the login that may read it; safe to run again.

    `sources` are those of the catalog that read this database.
    """
    from include.sample import shop

    _login(postgres.url("postgres"), OWNER, secrets["shop"])
    _give_database(postgres.url("postgres"))
    shop.create(owner_url(postgres, secrets), seed=SEED)
    _login(postgres.url("postgres"), READER, secrets["shop_reader"], replication=True)
    _let_read(owner_url(postgres, secrets), sources)


def owner_url(postgres: EmbeddedPostgres, secrets: Mapping[str, str]) -> str:
    return postgres.url(DATABASE, user=OWNER, password=secrets["shop"])


def reader_url(postgres: EmbeddedPostgres, secrets: Mapping[str, str]) -> str:
    return postgres.url(DATABASE, user=READER, password=secrets["shop_reader"])


def environment(shop_url: str, site: Site) -> dict[str, str]:
    """What traffic and site are started with."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": str(PROJECT),
        "PYTHONUNBUFFERED": "1",
        "SLUICE_SHOP_URL": shop_url,
        "SLUICE_SHOP_SEED": str(SEED),
        "SLUICE_SITE_PORT": str(site.port),
        "SLUICE_SITE_SEED": str(SEED),
        "SLUICE_SITE_EDITION": str(site.edition),
    }


def _login(admin_url: str, role: str, password: str, *, replication: bool = False) -> None:
    connection = connect(admin_url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,))
            if cursor.fetchone() is None:
                cursor.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
            cursor.execute(
                sql.SQL("ALTER ROLE {} LOGIN {} PASSWORD {}").format(
                    sql.Identifier(role),
                    sql.SQL("REPLICATION" if replication else "NOREPLICATION"),
                    sql.Literal(password),
                )
            )
    finally:
        connection.close()


def _give_database(admin_url: str) -> None:
    connection = connect(admin_url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(
                sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER))
            )
    finally:
        connection.close()


def _let_read(owner_url: str, sources: Iterable[PostgresSource]) -> None:
    """What a database's owner grants to Sluice: to read its tables, and to follow those that the catalog names."""
    reader, owner = sql.Identifier(READER), sql.Identifier(OWNER)
    connection = connect(owner_url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(reader))
            cursor.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}").format(reader))
            cursor.execute(
                sql.SQL(
                    "ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA public GRANT SELECT ON TABLES TO {}"
                ).format(owner, reader)
            )
            for source in sources:
                _publish(cursor, source)
    finally:
        connection.close()


def _publish(cursor: Cursor, source: PostgresSource) -> None:
    """Publish the source's tables that the owner has. The reader's own check names any that are missing."""
    cursor.execute(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind = 'r' AND c.relowner = current_user::regrole"
        " AND (n.nspname || '.' || c.relname = ANY(%(tables)s)"
        " OR n.nspname = 'public' AND c.relname = ANY(%(tables)s))"
        " AND NOT EXISTS (SELECT FROM pg_publication_tables t WHERE t.pubname = %(publication)s"
        " AND t.schemaname = n.nspname AND t.tablename = c.relname) ORDER BY 1, 2",
        {"tables": list(source.tables), "publication": source.publication},
    )
    if not (missing := cursor.fetchall()):
        return
    cursor.execute("SELECT 1 FROM pg_publication WHERE pubname = %s", (source.publication,))
    command = (
        "ALTER PUBLICATION {} ADD TABLE ONLY {}"
        if cursor.fetchone()
        else "CREATE PUBLICATION {} FOR TABLE ONLY {}"
    )
    tables = sql.SQL(", ONLY ").join(sql.Identifier(schema, table) for schema, table in missing)
    cursor.execute(sql.SQL(command).format(sql.Identifier(source.publication), tables))
