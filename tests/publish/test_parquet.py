"""A split's rows as Parquet: all of them, in their types, by _id, and the same bytes each time."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow.parquet as pq
import pytest

from include.core.errors import FatalError
from include.publish import parquet
from include.publish.arrow_types import readings
from include.warehouse.connection import transaction
from include.warehouse.versions import column_types

COLUMNS = (
    "n bigint, price numeric(8, 2), share numeric, at timestamptz, day date, score float8, facts jsonb,"
    " ids text[], note text"
)
ROWS = (
    "('b', 'train', 9007199254740993, 1.5, 0.125, '2026-01-01 12:00:00.000001+01', '2147-07-12',"
    " 'NaN', '{\"b\": 1, \"a\": [2]}', '{x,NULL,\"a,b\"}', E'two\\nlines, \"quoted\"')",
    "('B', 'train', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    "('a', 'train', -1, -0.01, -22, '1969-12-31Z', '1969-12-31', '-0', '[]', '{}', '')",
    "('c', 'test', 1, 1, 1, '2026-01-01Z', '2026-01-01', 1e-300, '{}', '{}', 'x')",
)


def write(url, table, split, folder, **options):
    with transaction(url) as connection, connection.cursor() as cursor:
        found = readings(cursor, table, column_types(cursor, table, "datasets"))
        return list(parquet.write(connection, url, table, found, split, folder=folder, **options))


def test_the_rows_of_a_split_come_back_as_they_were_by_id(warehouse_url, publish, tmp_path):
    (file,) = write(warehouse_url, publish(COLUMNS, *ROWS), "train", tmp_path)
    assert (file.path, file.split, file.rows) == ("train/part-00000.parquet", "train", 3)
    found = pq.read_table(tmp_path / file.path).drop_columns(["_split"]).to_pylist()
    assert str(found[2].pop("score")) == "nan" and str(found[1].pop("score")) == "-0.0"
    assert found == [
        {
            "_id": "B", "n": None, "price": None, "share": None, "at": None, "day": None, "score": None,
            "facts": None, "ids": None, "note": None,
        },
        {
            "_id": "a", "n": -1, "price": Decimal("-0.01"), "share": Decimal("-22.000"),
            "at": datetime(1969, 12, 31, tzinfo=UTC), "day": date(1969, 12, 31), "facts": "[]", "ids": [],
            "note": "",
        },
        {
            "_id": "b", "n": 9007199254740993, "price": Decimal("1.50"), "share": Decimal("0.125"),
            "at": datetime(2026, 1, 1, 11, 0, 0, 1, tzinfo=UTC), "day": date(2147, 7, 12),
            "facts": '{"a": [2], "b": 1}', "ids": ["x", None, "a,b"], "note": 'two\nlines, "quoted"',
        },
    ]  # fmt: skip


def test_the_same_rows_in_another_order_give_the_same_bytes(warehouse_url, publish, tmp_path):
    first = write(warehouse_url, publish(COLUMNS, *ROWS), "train", tmp_path / "a")
    again = write(warehouse_url, publish(COLUMNS, *ROWS[::-1], dataset="u"), "train", tmp_path / "b")
    assert again == first


def test_rows_are_cut_into_groups_and_files_of_one_size_however_they_arrive(
    warehouse_url, publish, tmp_path, monkeypatch
):
    monkeypatch.setattr(parquet, "GROUP_ROWS", 100)
    monkeypatch.setattr(parquet, "FILE_GROUPS", 3)
    rows = ", ".join(f"('{n:04}', 'train', {n})" for n in range(750))
    files = write(warehouse_url, publish("n integer", rows), "train", tmp_path)
    assert [file.rows for file in files] == [300, 300, 150]
    assert [file.path[-13:] for file in files] == ["00000.parquet", "00001.parquet", "00002.parquet"]
    sizes = [pq.ParquetFile(tmp_path / file.path).metadata for file in files]
    assert [[m.row_group(n).num_rows for n in range(m.num_row_groups)] for m in sizes] == [
        [100, 100, 100], [100, 100, 100], [100, 50],
    ]  # fmt: skip
    found = [n for file in files for n in pq.read_table(tmp_path / file.path)["n"].to_pylist()]
    assert found == list(range(750))


def test_a_split_without_rows_has_no_file(warehouse_url, publish, tmp_path):
    assert write(warehouse_url, publish(COLUMNS, *ROWS), "validation", tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_an_image_column_holds_the_images(warehouse_url, publish, tmp_path):
    table = publish("image text", "('a', 'train', 'images/x.png'), ('b', 'train', NULL)")
    (file,) = write(
        warehouse_url, table, "train", tmp_path, image="image", fetch=lambda path: f"of {path}".encode()
    )
    assert pq.read_table(tmp_path / file.path)["image"].to_pylist() == [
        {"bytes": b"of images/x.png", "path": "images/x.png"}, None,
    ]  # fmt: skip


def test_an_image_that_cannot_be_read_ends_the_export(warehouse_url, publish, tmp_path):
    def fetch(path):
        raise FatalError(f"{path} is gone.")

    table = publish("image text", "('a', 'train', 'images/x.png')")
    with pytest.raises(FatalError, match=r"images/x\.png is gone"):
        write(warehouse_url, table, "train", tmp_path, image="image", fetch=fetch)
