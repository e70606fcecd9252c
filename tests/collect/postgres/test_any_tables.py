"""Whatever a table is called and holds, and whatever changes it: the landing is the source, value by value."""

from itertools import count

import psycopg2
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg2 import sql

from include.collect.postgres import decommission
from tests.collect.postgres.conftest import Line

# Made once in the source's database: types that no other database knows.
TYPES = (
    "CREATE TYPE \"Größe\" AS ENUM ('klein', 'gro''ß', 'a b', '')",
    "CREATE DOMAIN flag AS bool",
    "CREATE DOMAIN short AS text CHECK (length(value) < 99)",
    'CREATE TYPE pair AS (x int, "Y y" text, z numeric[])',
    "CREATE TYPE span AS RANGE (subtype = float8)",
)
# Each type, with values as its input function takes them.
VALUES = {
    "bool": ["t", "f"],
    "smallint": ["-32768", "32767"],
    "bigint": ["-9223372036854775808", "9223372036854775807", "0"],
    "real": ["NaN", "Infinity", "-Infinity", "-0", "1e-45", "3.4028235e38"],
    "double precision": ["NaN", "Infinity", "-0", "5e-324", "0.1"],
    "numeric": ["NaN", "Infinity", "-Infinity", "0.000", "1e-100", "123456789012345678901234567890.5"],
    "numeric(6,2)": ["NaN", "-9999.99", "0.10"],
    "text": ["", "NULL", "\\N", "\t\n\r", "ä😀'\"\\", "x" * 9000],
    "character varying(20)": ["", " a ", "é" * 20],
    "character(5)": ["", "ab", "abcde"],
    "bytea": ["\\x", "\\x00ff5c27", "\\x" + "00" * 5000],
    "date": ["infinity", "-infinity", "0044-03-15 BC", "5874897-12-31", "2026-02-28"],
    "timestamp": ["infinity", "-infinity", "4713-01-01 00:00:00 BC", "294276-12-31 23:59:59.999999"],
    "timestamptz": ["infinity", "-infinity", "0001-01-01 00:00:00+00 BC", "2026-03-29 02:30:00+02"],
    "time": ["24:00:00", "00:00:00.000001"],
    "timetz": ["23:59:60+15:59", "12:00:00-03:30"],
    "interval": ["-1 mons +2 days -03:00:00.5", "infinity", "178000000 years", "0"],
    "uuid": ["00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
    "json": ['{"a": 1, "a": 2}', " [1 , 2.50]", '"\\u00e4"', "null"],
    "jsonb": ['{"b": 1, "a": {"c": [null, 1.50]}}', '"ä"', "null"],
    "inet": ["192.168.0.1/24", "::1", "::ffff:1.2.3.4/128"],
    "cidr": ["10.0.0.0/8", "2001:db8::/32"],
    "macaddr": ["08:00:2b:01:02:03"],
    "bit(3)": ["101", "000"],
    "bit varying": ["", "1", "0110100"],
    "int[]": ["{}", "[2:4]={1,NULL,3}", "[-1:0][5:6]={{1,2},{3,4}}"],
    "text[]": ['{"NULL",NULL,"","a,b","\\"q\\"","\\\\"}', "{{ä},{ö}}"],
    "int4range": ["empty", "[1,5)", "(,)", "[,3]"],
    "tstzrange": ['["2026-01-01 00:00:00+00",infinity)', "empty"],
    "datemultirange": ["{}", "{[2026-01-01,2026-02-01),[2027-01-01,)}"],
    "point": ["(1e-10,-0)", "(Infinity,NaN)"],
    "money": ["$1,234.50", "-$0.01"],
    "tsvector": ["'a':1A 'b''c':2"],
    "pg_lsn": ["0/0", "FFFFFFFF/FFFFFFFF"],
    '"char"': ["", "a"],
    "regtype": ["integer", "text[]"],
    '"Größe"': ["klein", "gro'ß", "a b", ""],
    '"Größe"[]': ["{klein,NULL,\"a b\"}", "[0:0]={\"\"}"],
    "flag": ["t", "f"],
    "flag[]": ["{t,NULL}"],
    "short": ["", "NULL", "ü"],
    "pair": ["(,,)", '(1,"a ""b"", (c)","{NaN,1.0}")', '(,"",)'],
    "pair[]": ['{"(1,x,)",NULL}'],
    "span": ["empty", "[-Infinity,0.1)"],
}  # fmt: skip
# Capitals, spaces, quotes, other scripts, words of SQL, and 63 bytes.
NAMES = (
    "plain", "Capital", "with space", 'qu"ote', "apo'strophe", "dot.ted", "select", "größe", "表", "%s", "{0}",
    "a\\b", "e" * 63, "ü" * 31, "_row", "_k", "t", "c0", "line\nbreak", "ctid ", "$1", "emoji 😀",
)  # fmt: skip

EXAMPLES = count(1)

identifiers = st.sampled_from(NAMES)


@st.composite
def tables(draw):
    """A table's name, its columns (name, type), and whether it has a key."""
    names = draw(st.lists(identifiers, min_size=2, max_size=7, unique=True))
    kinds = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=len(names), max_size=len(names)))
    return draw(identifiers), list(zip(names, kinds, strict=True)), draw(st.booleans())


def row_of(columns):
    return st.tuples(*(st.sampled_from([*VALUES[kind], None]) for _, kind in columns))


