"""Turn what passed the gate into a version's rows: balanced, augmented, or as they are."""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from include.augment import shards as images
from include.augment.registry import balancer
from include.core.errors import FatalError
from include.core.failpoints import failpoint
from include.core.refs import Augmented, Gated
from include.core.seeds import seed_of
from include.specs import Augment, Dataset
from include.warehouse import bulk, versions
from include.warehouse.connection import transaction
from include.warehouse.staging import table_name

log = logging.getLogger(__name__)


def unchanged(warehouse_url: str, dataset: Dataset, gated: Gated) -> Augmented:
    """A version's table with the real rows alone."""
    target = _part(gated, "version")
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        _begin(cursor, dataset, gated, target)
    return Augmented(gated=gated, table=target, method="none", made=0, removed=0)


@failpoint("balance.commit")
def balance(warehouse_url: str, dataset: Dataset, gated: Gated) -> Augmented:
    """A version's table with the real rows, and rows of train's smaller classes made by the declared method.

    A made value is rounded where its column is an integer or has a scale. Made rows have parents, weight and
    seed recorded; their key, time, text and passthrough columns are null. A retry of the run starts clean
    and makes the same rows.
    """
    declared = dataset.balance
    if declared is None:
        return unchanged(warehouse_url, dataset, gated)
    balancer(declared.method)
    from include.augment import tabular, train

    target = _part(gated, "version")
    seed = seed_of(dataset.name, dataset.seed, declared.method)
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        _refuse_missing_columns(versions.column_types(cursor, gated.table), dataset)
        # Postgres copies the real rows while they are read and the others are made here.
        with ThreadPoolExecutor(1, "begin") as pool:
            begun = pool.submit(versions.begin, cursor, target, gated.table, dataset.columns)
            with transaction(warehouse_url) as reading:
                before = train.read(reading, dataset, gated.table)
            made = tabular.balance(before, declared, seed)
            begun.result()
        added = train.add(
            connection, dataset, declared, gated=gated.table, target=target, train=before, made=made, seed=seed
        )
        removed = train.remove(connection, target, before, made)
        _refuse_other_count("made", len(made.first), added)
        _refuse_other_count("left out", len(made.removed), removed)
    log.info("%s made %s rows of %s and left %s out", declared.method, added, dataset.name, removed)
    return Augmented(gated=gated, table=target, method=declared.method, made=added, removed=removed)


@failpoint("images.plan")
def plan_images(warehouse_url: str, dataset: Dataset, gated: Gated) -> list[dict[str, Any]]:
    """The work in as many shards as declared, each with the number of images that it will read and make.

    A shard may be empty; there is always one, so that what follows in the DAG runs.
    """
    declared = _augment_of(dataset)
    plan = [{"shard": n, "of": declared.shards, "parents": 0, "copies": 0} for n in range(declared.shards)]
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        _refuse_missing_columns(versions.column_types(cursor, gated.table), dataset)
        for parent in images.parents(connection, dataset, gated.table, declared.ratio):
            share = plan[images.shard_of(parent.id, declared.shards)]
            share["parents"] += 1
            share["copies"] += parent.copies
    return plan


@failpoint("shard.commit")
def augment_shard(
    warehouse_url: str, dataset: Dataset, gated: Gated, shard: dict[str, Any], storage: Any
) -> dict[str, Any]:
    """Make one shard's images under `storage`, and list them in a staging table of the shard's own."""
    import pyarrow as pa

    declared, number, of = _augment_of(dataset), int(shard["shard"]), int(shard["of"])
    target = _part(gated, f"shard_{number}")
    with transaction(warehouse_url) as connection:
        planned = images.parents(connection, dataset, gated.table, declared.ratio)
        chosen = [parent for parent in planned if images.shard_of(parent.id, of) == number]
    made, params = images.multiply(dataset, iter(chosen), storage)
    fields = list(zip(*made, strict=True)) or [()] * len(images.Variant._fields)
    types = (pa.string(), pa.string(), pa.string(), pa.int64(), pa.int64())
    columns = [pa.array(values, kind) for values, kind in zip(fields, types, strict=True)]
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS staging.{}").format(sql.Identifier(target)))
        cursor.execute(
            sql.SQL("CREATE TABLE staging.{} (id text, path text, parent text, copy bigint, seed bigint)").format(
                sql.Identifier(target)
            )
        )
        bulk.write(
            connection, sql.Identifier("staging", target), pa.table(columns, names=list(images.Variant._fields))
        )
    log.info("shard %s of %s made %s images of %s", number + 1, of, len(made), dataset.name)
    return {"table": target, "made": len(made), "params": params}


