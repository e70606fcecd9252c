"""Tables of a version's real rows, drawn by a generator, to look for leaks in."""

import numpy as np
import psycopg2
import pyarrow as pa
import pytest
from psycopg2 import sql

from include.warehouse import bulk

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
