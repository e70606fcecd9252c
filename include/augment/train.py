"""The train split out of Postgres, and the rows made from it back in."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.augment)
import pyarrow as pa  # noqa: TID253
import pyarrow.compute as pc  # noqa: TID253
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from include.augment.registry import balancer
from include.augment.tabular import Made, Train
from include.core.errors import FatalError
from include.core.failpoints import failpoint
from include.specs import Balance, Dataset
from include.warehouse import bulk, versions

# What is sent to a column of each type as what it holds, and the types of other columns' values before the cast.
SENT = {
    "double precision": pa.float64(), "real": pa.float32(), "bigint": pa.int64(), "integer": pa.int32(),
    "smallint": pa.int16(), "boolean": pa.bool_(), "text": pa.string(),
}  # fmt: skip
STAGED = {pa.float64(): "float8", pa.string(): "text"}
# What is told of each made row, beside its values, that is not the same in all of them.
OF_A_ROW = ("_id", "_parents", "_params")
# Roughly how many bytes a made row takes, and how many more for each of its columns.
ROW_BYTES, FIELD_BYTES = 200, 12
NUMBERS = ("smallint", "integer", "bigint", "real", "double precision", "numeric")


def read(connection: Connection, dataset: Dataset, table: str) -> Train:
    """The train rows of `staging.<table>`, sorted by `_id`: the order in which rows are stored never matters.

    Raises FatalError for a numeric feature that is not a number, and for rows without a label.
    """
    with connection.cursor() as cursor:
        _refuse_other_types(dataset, versions.column_types(cursor, table))
    columns = [sql.SQL("_id"), sql.SQL("{}::text AS _label").format(sql.Identifier(dataset.label))]
    columns += [sql.SQL("{0}::float8 AS {0}").format(sql.Identifier(name)) for name in dataset.numeric]
    columns += [sql.SQL("{0}::text AS {0}").format(sql.Identifier(name)) for name in dataset.categorical]
    query = sql.SQL("SELECT {} FROM staging.{} WHERE _split = 'train'").format(
        sql.SQL(", ").join(columns), sql.Identifier(table)
    )
    types = {"_id": "string", "_label": "string", **dict.fromkeys(dataset.numeric, "double")}
    rows = bulk.read(connection, query, types | dict.fromkeys(dataset.categorical, "string"))
    if rows["_label"].null_count:
        raise FatalError(
            f"The label {dataset.label} is missing in {rows['_label'].null_count} of {len(rows)} train rows.",
            fix=f"expect it not to be null, as critical, in the suite {dataset.name}.json.",
        )
    # By the bytes of UTF-8, whatever the database's encoding. Postgres would sort whole rows, on disk.
    order = pc.sort_indices(rows["_id"]).to_numpy()
    return Train(
        ids=rows["_id"].to_numpy()[order],
        labels=_few(rows["_label"])[order],
        numeric=_matrix(rows.select(dataset.numeric), order, np.float64),
        categorical=_matrix(rows.select(dataset.categorical), order, object),
        numeric_names=dataset.numeric,
        categorical_names=dataset.categorical,
    )


@failpoint("balance.add")
def add(
    connection: Connection,
    dataset: Dataset,
    declared: Balance,
    *,
    gated: str,
    target: str,
    train: Train,
    made: Made,
    seed: int,
) -> int:
    """Insert the made rows into `staging.<target>`; how many there are.

    Made values take the column's type: an integer column rounds them half to even, numeric(p, s) to its scale.
    Columns of a type that is not in `SENT` are cast by Postgres, on the way from a temporary table.
    """
    features = (*dataset.numeric, *dataset.categorical, dataset.label)
    same: dict[str, Any] = {"_split": "train", "_origin": "smote", "_method": declared.method, "_seed": seed}
    with connection.cursor() as cursor:
        types = versions.column_types(cursor, target)
        interpolates = balancer(declared.method).interpolates
        if interpolates and all(types[name] in SENT for name in features):
            sent = {name: SENT[types[name]] for name in features}
            rows = _made_rows(declared, train, made, sent, same)
            return bulk.write(connection, sql.Identifier("staging", target), rows)
        staged: dict[str, pa.DataType] = {}
        values: dict[str, sql.Composable] = {name: sql.Literal(value) for name, value in same.items()}
        values |= {name: sql.SQL("m.{}").format(sql.Identifier(name)) for name in OF_A_ROW}
        joined: sql.Composable = sql.SQL("pg_temp.made m")
        if interpolates:
            staged = {name: pa.float64() if name in dataset.numeric else pa.string() for name in features}
            values |= {n: sql.SQL("m.{}::{}").format(sql.Identifier(n), sql.SQL(types[n])) for n in features}
        else:
            # A copy has one parent: what describes it, its group included, is taken as it stands.
            joined += sql.SQL(" JOIN staging.{} p ON p._id = m._parents[1]").format(sql.Identifier(gated))
            kept = (dataset.group, *features, *dataset.text, dataset.image)
            values |= {name: sql.SQL("p.{}").format(sql.Identifier(name)) for name in kept if name}
        _stage(connection, staged, _made_rows(declared, train, made, staged, {}))
        return versions.add_made(cursor, target, values, joined)


def _stage(connection: Connection, staged: Mapping[str, pa.DataType], rows: pa.RecordBatchReader) -> None:
    """Write the rows into a temporary table `made`, whose columns beside `OF_A_ROW` have the types `staged`."""
    columns = {name: versions.PROVENANCE[name] for name in OF_A_ROW}
    columns |= {name: STAGED[kind] for name, kind in staged.items()}
    told = [sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in columns.items()]
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE TEMPORARY TABLE made ({}) ON COMMIT DROP").format(sql.SQL(", ").join(told)))
    bulk.write(connection, sql.SQL("pg_temp.made"), rows)


@failpoint("balance.remove")
def remove(connection: Connection, target: str, train: Train, made: Made) -> int:
    """Leave the rows that under-sampling drew out of `staging.<target>`; how many there were."""
    if not len(made.removed):
        return 0
    ids = [str(train.ids[row]) for row in made.removed]
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("DELETE FROM staging.{} WHERE _split = 'train' AND _id = ANY(%s)").format(
                sql.Identifier(target)
            ),
            (ids,),
        )
        return cursor.rowcount


def _refuse_other_types(dataset: Dataset, types: dict[str, str]) -> None:
    for name in dataset.numeric:
        if types[name].split("(")[0] not in NUMBERS:
            raise FatalError(
                f"Numeric feature {name} of dataset {dataset.name} has the type {types[name]}.",
                fix=f"declare it categorical, or cast it to a number in catalog/sql/{dataset.name}.sql.",
            )


def _few(texts: pa.ChunkedArray) -> np.ndarray:
    """Texts of which there are few different ones, as numpy's own text."""
    coded = texts.combine_chunks().dictionary_encode()
    return np.array(coded.dictionary.to_pylist(), dtype=np.str_)[coded.indices.to_numpy()]


