"""Compare the texts of different splits: equal ones, and ones that share nearly all of their passages.

Texts are read as a stream, and what is kept of each lies in a temporary table: the memory that this takes does not
depend on how many there are.
"""

from collections.abc import Iterator
from itertools import islice

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.publish)
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from include.publish.chance import alone_noticed
from include.publish.passages import PASSAGE, Unseen, bands, canonical, digest, jaccard, passages, shingles
from include.publish.twins import Compared, Twins, pairs_across
from include.specs import Dataset
from include.warehouse import bulk

RULE = "no text of {} is in two splits"
# Texts that are written, and pairs that are judged one by one: those with most bands in common first.
CHUNK, MOST = 2000, 2000
# A band that more texts share is boilerplate, and proposes no candidates.
BOILERPLATE = 64
# Texts in which passages of twins are looked for.
SAMPLE = 20_000
# What a character of a passage that no other text holds tells, in bits: printed English has 0.6 to 1.3 (C. E.
# Shannon, Prediction and Entropy of Printed English, 1951).
BITS = 1.0

_PAIRS = """
CREATE TEMPORARY TABLE leak_pairs ON COMMIT DROP AS
WITH texts AS (
    SELECT content, split, min(_id COLLATE "C") AS _id, min(bands) AS bands
    FROM pg_temp.leak_texts WHERE length >= %(passage)s GROUP BY content, split
), shown AS MATERIALIZED (SELECT content, split, _id, unnest(bands) AS band FROM texts
), shared AS (
    SELECT band FROM shown GROUP BY band HAVING min(split) < max(split) AND count(*) <= %(boilerplate)s
), near AS (
    SELECT a._id AS a, b._id AS b, count(*) AS bands
    FROM shared JOIN shown a USING (band) JOIN shown b USING (band)
    WHERE a.split < b.split AND a.content <> b.content GROUP BY 1, 2
), equal AS (
    SELECT DISTINCT ON (content) a._id AS a, b._id AS b, 1000 AS bands
    FROM texts a JOIN texts b USING (content) WHERE a.split < b.split ORDER BY content, a.split, b.split
)
SELECT * FROM equal UNION ALL SELECT * FROM near
"""


def compare_text(connection: Connection, dataset: Dataset, table: str, column: str) -> Compared:
    """Texts of the real rows of `staging.<table>`; twins share `Leakage.text` of their passages, or more.

    A twin is by chance where what the two share is short, or is in other texts too: with n characters of it in no
    other of `SAMPLE` texts, chance is expected to make (pairs in two splits) · 2^(-BITS · n) such twins. Texts of
    fewer than PASSAGE characters are not compared.
    """
    declared = dataset.leakage
    rows = sql.SQL("staging.{} v WHERE v._origin = 'real' AND v.{} IS NOT NULL").format(
        sql.Identifier(table), sql.Identifier(column)
    )
    with connection.cursor() as cursor:
        _sketch(connection, cursor, rows, column)
        count, pairs, lengths = _count(cursor)
        cursor.execute(_PAIRS, {"boilerplate": BOILERPLATE, "passage": PASSAGE})
        found = list(_alike(connection, table, column, declared.text))
        shared = Unseen([both for _, _, both in found], declared.text)
        if found:
            for (text,) in _stream(connection, _sampled(rows, column)):
                shared.see(passages(canonical(text), PASSAGE))
        twins, allow = Twins(), frozenset(declared.allow)
        for (a, b, _), unseen in zip(found, shared.counts(), strict=True):
            twins.add(a, b, pairs * 2.0 ** (-BITS * unseen), allow)
        cursor.execute("DROP TABLE pg_temp.leak_texts, pg_temp.leak_pairs")
    leaks, examples = twins.judged(declared)
    return Compared(
        kind="text",
        rule=RULE.format(column),
        column=column,
        rows=count,
        pairs=pairs,
        found=len(found),
        leaks=leaks,
        noticed=alone_noticed(
            pairs * 2.0 ** (-BITS * np.maximum(0.0, lengths - 2 * (PASSAGE - 1))), declared.false_alarms
        ),
        allowed=twins.allowed,
        examples=examples,
    )


