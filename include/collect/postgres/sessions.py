"""The connections of one run to its source, and the lock that keeps a second run away."""

from contextlib import suppress
from typing import Any, cast

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extras import LogicalReplicationConnection

from include.core.errors import RetriableError
from include.core.failpoints import failpoint
from include.specs import PostgresSource
from include.warehouse.connection import connect

# Either side notices within about two minutes that the other's machine is gone.
KEEPALIVES: dict[str, Any] = {"keepalives_idle": 60, "keepalives_interval": 15, "keepalives_count": 4}
SERVER_KEEPALIVES = "SET tcp_keepalives_idle = 60; SET tcp_keepalives_interval = 15; SET tcp_keepalives_count = 4"


class Sessions:
    """Opens connections to a source, and ends all of them at once."""

    def __init__(self, source: PostgresSource, url: str) -> None:
        self.source, self._url = source, url
        self._main: Connection | None = None
        self._opened: list[Connection] = []

    def close(self) -> None:
        """End every connection, also those of a generator that was left half-way. Safe to call again."""
        if self._main is not None:
            # The server notices a closed connection a moment later, and the next run may begin at once. With
            # a connection that is lost the lock is, too.
            with suppress(psycopg2.Error):
                self._main.cursor().execute("SELECT pg_advisory_unlock_all()")
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        self._main = None

    def main(self) -> Connection:
        """The connection for everything but copying and streaming; it holds the lock.

        Raises RetriableError if another run holds it.
        """
        if self._main is None:
            connection = self.another()
            connection.autocommit = True
            self._lock(connection)
            self._main = connection
        return self._main

    def another(self, **options: Any) -> Connection:
        self._opened.append(connect(self._url, **KEEPALIVES, **options))
        return self._opened[-1]

    def replication(self) -> LogicalReplicationConnection:
        connection = self.another(connection_factory=LogicalReplicationConnection)
        with connection.cursor() as cursor:
            cursor.execute(SERVER_KEEPALIVES)
        return cast("LogicalReplicationConnection", connection)

    @failpoint("source.lock")
    def _lock(self, connection: Connection) -> None:
        with connection.cursor() as cursor:
            # The lock of a run whose machine died must not outlive it by hours.
            cursor.execute(SERVER_KEEPALIVES)
            # Nor may it wait for ever for somebody who waits for what this run holds in another session.
            cursor.execute("SET lock_timeout = '30s'")
            cursor.execute("SELECT pg_try_advisory_lock(hashtext('sluice'), hashtext(%s))", (self.source.slot,))
            if cursor.fetchone() != (True,):
                raise RetriableError(
                    f"Another run is reading source {self.source.name!r}.", fix="wait until it has ended."
                )