def _matrix(columns: pa.Table, order: np.ndarray, dtype: Any) -> np.ndarray:
    matrix = np.empty((len(order), columns.num_columns), dtype=dtype)
    for place, column in enumerate(columns.columns):
        matrix[:, place] = column.to_numpy()[order]
    return matrix


def _made_rows(
    declared: Balance, train: Train, made: Made, sent: Mapping[str, pa.DataType], same: Mapping[str, Any]
) -> pa.RecordBatchReader:
    """The made rows with their columns `OF_A_ROW`, the features and label of `sent`, in these types, and what is
    the `same` in all of them."""
    schema = pa.schema([
        ("_id", pa.string()), ("_parents", pa.list_(pa.string())), ("_params", pa.json_(pa.string())),
        *sent.items(), *((name, pa.scalar(value).type) for name, value in same.items()),
    ])  # fmt: skip
    ids = pa.array(train.ids, pa.string())
    numeric = {name: made.numeric[:, place] for place, name in enumerate(train.numeric_names)}
    texts = {name: made.categorical[:, place] for place, name in enumerate(train.categorical_names)}

    def batch(rows: slice) -> pa.RecordBatch:
        made_ids, parents = _descent(declared.method, ids, made, rows)
        columns = [made_ids, parents, _params(declared, made.weight[rows])]
        for name, kind in sent.items():
            if name in numeric:
                columns.append(_numbers(numeric[name][rows], kind))
            else:
                columns.append(pa.array(texts.get(name, made.labels)[rows], pa.string()).cast(kind))
        columns += [pa.repeat(value, len(made_ids)) for value in same.values()]
        return pa.record_batch(columns, schema=schema)

    count = bulk.chunk_rows(ROW_BYTES + FIELD_BYTES * len(schema))
    slices = (slice(start, start + count) for start in range(0, len(made.first), count))
    return pa.RecordBatchReader.from_batches(schema, map(batch, slices))


def _descent(method: str, ids: pa.Array, made: Made, rows: slice) -> tuple[pa.Array, pa.Array]:
    """Ids and parents. An id names the method, the row's number and the parents; a copy has one parent."""
    first, second = made.first[rows], made.second[rows]
    numbers = pa.array(np.arange(rows.start + 1, rows.start + 1 + len(first))).cast(pa.string())
    firsts, seconds = ids.take(pa.array(first)), ids.take(pa.array(second, mask=second < 0))
    both = np.stack([first, second], axis=1)
    ends = np.concatenate([[0], np.cumsum(1 + (second >= 0))]).astype(np.int32)
    return (
        pc.binary_join_element_wise(method, numbers, firsts, seconds, ":", null_handling="skip"),
        pa.ListArray.from_arrays(ends, ids.take(pa.array(both[both >= 0]))),
    )


def _params(declared: Balance, weight: np.ndarray) -> pa.Array:
    said: dict[str, Any] = {"ratio": declared.ratio}
    if not balancer(declared.method).interpolates:
        texts = pa.repeat(json.dumps(said), len(weight))
    else:
        said |= {"neighbours": declared.neighbours, "impute": declared.impute}
        # Arrow writes the shortest text that is the number again, as Postgres does.
        weights = pa.array(weight, pa.float64()).cast(pa.string())
        texts = pc.binary_join_element_wise('{"weight": ', weights, ", " + json.dumps(said)[1:], "")
    return pa.ExtensionArray.from_storage(pa.json_(pa.string()), texts)


def _numbers(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    """As Postgres casts them: integers are rounded half to even."""
    return pa.array(np.rint(values) if pa.types.is_integer(kind) else values).cast(kind)