def _sketch(connection: Connection, cursor: Cursor, rows: sql.Composable, column: str) -> None:
    """Keep of each text its split, digest, length and bands."""
    import pyarrow as pa

    cursor.execute(
        "CREATE TEMPORARY TABLE leak_texts (_id text, split bigint, content bigint, length bigint, bands bigint[])"
        " ON COMMIT DROP"
    )
    kinds = {"_id": pa.string(), "split": pa.int64(), "content": pa.int64(), "length": pa.int64()}
    # Texts that are all too short have no band from which the type could be told.
    schema = pa.schema({**kinds, "bands": pa.list_(pa.int64())})
    query = sql.SQL(
        "SELECT v._id, array_position('{{train,validation,test}}'::text[], v._split), v.{}::text FROM {}"
    )
    stream = _stream(connection, query.format(sql.Identifier(column), rows))
    while chunk := list(islice(stream, CHUNK)):
        texts = [canonical(text) for _, _, text in chunk]
        columns = {
            "_id": [row for row, _, _ in chunk],
            "split": [split for _, split, _ in chunk],
            "content": [digest(text) for text in texts],
            "length": [len(text) for text in texts],
            "bands": [bands(shingles(text)).tolist() for text in texts],
        }
        bulk.write(connection, sql.SQL("pg_temp.leak_texts"), pa.table(columns, schema))
    cursor.execute("ANALYZE pg_temp.leak_texts")


def _count(cursor: Cursor) -> tuple[int, int, np.ndarray]:
    """Texts, pairs of them in two splits, and the lengths of some."""
    cursor.execute("SELECT count(*) FROM pg_temp.leak_texts GROUP BY split")
    sizes = [count for (count,) in cursor.fetchall()]
    cursor.execute("SELECT length FROM pg_temp.leak_texts ORDER BY content, _id LIMIT %s", (SAMPLE,))
    lengths = np.array([length for (length,) in cursor.fetchall()], dtype=np.float64)
    return sum(sizes), pairs_across(sizes), lengths


def _alike(
    connection: Connection, table: str, column: str, least: float
) -> Iterator[tuple[str, str, tuple[np.ndarray, np.ndarray]]]:
    """The candidates that are alike indeed, with the first one's long passages and which the other holds, too."""
    query = sql.SQL(
        "SELECT p.a, p.b, x.{column}::text, y.{column}::text FROM (SELECT * FROM pg_temp.leak_pairs"
        ' ORDER BY bands DESC, a COLLATE "C", b COLLATE "C" LIMIT {most}) p'
        " JOIN staging.{table} x ON x._id = p.a JOIN staging.{table} y ON y._id = p.b"
        ' ORDER BY p.bands DESC, p.a COLLATE "C", p.b COLLATE "C"'
    ).format(column=sql.Identifier(column), table=sql.Identifier(table), most=sql.Literal(MOST))
    for a, b, *texts in _stream(connection, query):
        first, second = map(canonical, texts)
        if first == second or jaccard(shingles(first), shingles(second)) >= least:
            held = passages(first, PASSAGE)
            yield a, b, (held, np.isin(held, passages(second, PASSAGE)))


def _sampled(rows: sql.Composable, column: str) -> sql.Composable:
    return sql.SQL('SELECT v.{}::text FROM {} ORDER BY md5(v._id), v._id COLLATE "C" LIMIT {}').format(
        sql.Identifier(column), rows, sql.Literal(SAMPLE)
    )


def _stream(connection: Connection, query: sql.Composable) -> Iterator[tuple]:
    with connection.cursor("leak_stream") as cursor:
        cursor.itersize = CHUNK
        cursor.execute(query)
        yield from cursor
