"""The split of a row, as SQL: a keyed hash of its group, or its time, so that it never moves between versions."""

from psycopg2 import sql

from include.specs import Dataset

# 52 bits fit a double's mantissa, so the fraction is exact. They are the first bytes of a hash, less what is over.
BITS = 52
BYTES = -(-BITS // 8)


def split_expression(dataset: Dataset) -> sql.Composable:
    """`train`, `validation` or `test` for a row with the dataset's columns in scope.

    The first 52 bits of sha256(split.key, dataset, group), joined by the ASCII unit separator and read as a
    fraction of 1, are cut by the declared shares: test first, then validation, so that these two stay as
    they are when only train is declared larger at the other's cost. A run's seed has no say, so no seed
    moves a row. A row without a group is a group of its own, by its key.

    A split by time compares the row's time with the declared dates; a row without one is null, in no split.
    """
    if dataset.split.by_time:
        return _by_time(dataset)
    cuts = (dataset.split.test, dataset.split.test + dataset.split.validation)
    # One call, where CASE would hash twice: a million hashes take seconds.
    return sql.SQL("(ARRAY['test', 'validation', 'train'])[width_bucket({}, {}::float8[]) + 1]").format(
        _fraction(dataset), sql.Literal(list(cuts))
    )


def _by_time(dataset: Dataset) -> sql.Composable:
    time, test_from = sql.Identifier(str(dataset.time)), dataset.split.test_from
    return sql.SQL(
        "CASE WHEN {time} >= {test}::timestamptz THEN 'test'"
        " WHEN {time} >= {validation}::timestamptz THEN 'validation' WHEN {time} IS NOT NULL THEN 'train' END"
    ).format(
        time=time,
        test=sql.Literal(test_from),
        validation=sql.Literal(dataset.split.validation_from or test_from),
    )


def _fraction(dataset: Dataset) -> sql.Composable:
    named = sql.Literal(f"{dataset.split.key}\x1f{dataset.name}\x1f")
    # The doubled separator keeps a key from meeting a group of the same text.
    group = sql.SQL("coalesce({}::text, {} || {}::text)").format(
        sql.Identifier(dataset.group_column), sql.Literal("\x1f"), sql.Identifier(dataset.key)
    )
    # A cast from bytea, which PostgreSQL 18 has: by way of hex and bits the fraction takes as long as the hash.
    return sql.SQL("((substr(sha256(convert_to({} || {}, 'UTF8')), 1, {})::bigint >> {}) / {}::float8)").format(
        named, group, sql.Literal(BYTES), sql.Literal(8 * BYTES - BITS), sql.Literal(2**BITS)
    )
