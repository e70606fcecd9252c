"""Compare the images of different splits: equal ones, and ones that look the same.

Images are read one by one, and what is kept of each lies in a temporary table; only pairs whose perceptual hashes
differ in few bits are read again.
"""

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.publish)
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.core.errors import FatalError
from include.publish.chance import alone_noticed
from include.publish.looks import Looks, learn, likeness, normal, perceptual_hash, shows_nothing, thumbnail
from include.publish.twins import Compared, Twins, pairs_across
from include.specs import Dataset
from include.warehouse import bulk
from include.warehouse.files import fetch_image

RULE = "no {} looks like one of another split"
# Hashes of two pictures that look the same differ in no more bits. In one of BITS + 1 parts they then agree.
BITS, PART = 6, 9
# Pictures from which it is learnt how alike they are by chance; pairs that are read again; thumbnails held for it.
SAMPLE, MOST, HELD = 400, 5000, 4096
CHUNK = 1000

_PAIRS = """
CREATE TEMPORARY TABLE leak_pairs ON COMMIT DROP AS
WITH pictures AS (
    SELECT content, split, min(_id COLLATE "C") AS _id, min(path) AS path, min(look) AS look
    FROM pg_temp.leak_images WHERE NOT blank GROUP BY content, split
), parts AS (
    SELECT p.*, n, (look >> (%(part)s * n)) & ((1 << %(part)s) - 1) AS part
    FROM pictures p CROSS JOIN generate_series(0, %(bits)s) n
)
SELECT DISTINCT a._id AS a, b._id AS b, a.path AS first, b.path AS second,
    bit_count((a.look # b.look)::bit(64)) AS bits
FROM parts a JOIN parts b USING (n, part)
WHERE a.split < b.split AND bit_count((a.look # b.look)::bit(64)) <= %(bits)s
"""


def compare_images(connection: Connection, dataset: Dataset, table: str, storage: Any) -> Compared:
    """Images of the real rows of `staging.<table>`; twins correlate by `Leakage.image` or more, blank ones do not.

    Chance is expected to make (pairs in two splits) · P twins, P being learnt from a sample: how often two
    pictures of different groups are as alike. Raises FatalError for an image that is missing or cannot be read.
    """
    declared, column = dataset.leakage, str(dataset.image)
    with connection.cursor() as cursor:
        _look(connection, dataset, table, storage)
        cursor.execute("SELECT count(*), count(*) FILTER (WHERE blank) FROM pg_temp.leak_images GROUP BY split")
        sizes = cursor.fetchall()
        rows, blank = sum(count for count, _ in sizes), sum(blank for _, blank in sizes)
        pairs = pairs_across([count for count, _ in sizes])
        cursor.execute(_PAIRS, {"bits": BITS, "part": PART})
        cursor.execute(
            "SELECT a, b, first, second FROM pg_temp.leak_pairs"
            ' ORDER BY bits, a COLLATE "C", b COLLATE "C" LIMIT %s',
            (MOST,),
        )
        candidates = cursor.fetchall()
        chance = _chance(connection, storage)
        cursor.execute("DROP TABLE pg_temp.leak_images, pg_temp.leak_pairs")
    twins, allow = Twins(), frozenset(declared.allow)
    found = list(_alike(candidates, storage, declared.image))
    for a, b, value in found:
        twins.add(a, b, pairs * chance.of(value), allow)
    leaks, examples = twins.judged(declared)
    # A copy that was stored anew correlates by 0.999 or more.
    alone = alone_noticed(np.array([pairs * chance.of(float(likeness(np.array(0.999))))]), declared.false_alarms)
    return Compared(
        kind="images",
        rule=RULE.format(column),
        column=column,
        rows=rows,
        pairs=pairs,
        found=len(found),
        leaks=leaks,
        by_chance=pairs * chance.of(float(likeness(np.array(declared.image)))),
        noticed=alone * (rows - blank) / rows if rows else 0.0,
        allowed=twins.allowed,
        examples=examples,
    )


def _look(connection: Connection, dataset: Dataset, table: str, storage: Any) -> None:
    """Keep of each image its split, its group, a digest of its bytes, and what it looks like."""
    import pyarrow as pa

    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE leak_images (_id text, split bigint, path text, family text, content bigint,"
            " look bigint, blank boolean) ON COMMIT DROP"
        )
    text, number = pa.string(), pa.int64()
    schema = pa.schema(
        {"_id": text, "split": number, "path": text, "family": text, "content": number, "look": number}
        | {"blank": pa.bool_()}
    )
    for chunk in _rows(connection, dataset, table):
        kept = []
        for row, split, path, group in chunk:
            data = fetch_image(storage, path, row)
            small = _thumbnail(data, path, row)
            content = int.from_bytes(hashlib.sha256(data).digest()[:8], "big", signed=True)
            kept.append((row, split, path, group, content, perceptual_hash(small), shows_nothing(small)))
        columns = dict(zip(schema.names, map(list, zip(*kept, strict=True)), strict=True))
        bulk.write(connection, sql.SQL("pg_temp.leak_images"), pa.table(columns, schema))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE pg_temp.leak_images")


def _rows(connection: Connection, dataset: Dataset, table: str) -> Iterator[list[tuple[str, int, str, str]]]:
    with connection.cursor("leak_stream") as cursor:
        cursor.execute(
            sql.SQL(
                "SELECT _id, array_position('{{train,validation,test}}'::text[], _split), {image},"
                " coalesce({group}::text, _id) FROM staging.{table} WHERE _origin = 'real' AND {image} IS NOT NULL"
            ).format(
                image=sql.Identifier(str(dataset.image)),
                group=sql.Identifier(dataset.group_column),
                table=sql.Identifier(table),
            )
        )
        while chunk := cursor.fetchmany(CHUNK):
            yield chunk


def _chance(connection: Connection, storage: Any) -> Looks:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (content) md5(_id), _id, path, family, look FROM pg_temp.leak_images"
            " WHERE NOT blank ORDER BY content, md5(_id)"
        )
        sample = sorted(cursor.fetchall())[:SAMPLE]
    vectors = [normal(_thumbnail(fetch_image(storage, path, row), path, row)) for _, row, path, _, _ in sample]
    return learn(
        np.array(vectors, dtype=np.float32).reshape(len(sample), -1),
        np.array([look for *_, look in sample], dtype=np.uint64),
        np.array([family for _, _, _, family, _ in sample], dtype=np.str_),
        BITS,
    )


def _alike(
    candidates: list[tuple[str, str, str, str]], storage: Any, least: float
) -> Iterator[tuple[str, str, float]]:
    @lru_cache(HELD)
    def vector(path: str, row: str) -> np.ndarray:
        return normal(_thumbnail(fetch_image(storage, path, row), path, row))

    for a, b, first, second in candidates:
        correlation = float(vector(first, a) @ vector(second, b))
        if correlation >= least:
            yield a, b, float(likeness(np.array(correlation)))


def _thumbnail(data: bytes, path: str, row: str) -> np.ndarray:
    small = thumbnail(data)
    if small is None:
        raise FatalError(
            f"The image {path} of row {row!r} cannot be read: {len(data)} bytes, truncated or not an image.",
            fix="collect it again, or reject such rows in the dataset's suite.",
        )
    return small
