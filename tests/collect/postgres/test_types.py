"""Values of every type come through snapshot and stream as they are, in text and in binary."""

from include.collect.postgres.describe import landed_as_sent
from include.local.postgres import EmbeddedPostgres
from include.warehouse.connection import transaction

# A type, values of it that other readers lose, and whether it is landed as itself.
TYPES = [
    ("smallint", ["-32768"], True),
    ("bigint", ["9223372036854775807"], True),
    ("double precision", ["'NaN'", "'-Infinity'", "0.1::float8 + 0.2", "'-0'", "5e-324"], True),
    ("real", ["'NaN'", "1e-45", "16777217"], True),
    ("numeric", ["'NaN'", "'Infinity'", "'-Infinity'", "1.00", "repeat('9', 200)::numeric + 0.5"], True),
    ("numeric(10,2)", ["12345678.90", "'NaN'"], True),
    (
        "timestamp with time zone",
        [
            "'infinity'",
            "'-infinity'",
            "'0044-03-15 12:00 BC'",
            "'294276-12-31'",
            "'2026-01-01 01:02:03.456789+05:30'",
        ],
        True,
    ),
    ("timestamp(3) without time zone", ["'4713-01-01 BC'", "'2026-01-01 01:02:03.456'"], True),
    ("date", ["'infinity'", "'0001-01-01 BC'", "'5874897-12-31'"], True),
    ("interval", ["'-1 year 2 mons -3 days 04:05:06.789'", "'infinity'"], True),
    ("time with time zone", ["'24:00:00-15:59'"], True),
    ("boolean", ["true", "false"], True),
    ("bytea", [r"'\x00ff5c'", "''"], True),
    ("text", ["''", "'NULL'", r"'\N'", "E'a\\tb\\nc\\\\'", "'ü\U0001f600'"], True),
    ("character(5)", ["'ab'", "''"], True),
    ("character varying(3)", ["'abc'"], True),
    ('"char"', ["'x'"], True),
    ("jsonb", ["""'{"a": [1, null, "x"]}'""", "'null'", "'1.00'"], True),
    ("json", ["""'{"a":  1, "a": 2}'"""], True),
    ("uuid", ["'00000000-0000-0000-0000-00000000000a'"], True),
    ("inet", ["'10.0.0.1'", "'::1/64'"], True),
    ("cidr", ["'10.0.0.0/8'"], True),
    ("macaddr", ["'08:00:2b:01:02:03'"], True),
    ("macaddr8", ["'08:00:2b:01:02:03:04:05'"], True),
    ("bit varying(5)", ["B'101'"], True),
    ("bit(3)", ["B'101'"], True),
    ("name", ["'n'"], True),
    ("oid", ["4294967295"], True),
    ("pg_lsn", ["'16/B374D848'"], True),
    ("time without time zone", ["'24:00'"], True),
    ("point", ["'(-0,1e300)'"], True),
    ("lseg", ["'((0,0),(1,2))'"], True),
    ("path", ["'[(0,0),(1,2)]'", "'((0,0),(1,2))'"], True),
    ("box", ["'(1,2),(0,0)'"], True),
    ("polygon", ["'((0,0),(1,2),(3,4))'"], True),
    ("line", ["'{1,2,3}'"], True),
    ("circle", ["'<(0,0),2>'"], True),
    ("numrange", ["'(1.10,2.0]'"], True),
    ("tstzrange", ["'[2026-01-01,infinity)'"], True),
    ("datemultirange", ["'{[2026-01-01,2026-02-01),[2027-01-01,)}'"], True),
    ("nummultirange", ["'{}'"], True),
    ("tsquery", ["'a & !b'"], True),
    ("int4range", ["'[1,5)'", "'empty'", "'(,3]'"], True),
    ("integer[]", ["'[2:3]={1,NULL}'", "'{}'", "'{{1,2},{3,4}}'"], True),
    ("text[]", ["""'{"a,b","NULL",NULL,""}'"""], True),
    ("timestamp with time zone[]", ["'{infinity,2026-01-01}'"], True),
    ("tsvector", ["'a:1 b:2'"], True),
    ("public.mood", ["'so so'"], False),
    ("public.truth", ["true"], False),
    ("public.spot", ["ROW(1, 'a,b')", "ROW(NULL, NULL)"], False),
    ("public.mood[]", ["'{ok,\"so so\"}'"], False),
    # The one extension that the embedded server has.
    ("public.vector(3)", ["'[1,-2.5,3e-05]'"], False),
    ("public.vector[]", ["""'{"[1]",NULL,"[1,2]"}'"""], False),
    ("money", ["'12.34'"], False),
    ("regclass", ["'pg_class'"], False),
]


def kinds_landed(shop):
    with transaction(shop.warehouse) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0",
            (f'landing."{shop.source.name}_types"',),
        )
        return dict(cursor.fetchall())


def types_come_through(shop, types):
    """Land values of every type by snapshot and by stream, and compare; returns the stream's form."""
    columns = ", ".join(f"c{n} {kind}" for n, (kind, _, _) in enumerate(types))
    shop.execute(
        "CREATE EXTENSION vector",
        "CREATE TYPE mood AS ENUM ('ok', 'so so')",
        "CREATE DOMAIN truth AS boolean",
        "CREATE TYPE spot AS (x int, label text)",
        f"CREATE TABLE types (id text PRIMARY KEY, {columns})",
    )
    inserts = [
        f"INSERT INTO types (id, c{n}) VALUES ('SOURCE {n} {m}', {value})"
        for n, (_, values, _) in enumerate(types)
        for m, value in enumerate(values)
    ]
    shop.execute(tuple(statement.replace("SOURCE", "snapshot") for statement in inserts))
    shop.collect()
    shop.execute(tuple(statement.replace("SOURCE", "stream") for statement in inserts))
    shop.collect()
    # Compared as text: that is the type's own notion of exactness, and Python has no year 294276.
    whole = "types::text"
    expected = sorted(text for (text,) in shop.query(f"SELECT {whole} FROM public.types"))
    own = ", ".join(f"c{n}" for n in range(len(types)))
    landed = sorted(text for (text,) in shop.landed("types", f"ROW(id, {own})::text"))
    assert landed == expected
    kinds = kinds_landed(shop)
    assert {kind: kinds[f"c{n}"] for n, (kind, _, _) in enumerate(types)} == {
        kind: kind if same else "text" for kind, _, same in types
    }
    with shop.reader() as reader:
        (table,) = reader.check().tables
    return "binary" if landed_as_sent(table.table) else "text"


def test_every_type_comes_through_snapshot_and_stream_exactly_as_text(line):
    assert types_come_through(line("types"), TYPES) == "text"


def test_every_portable_type_comes_through_exactly_in_binary(line):
    assert types_come_through(line("types"), [one for one in TYPES if one[2]]) == "binary"


def test_every_portable_type_comes_through_exactly_in_binary_from_an_older_server(tmp_path, line):
    older = EmbeddedPostgres(tmp_path, {"fsync": "off"}, version=16)
    older.start()
    try:
        older.create_database("source_16")
        # An interval has been able to be infinite since PostgreSQL 17.
        types = [
            (kind, values[:1] if kind == "interval" else values, True) for kind, values, same in TYPES if same
        ]
        shop = line("types")
        shop.url = older.url("source_16")
        assert types_come_through(shop, types) == "binary"
    finally:
        older.destroy()
