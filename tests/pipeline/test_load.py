"""Reading a version: which one, which rows, in which types, and what happens to it meanwhile."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg2
import pyarrow as pa
import pytest
from psycopg2.extras import Json

from include.core.errors import FatalError, RetriableError
from include.pipeline.load import load, opened
from include.warehouse import pointer
from include.warehouse.connection import transaction
from include.warehouse.prepare import prepare
from include.warehouse.tags import tag

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)

TYPES = """
CREATE TABLE staging.made AS SELECT n AS id, n = 2 AS label, (n / 8.0)::numeric(8, 3) AS amount,
    'NaN'::float4 AS score, '2026-01-01 12:00+01'::timestamptz AS at, '2026-01-01'::date AS day,
    jsonb '{"b": 1}' AS facts,
    '\\x00ff'::bytea AS raw, interval '1 day' AS pause, ARRAY[n / 2.0, NULL] AS weights, NULL::uuid AS ref,
    chr(64 + n) || '''s "x"' AS name, (10 - n)::text AS _id, 'train' AS _split, 'real' AS _origin,
    ARRAY['a', NULL] AS _parents
FROM generate_series(1, 3) AS n
"""


ROWS = """
CREATE TABLE staging.made AS SELECT n AS id, n / 8.0 AS amount, n % 8 = 0 AS is_fraud, n::text AS _id,
    CASE n % 9 WHEN 3 THEN 'test' WHEN 4 THEN 'validation' ELSE 'train' END AS _split, 'real' AS _origin
FROM generate_series(1, %s) AS n
"""
COUNTS = [{"split": split} for split in ("test", "train", "validation")]


def versions_of(url, dataset):
    """Three versions: of 120, 121 and 144 rows."""
    for rows in (120, 121, 144):
        with transaction(url) as connection, connection.cursor() as cursor:
            cursor.execute(ROWS.replace("% 8", "%% 8").replace("% 9", "%% 9"), (rows,))
            manifest = Json({"rows": rows, "counts": COUNTS})
            cursor.execute("SELECT sluice.publish(%s, 'made', %s, %s, %s)", (dataset, str(rows), manifest, AT))


@pytest.fixture(scope="module")
def admin_url(postgres):
    """A warehouse with three versions of `fraud`, and of `spam`, as its superuser."""
    postgres.create_database("loaded")
    prepare(postgres.url("loaded"), login="sluice", password="a test's own password")
    for dataset in ("fraud", "spam"):
        versions_of(postgres.url("loaded"), dataset)
    return postgres.url("loaded")


@pytest.fixture(scope="module")
def url(postgres, admin_url):
    return postgres.url("loaded", user="sluice", password="a test's own password")


def rows_of(table):
    return table.num_rows


def test_the_current_version_one_by_its_number_and_one_by_its_tag_are_read(url):
    with transaction(url) as connection:
        tag(connection, "spam", 2, "paper-2026", who="ada", why="cited", at=AT)
    assert rows_of(load("fraud", url=url)) == 144
    assert [rows_of(load("spam", url=url, **which)) for which in ({"version": 1}, {"tag": "paper-2026"})] == [
        120,
        121,
    ]


def test_what_the_view_showed_at_a_time_is_read_whatever_happens_later(url):
    with transaction(url) as connection:
        *_, third, second, first = [move.at for move in pointer.moves(connection, "spam")]
    asked = [first, second - timedelta(microseconds=1), second, third]
    assert [rows_of(load("spam", url=url, as_of=at)) for at in asked] == [120, 120, 121, 144]
    with transaction(url) as connection:
        pointer.roll_back(connection, "spam", 2, pin=False, who="ada", why="drift")
    assert rows_of(load("spam", url=url)) == 121
    assert [rows_of(load("spam", url=url, as_of=at)) for at in asked] == [120, 120, 121, 144]


def test_a_move_that_is_under_way_is_waited_for(url, admin_url):
    mover = psycopg2.connect(admin_url)
    mover.cursor().execute("SELECT sluice.roll_back('spam', 1, false, 'ada', 'drift')")
    with mover.cursor() as cursor:
        cursor.execute("SELECT max(moved_at) FROM sluice.pointer_moves")
        (at,) = cursor.fetchone()
    with transaction(url) as connection:
        connection.cursor().execute("SET LOCAL lock_timeout = '100ms'")
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            pointer.shown_at(connection, "spam", at)
    mover.commit()
    mover.close()
    assert rows_of(load("spam", url=url, as_of=at)) == 120


def test_the_view_moves_while_a_version_of_a_time_is_open(url):
    at = datetime.now(UTC) - timedelta(milliseconds=1)
    with opened("spam", url=url, as_of=at) as version:
        before = version.arrow().num_rows
        with transaction(url) as connection:
            connection.cursor().execute("SET LOCAL lock_timeout = '5s'")
            pointer.roll_back(connection, "spam", 3, pin=False, who="ada", why="mended")
        assert version.arrow().num_rows == before
    assert rows_of(load("spam", url=url)) == 144


def test_a_split_and_columns_are_read_alone_sorted_by_id(url):
    found = load("fraud", url=url, version=1, split="test", columns=("id", "is_fraud"))
    assert found.column_names == ["id", "is_fraud"]
    ids = [str(number) for number in found["id"].to_pylist()]
    assert ids == sorted(str(n) for n in range(1, 121) if n % 9 == 3)
    assert found.schema.field("is_fraud").type == pa.bool_()


def test_each_value_comes_in_its_own_type(warehouse):
    warehouse.execute(TYPES)
    warehouse.execute("SELECT sluice.publish('odd', 'made', 'f', '{}', now())")
    found = load("odd", url=warehouse.url)
    assert {field.name: str(field.type) for field in found.schema} == {
        "id": "int32", "label": "bool", "amount": "double", "score": "float", "at": "timestamp[us, tz=UTC]",
        "day": "date32[day]", "facts": "string", "raw": "binary", "pause": "string",
        "weights": "list<item: double>", "ref": "string", "name": "string", "_id": "string", "_split": "string",
        "_origin": "string", "_parents": "list<item: string>",
    }  # fmt: skip
    (last, *_), frame = found.to_pylist(), found.to_pandas()
    assert last.pop("score") != last.get("score")
    assert last == {
        "id": 3, "label": False, "amount": 0.375, "at": datetime(2026, 1, 1, 11, tzinfo=UTC),
        "day": datetime(2026, 1, 1).date(), "facts": '{"b": 1}', "raw": b"\x00\xff", "pause": "1 day",
        "weights": [1.5, None], "ref": None, "name": "C's \"x\"", "_id": "7", "_split": "train", "_origin": "real",
        "_parents": ["a", None],
    }  # fmt: skip
    assert frame["amount"].dtype == "float64" and frame["amount"].sum() == float(Decimal("0.75"))


def test_batches_hold_as_many_rows_as_asked_and_each_worker_has_its_part(url):
    with opened("fraud", url=url, split="train") as version:
        whole = version.arrow()
        sizes = [batch.num_rows for batch in version.batches(50)]
        assert sizes == [50] * (len(whole) // 50) + [len(whole) % 50]
        assert pa.Table.from_batches(version.batches(50)) == whole
        parts = [batch["_id"].to_pylist() for part in range(3) for batch in version.batches(1000, part=part, of=3)]
        assert sorted(id for part in parts for id in part) == whole["_id"].to_pylist()
        assert min(map(len, parts)) > 20
        with pytest.raises(FatalError, match="part = 3, of = 3 are no batches of a part"):
            next(version.batches(part=3, of=3))


def test_a_version_that_is_open_cannot_be_dropped(url, admin_url):
    keeper = psycopg2.connect(admin_url)
    with opened("fraud", url=url, version=1) as version:
        with pytest.raises(psycopg2.errors.LockNotAvailable), keeper:
            keeper.cursor().execute("LOCK TABLE datasets.fraud_v1 IN ACCESS EXCLUSIVE MODE NOWAIT")
        assert "password" not in repr(version)
        with keeper, keeper.cursor() as cursor:
            cursor.execute(
                "SELECT relation::regclass::text FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
                " WHERE locktype = 'relation' AND datname = 'loaded' AND pid <> pg_backend_pid()"
                " AND relation >= 16384"
            )
            assert cursor.fetchall() == [("datasets.fraud_v1",)]
        assert (version.number, version.manifest["rows"]) == (1, version.arrow().num_rows)
    with keeper:
        keeper.cursor().execute("LOCK TABLE datasets.fraud_v1 IN ACCESS EXCLUSIVE MODE NOWAIT")
    keeper.close()


PHOTOS = """
CREATE TABLE staging.made AS SELECT * FROM (VALUES ('1', 'a.png', 'train'), ('2', NULL, 'train'))
    AS v (_id, photo, _split)
"""


def test_pictures_come_as_names_as_paths_or_as_bytes(warehouse, tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    warehouse.execute(PHOTOS)
    manifest = '{"declaration": {"image": "photo"}}'
    warehouse.execute("SELECT sluice.publish('photos', 'made', 'f', %s, now())", manifest)

    def photos(**options):
        return load("photos", url=warehouse.url, **options)["photo"].to_pylist()

    assert photos() == ["a.png", None]
    assert photos(pictures="paths", storage=tmp_path) == [str(tmp_path / "a.png"), None]
    assert photos(pictures="bytes", storage=tmp_path) == [b"\x89PNG", None]
    with pytest.raises(FatalError, match=r"photos_v1 has its pictures in an object storage, and none is given"):
        photos(pictures="bytes")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"version": 9}, "fraud has no version 9; there is 3, 2, 1. Fix: name one of these"),
        ({"tag": "paper"}, "No version of fraud has the tag 'paper'; there are none"),
        ({"version": 1, "tag": "paper"}, "A version is named once, not by version and tag"),
        ({"split": "valid"}, "fraud_v3 has no split 'valid'; it has test, train, validation"),
        ({"columns": ["amount", "sum"]}, "fraud_v3 has no column sum; it has id, amount"),
        ({"as_of": datetime(2026, 5, 1)}, "as_of = 2026-05-01T00:00:00 has no time zone"),
        ({"as_of": datetime(2999, 5, 1, tzinfo=UTC)}, "as_of = 2999-05-01T00:00:00+00:00 is still to come"),
        (
            {"as_of": datetime(2001, 1, 1, tzinfo=UTC)},
            "fraud showed no version at 2001-01-01T00:00:00+00:00: its view",
        ),
        ({"pictures": "paths"}, "pictures = 'paths', but fraud_v3 has no image column"),
    ],
)
def test_what_is_not_there_is_refused(url, asked, says):
    with pytest.raises(FatalError, match=re.escape(says)):
        load("fraud", url=url, **asked)


def test_a_dataset_without_a_version_and_a_warehouse_that_is_nowhere_are_told(warehouse_url, monkeypatch):
    with pytest.raises(FatalError, match="Dataset fraud has no current version; there is none"):
        load("fraud", url=warehouse_url)
    with pytest.raises(FatalError, match="Neither url nor SLUICE_WAREHOUSE_URL says where the warehouse is"):
        load("fraud")
    monkeypatch.setenv("SLUICE_WAREHOUSE_URL", "postgresql://u:secret@127.0.0.1:1/w")
    with pytest.raises(RetriableError, match="cannot be reached") as refused:
        load("fraud")
    assert "secret" not in str(refused.value)
