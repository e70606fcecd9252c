"""The train split out of Postgres, and the rows made from it back in."""

import json
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
    query = sql.SQL("SELECT {} FROM staging.{} WHERE _split = 'train' ORDER BY _id COLLATE \"C\"").format(
        sql.SQL(", ").join(columns), sql.Identifier(table)
    )
    types = {"_id": "string", "_label": "string", **dict.fromkeys(dataset.numeric, "double")}
    rows = bulk.read(connection, query, types | dict.fromkeys(dataset.categorical, "string"))
    if rows["_label"].null_count:
        raise FatalError(
            f"The label {dataset.label} is missing in {rows['_label'].null_count} of {len(rows)} train rows.",
            fix=f"expect it not to be null, as critical, in the suite {dataset.name}.json.",
        )
    return Train(
        ids=rows["_id"].to_numpy(),
        labels=_few(rows["_label"]),
        numeric=_matrix([rows[name].to_numpy() for name in dataset.numeric], len(rows), np.float64),
        categorical=_matrix([rows[name].to_numpy() for name in dataset.categorical], len(rows), object),
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
    """Insert the made rows into `staging.<target>`, by way of a temporary table; how many there are.

    Made values take the column's type: an integer column rounds them half to even, numeric(p, s) to its scale.
    """
    features = (*dataset.numeric, *dataset.categorical, dataset.label)
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("CREATE TEMPORARY TABLE made (_id text, _first text, _second text, _weight float8, {})"
                    " ON COMMIT DROP").format(
                sql.SQL(", ").join(
                    sql.SQL("{} {}").format(
                        sql.Identifier(name), sql.SQL("float8" if name in dataset.numeric else "text")
                    )
                    for name in features
                )
            )
        )  # fmt: skip
        bulk.write(connection, sql.SQL("pg_temp.made"), _frame(dataset, declared.method, train, made))
        values: dict[str, sql.Composable]
        rows: sql.Composable = sql.SQL("pg_temp.made m")
        if balancer(declared.method).interpolates:
            types = versions.column_types(cursor, target)
            values = {n: sql.SQL("m.{}::{}").format(sql.Identifier(n), sql.SQL(types[n])) for n in features}
        else:
            # A copy has one parent: what describes it, its group included, is taken as it stands.
            parent = sql.SQL("staging.{} p ON p._id = m._first").format(sql.Identifier(gated))
            rows = rows + sql.SQL(" JOIN ") + parent
            kept = (dataset.group, *features, *dataset.text, dataset.image)
            values = {name: sql.SQL("p.{}").format(sql.Identifier(name)) for name in kept if name}
        return versions.add_made(cursor, target, values | _provenance(declared, seed), rows)


@failpoint("balance.remove")
def remove(connection: Connection, target: str, train: Train, made: Made) -> int:
    """Leave the rows that under-sampling drew out of `staging.<target>`; how many there were."""
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


def _matrix(columns: list[np.ndarray], rows: int, dtype: Any) -> np.ndarray:
    return np.column_stack(columns).astype(dtype) if columns else np.empty((rows, 0), dtype=dtype)


def _frame(dataset: Dataset, method: str, train: Train, made: Made) -> pa.Table:
    ids = pa.array(train.ids, pa.string())
    first = ids.take(pa.array(made.first))
    second = ids.take(pa.array(made.second, mask=made.second < 0))
    numbers = pa.array(np.arange(1, len(first) + 1)).cast(pa.string())
    made_ids = pc.binary_join_element_wise(method, numbers, first, second, ":", null_handling="skip")
    columns = {
        "_id": made_ids,
        "_first": first,
        "_second": second,
        "_weight": pa.array(made.weight, pa.float64()),
    }
    for place, name in enumerate(dataset.numeric):
        columns[name] = pa.array(made.numeric[:, place], pa.float64())
    for place, name in enumerate(dataset.categorical):
        columns[name] = pa.array(made.categorical[:, place], pa.string())
    columns[dataset.label] = pa.array(made.labels.tolist(), pa.string())
    return pa.table(columns)


def _provenance(declared: Balance, seed: int) -> dict[str, sql.Composable]:
    said: dict[str, Any] = {"ratio": declared.ratio}
    fields: list[sql.Composable] = []
    if balancer(declared.method).interpolates:
        said |= {"neighbours": declared.neighbours, "impute": declared.impute}
        fields.append(sql.SQL("'weight', m._weight"))
    # One object built at once: joining two costs as much as the rest of the row.
    fields += [
        sql.SQL("{}, {}::jsonb").format(sql.Literal(n), sql.Literal(json.dumps(v))) for n, v in said.items()
    ]
    return {
        "_id": sql.SQL("m._id"),
        "_split": sql.SQL("'train'"),
        "_origin": sql.SQL("'smote'"),
        "_parents": sql.SQL(
            "CASE WHEN m._second IS NULL THEN ARRAY[m._first] ELSE ARRAY[m._first, m._second] END"
        ),
        "_method": sql.Literal(declared.method),
        "_params": sql.SQL("jsonb_build_object({})").format(sql.SQL(", ").join(fields)),
        "_seed": sql.Literal(seed),
    }