@st.composite
def histories(draw):
    """Tables, the rows that each begins with, and two runs of transactions, each a list of changes."""
    drawn = draw(st.lists(tables(), min_size=1, max_size=3, unique_by=lambda table: table[0]))
    rows = [draw(st.lists(row_of(columns), max_size=4)) for _, columns, _ in drawn]
    place = st.integers(0, len(drawn) - 1)

    def change(at):
        keys = st.integers(1, 6)
        row = row_of(drawn[at][1])
        return st.one_of(
            st.tuples(st.just("insert"), st.just(at), keys, row),
            st.tuples(st.just("update"), st.just(at), keys, row),
            st.tuples(st.just("move"), st.just(at), keys, keys),
            st.tuples(st.just("delete"), st.just(at), keys),
        )

    transaction = st.tuples(st.lists(place.flatmap(change), min_size=1, max_size=4), st.booleans())
    return drawn, rows, draw(st.lists(st.lists(transaction, max_size=5), min_size=2, max_size=2))


class Tables:
    """The drawn tables at the source, each with a number a row, which is its key if it has one."""

    def __init__(self, line, drawn):
        self._line, self._drawn = line, drawn

    def make(self, rows):
        statements = []
        for at, (name, columns, keyed) in enumerate(self._drawn):
            definitions = [
                sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(kind)) for column, kind in columns
            ]
            key = sql.SQL('"Row id" int PRIMARY KEY' if keyed else '"Row id" int')
            table = sql.Identifier(name)
            statements += [
                sql.SQL("DROP TABLE IF EXISTS {}").format(table),
                sql.SQL("CREATE TABLE {} ({})").format(table, sql.SQL(", ").join([key, *definitions])),
                *([] if keyed else [sql.SQL("ALTER TABLE {} REPLICA IDENTITY FULL").format(table)]),
                *(self._statement("insert", at, number, row) for number, row in enumerate(rows[at], 1)),
            ]
        self._line.execute(tuple(statements))

    def change(self, transactions):
        for changes, kept in transactions:
            statements = [self._statement(*change) for change in changes]
            self._line.execute((*statements, "SELECT 1" if kept else "ROLLBACK"))

    def _statement(self, kind, at, number, value=None):
        name, columns, keyed = self._drawn[at]
        table, number = sql.Identifier(name), sql.Literal(number)
        typed = [
            sql.SQL("{}::{}").format(sql.Literal(text), sql.SQL(of))
            for text, (_, of) in zip(value if isinstance(value, tuple) else (), columns, strict=False)
        ]
        if kind == "insert":
            command = sql.SQL("INSERT INTO {} VALUES ({}) {}")
            nothing = sql.SQL("ON CONFLICT DO NOTHING" if keyed else "")
            return command.format(table, sql.SQL(", ").join([number, *typed]), nothing)
        if kind == "update":
            # The last column keeps its value: if that is long, the stream leaves it out.
            pairs = [
                sql.SQL("{} = {}").format(sql.Identifier(column), new)
                for (column, _), new in zip(columns[:-1], typed, strict=False)
            ]
            command = sql.SQL('UPDATE {} SET {} WHERE "Row id" = {}')
            return command.format(table, sql.SQL(", ").join(pairs), number)
        if kind == "move":
            command = sql.SQL(
                'UPDATE {table} SET "Row id" = {to} WHERE "Row id" = {number}'
                ' AND {to} NOT IN (SELECT "Row id" FROM {table})'
            )
            return command.format(table=table, to=sql.Literal(value), number=number)
        return sql.SQL('DELETE FROM {} WHERE "Row id" = {}').format(table, number)


@settings(
    max_examples=12, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(history=histories())
def test_any_tables_rows_and_transactions_are_landed_value_by_value(source_url, warehouse_url, history):
    drawn, rows, runs = history
    line = Line(source_url, warehouse_url, *(name for name, _, _ in drawn), batch_changes=3)
    # A source of its own for each example, so that none depends on those before.
    line.source = line.source.model_copy(update={"name": f"any{next(EXAMPLES)}"})
    prepare_types(line)
    tables = Tables(line, drawn)
    tables.make(rows)
    try:
        assert_followed(line, tables, runs)
    finally:
        line.wait_until(lambda: not line.slot("active"))
        decommission(line.source, line.url)


def assert_followed(line, tables, runs):
    """After each run the landing is the source; in the end it still tells what the source was after each."""
    seen = {}
    for transactions in [[], *runs]:
        tables.change(transactions)
        for landed in line.collect()[-1:]:
            seen[landed.batch] = {table: line.at_source(table) for table in line.source.tables}
        line.assert_equal()
    for batch, expected in seen.items():
        assert {table: line.as_of(table, batch) for table in line.source.tables} == expected


def prepare_types(line):
    if line.query("SELECT to_regtype('public.pair') IS NULL") == [(True,)]:
        line.execute(*TYPES)


def test_every_value_is_one_that_its_type_takes(source_url):
    connection = psycopg2.connect(source_url)
    with connection, connection.cursor() as cursor:
        for statement in TYPES:
            cursor.execute(statement)
        for kind, values in VALUES.items():
            for value in values:
                cursor.execute(sql.SQL("SELECT {}::{}").format(sql.Literal(value), sql.SQL(kind)))
    connection.close()
