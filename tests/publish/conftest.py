"""Versions with rows of our choosing, as publication leaves them, and tables to look for leaks in."""

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import psycopg2
import pyarrow as pa
import pytest
from psycopg2 import sql
from psycopg2.extras import Json

from include.publish.contents import Column, Contents, File
from include.specs import Export
from include.warehouse import bulk
from include.warehouse.connection import transaction

MANIFEST = {
    "declaration": {
        "key": "id", "label": "is_fraud", "group": "customer", "time": "at", "numeric": ["amount"],
        "categorical": [], "text": [], "image": "photo", "passthrough": ["note"],
        "subjects": {"shop": "customer"}, "balance": {"method": "smote", "impute": "median"},
    },
    "gate": {
        "rows": 12, "passed": 10, "quarantined": 2, "quarantined_by": {"amount_positive": 2},
        "warnings": ["mean: 7"], "suite_hash": "9" * 64,
    },
    "sources": [{"source": "shop", "batch": 4, "position": "0/1", "seq_to": 9}],
    "counts": [
        {"split": "test", "class": "true", "origin": "real", "rows": 2},
        {"split": "train", "class": "true", "origin": "real", "rows": 6},
        {"split": "train", "class": "true", "origin": "smote", "rows": 2},
    ],
    "method": "smote", "removed": 0, "sql_hash": "5" * 64, "code": "c0ffee", "rows": 10,
}  # fmt: skip
COLUMNS = (
    Column("id", "integer", "int32"), Column("customer", "integer", "int32"),
    Column("at", "timestamp with time zone", "timestamp[us, tz=UTC]"),
    Column("amount", "numeric(8,2)", "decimal128(38, 2)"), Column("photo", "text", "string"),
    Column("note", "text", "string"), Column("is_fraud", "boolean", "bool"), Column("_split", "text", "string"),
    Column("_parents", "text[]", "list<string>"),
)  # fmt: skip
FILES = (
    File("train/part-00000.parquet", "train", 8, 700, "ab" * 32),
    File("test/part-00000.parquet", "test", 2, 300, "cd" * 32),
)


@pytest.fixture
def contents() -> Callable[..., Contents]:
    """Makes the contents of an export of ten rows, two of them made; `manifest` changes the version's."""

    def made(declared: Export | None = None, **manifest: object) -> Contents:
        return Contents(
            dataset="fraud",
            version=3,
            fingerprint="f" * 64,
            published_at=datetime(2026, 5, 1, 12, tzinfo=UTC),
            manifest=MANIFEST | manifest,
            declared=declared or Export(),
            columns=COLUMNS,
            files=FILES,
        )

    return made


Publish = Callable[..., str]


@pytest.fixture
def publish(warehouse_url: str) -> Publish:
    """Makes `datasets.<dataset>_v1` of `columns` and `rows` (SQL), with `_id` and `_split` if they name none."""

    def made(columns: str, *rows: str, dataset: str = "t") -> str:
        with transaction(warehouse_url) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE TABLE staging.made (_id text, _split text, {columns})")
            for row in rows:
                cursor.execute(f"INSERT INTO staging.made VALUES {row}")
            at = datetime(2026, 5, 1, tzinfo=UTC)
            cursor.execute("SELECT sluice.publish(%s, 'made', 'f', %s, %s)", (dataset, Json({}), at))
        return f"{dataset}_v1"

    return made


SPLITS = ("train", "validation", "test")


class Drawn:
    """Tables `staging.version` of one test, each taking the place of the one before."""

    def __init__(self, connection):
        self.connection = connection

    @staticmethod
    def parted(rng, rows):
        """A split for each row, 70, 15 and 15 in a hundred."""
        return rng.choice(SPLITS, size=rows, p=(0.7, 0.15, 0.15))

    def fill(self, columns, split, ids=None):
        """`columns` by name, numbers or texts; `split` names each row's."""
        ids = [f"r{n:06d}" for n in range(len(split))] if ids is None else ids
        types = {n: "float8" if np.asarray(v).dtype.kind == "f" else "text" for n, v in columns.items()}
        # Tables that are made and dropped stay locked until then.
        self.connection.commit()
        with self.connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS staging.version")
            cursor.execute(
                sql.SQL(
                    "CREATE TABLE staging.version (_id text, _split text, _origin text DEFAULT 'real', {})"
                ).format(
                    sql.SQL(", ").join(
                        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind))
                        for name, kind in types.items()
                    )
                )
            )
        rows = {"_id": ids, "_split": list(split)} | {name: pa.array(list(v)) for name, v in columns.items()}
        bulk.write(self.connection, sql.Identifier("staging", "version"), pa.table(rows))


@pytest.fixture
def drawn(warehouse_url):
    connection = psycopg2.connect(warehouse_url, options="-c role=sluice_writer -c search_path=pg_catalog")
    yield Drawn(connection)
    connection.close()