@failpoint("gather.commit")
def gather(warehouse_url: str, dataset: Dataset, gated: Gated, shards: list[dict[str, Any]]) -> Augmented:
    """A version's table with the real rows and every shard's made ones.

    A made image keeps its parent's label, group and features. Raises FatalError if a shard's table does not
    hold what the shard reported.
    """
    declared = _augment_of(dataset)
    target = _part(gated, "version")
    made = 0
    with transaction(warehouse_url) as connection, connection.cursor() as cursor:
        _begin(cursor, dataset, gated, target)
        for shard in shards:
            values = _of_parent(dataset) | {
                str(dataset.image): sql.SQL("m.path"),
                "_id": sql.SQL("m.id"),
                "_split": sql.SQL("'train'"),
                "_origin": sql.SQL("'augment'"),
                "_parents": sql.SQL("ARRAY[m.parent]"),
                "_method": sql.Literal(declared.recipe),
                "_params": sql.SQL("jsonb_build_object('copy', m.copy) || {}::jsonb").format(
                    sql.Literal(Json(shard["params"]))
                ),
                "_seed": sql.SQL("m.seed"),
            }
            rows = sql.SQL("staging.{} m JOIN staging.{} p ON p._id = m.parent").format(
                sql.Identifier(shard["table"]), sql.Identifier(gated.table)
            )
            versions.column_types(cursor, shard["table"])
            added = versions.add_made(cursor, target, values, rows)
            _refuse_other_count("made", shard["made"], added)
            made += added
    return Augmented(gated=gated, table=target, method=declared.recipe, made=made, removed=0)


def _part(gated: Gated, part: str) -> str:
    return table_name(gated.candidate.dataset, gated.candidate.run, part)


def _begin(cursor: Cursor, dataset: Dataset, gated: Gated, target: str) -> None:
    _refuse_missing_columns(versions.column_types(cursor, gated.table), dataset)
    versions.begin(cursor, target, gated.table, dataset.columns)


def _of_parent(dataset: Dataset) -> dict[str, sql.Composable]:
    kept = (dataset.group, *dataset.numeric, *dataset.categorical, dataset.label)
    return {name: sql.SQL("p.{}").format(sql.Identifier(name)) for name in kept if name}


def _augment_of(dataset: Dataset) -> Augment:
    if dataset.augment is None or dataset.image is None:
        raise FatalError(
            f"Dataset {dataset.name} declares no image augmentation.",
            fix="declare image=… and augment=Augment(recipe=…) in catalog/datasets.py.",
        )
    return dataset.augment


def _refuse_missing_columns(found: dict[str, str], dataset: Dataset) -> None:
    missing = [name for name in (*dataset.columns, "_id", "_split") if name not in found]
    if missing:
        named = ", ".join(f"{name} (label)" if name == dataset.label else name for name in missing)
        raise FatalError(
            f"The gated table of dataset {dataset.name} lacks {named}; it has {', '.join(found)}.",
            fix=f"select the declared columns in catalog/sql/{dataset.name}.sql.",
        )


def _refuse_other_count(what: str, expected: int, stored: int) -> None:
    if expected != stored:
        raise FatalError(
            f"{expected} rows were to be {what}, {stored} were: ids of the gated table are not unique.",
            fix="expect the key to be unique, as critical, in the dataset's suite.",
        )
