"""A source under test: SQL goes in on one side, landed rows come out on the other."""

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg2
import pytest
from psycopg2 import sql

from include.collect.postgres import PostgresReader
from include.collect.postgres.describe import describe
from include.collect.postgres.snapshot import landed_value
from include.pipeline.collect import collect_postgres
from include.specs import PostgresSource
from include.warehouse.asof import pin, render
from include.warehouse.connection import connect, transaction
from include.warehouse.landing import land, position
from include.warehouse.shapes import standings

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Line:
    """A source database, its declaration and the warehouse it lands in."""

    def __init__(self, source_url, warehouse_url, *tables, key=None, **options):
        self.url, self.warehouse, self.key = source_url, warehouse_url, key
        name = "s" + source_url.rsplit("_", 1)[1]
        self.source = PostgresSource(name=name, connection="x", tables=tables, **options)

    def execute(self, *statements):
        """Each argument is one transaction; a tuple is one of several statements."""
        connection = psycopg2.connect(self.url)
        for statement in statements:
            with connection, connection.cursor() as cursor:
                for part in [statement] if isinstance(statement, str) else statement:
                    cursor.execute(part)
        connection.close()

    def query(self, statement):
        connection = connect(self.url)
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            rows = cursor.fetchall()
        connection.close()
        return rows

    def collect(self, *, anew=False, gauge=None, **changes):
        source = self.source.model_copy(update=changes)
        return collect_postgres(source, self.url, self.warehouse, at=AT, key=self.key, anew=anew, gauge=gauge)

    def reader(self):
        return PostgresReader(self.source, self.url, self.key)

    def land(self, batch):
        with transaction(self.warehouse) as connection:
            return land(connection, batch, AT)

    def position(self):
        with transaction(self.warehouse) as connection:
            return position(connection, self.source.name)

    def standings(self):
        with transaction(self.warehouse) as connection:
            return standings(connection, self.source.name)

    def left_out(self):
        return {name: known.left_out for name, known in self.standings().items() if known.left_out}

    def notes(self):
        """What was announced with each batch that has something to announce."""
        with transaction(self.warehouse) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT batch, notes FROM sluice.batches WHERE notes <> '{}' ORDER BY batch")
            return dict(cursor.fetchall())

    def as_of(self, table, batch=None):
        """Column names and rows, as text, as dataset SQL reads the table as of a batch, or as of the newest."""
        with transaction(self.warehouse) as connection, connection.cursor() as cursor:
            pinned = {self.source.name: batch} if batch else pin(connection, (self.source.name,))
            with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
                file.write(f"SELECT * FROM {{{{ source({self.source.name!r}, {table!r}) }}}} AS t")
                file.flush()
                cursor.execute(render(connection, Path(file.name), pinned).text + " LIMIT 0")
                names = [column.name for column in cursor.description]
                columns = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in names)
                text = render(connection, Path(file.name), pinned).text
                cursor.execute(sql.SQL("SELECT {} FROM ({}) AS t").format(columns, sql.SQL(text)))
                return names, sorted(map(tuple, cursor.fetchall()), key=repr)

    def at_source(self, table):
        """The same of the table at the source, where types of its own are as their output functions print them."""
        connection = connect(self.url)
        with connection, connection.cursor() as cursor:
            found = describe(cursor, self.source, table)
            names = [column.name for column in found.table.columns]
            values = (
                landed_value(sql.Identifier(name), own) for name, own in zip(names, found.portable, strict=True)
            )
            columns = sql.SQL(", ").join(sql.SQL("({})::text").format(value) for value in values)
            cursor.execute(sql.SQL("SELECT {} FROM {}").format(columns, found.whole))
            rows = cursor.fetchall()
        connection.close()
        return names, sorted(map(tuple, rows), key=repr)

    def assert_equal(self, *tables):
        """The landing, read as a dataset reads it, is the source, column by column and row by row."""
        for table in tables or self.source.tables:
            assert self.as_of(table) == self.at_source(table)

    def landed(self, table, columns="*", where="true"):
        """Rows of a landing table in the order of their intervals."""
        with transaction(self.warehouse) as connection, connection.cursor() as cursor:
            cursor.execute(
                f'SELECT {columns} FROM landing."{self.source.name}_{table}" WHERE {where} ORDER BY _seq_from, 1'
            )
            return [tuple(row) for row in cursor.fetchall()]

    def tally(self, table, *by):
        """How many rows a landing table has for each combination of the expressions `by`."""
        with transaction(self.warehouse) as connection, connection.cursor() as cursor:
            groups = ", ".join(by)
            cursor.execute(
                f'SELECT {groups}, count(*) FROM landing."{self.source.name}_{table}"'
                f" GROUP BY {groups} ORDER BY {groups}"
            )
            return [tuple(row) for row in cursor.fetchall()]

    def current(self, table, columns="*"):
        return sorted(self.landed(table, columns, "_seq_to IS NULL"), key=repr)

    def let_the_slot_go(self):
        """Let a server with a small max_slot_wal_keep_size remove log that the slot still needs."""
        for _segment in range(3):
            self.execute("SELECT pg_logical_emit_message(true, 'filling', 'x')")
            self.query("SELECT pg_switch_wal()")
        connection = connect(self.url)
        connection.autocommit = True
        connection.cursor().execute("CHECKPOINT")
        connection.close()

    def slot(self, column="confirmed_flush_lsn::text"):
        rows = self.query(f"SELECT {column} FROM pg_replication_slots WHERE slot_name = '{self.source.slot}'")
        return rows[0][0] if rows else None

    @staticmethod
    def wait_until(condition):
        """The server hears of some things a moment later; fail after 20 s."""
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.fixture
def line(source_url, warehouse_url):
    """Makes a Line for the given tables."""

    def make(*tables, **options):
        return Line(source_url, warehouse_url, *tables, **options)

    return make


@pytest.fixture
def shop(line):
    """A source with an empty table of items, which no run has read."""
    shop = line("items")
    shop.execute("CREATE TABLE items (id int PRIMARY KEY, name text)")
    return shop
