"""Create the warehouse's schemas and roles, and let one login do the daily work."""

import os
from pathlib import Path

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from include.core.errors import FatalError
from include.warehouse.connection import connect

# MERGE … RETURNING old.
OLDEST = 180000
# In the order of their names: a part uses what those before it made.
SCHEMA = Path(__file__).parent / "schema"


def prepare(admin_url: str, *, login: str | None = None, password: str | None = None) -> None:
    """Bring the warehouse at `admin_url` to the schema of this release; safe to run again.

    `login` is made if it is not there, gets `password`, and may act as sluice_writer. The
    administrator must be allowed to create roles and schemas (a superuser, or CREATEROLE and CREATE).
    """
    connection = connect(admin_url, application="sluice prepare")
    try:
        with connection, connection.cursor() as cursor:
            # Two preparations at once would both try to create the roles.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('sluice.prepare'))")
            _refuse_old_server(cursor)
            for part in sorted(SCHEMA.glob("*.sql")):
                cursor.execute(part.read_text(encoding="utf-8"))
            if login:
                _allow(cursor, login, password)
    finally:
        connection.close()


def _refuse_old_server(cursor: Cursor) -> None:
    cursor.execute("SELECT current_setting('server_version_num')::int, current_setting('server_version')")
    number, version = cursor.fetchone() or (0, "?")
    if number < OLDEST:
        raise FatalError(
            f"A warehouse needs PostgreSQL 18 or newer; this server is {version}.",
            fix="use a newer server: landing merges with statements that older ones do not know.",
        )


def _allow(cursor: Cursor, login: str, password: str | None) -> None:
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (login,))
    if cursor.fetchone() is None:
        cursor.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(login)))
    cursor.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(login), sql.Literal(password)))
    cursor.execute(sql.SQL("GRANT sluice_writer TO {}").format(sql.Identifier(login)))


def main() -> None:
    """`python -m include.warehouse.prepare`: reads SLUICE_ADMIN_URL, SLUICE_LOGIN and SLUICE_PASSWORD."""
    if not (url := os.environ.get("SLUICE_ADMIN_URL")):
        raise FatalError("SLUICE_ADMIN_URL is not set.", fix="export the administrator's URL of the warehouse.")
    prepare(url, login=os.environ.get("SLUICE_LOGIN"), password=os.environ.get("SLUICE_PASSWORD"))


if __name__ == "__main__":
    main()
