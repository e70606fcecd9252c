"""What the page on a dataset's labels shows: its rounds, newest first, and what divided a round's annotators."""

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import HTTPException
from psycopg2.extensions import connection as Connection

from include.core.errors import FatalError, SluiceError
from include.label.pictures import data_uri
from include.pipeline.disagreements import Disagreements, disagreements
from include.specs import Labelling
from include.warehouse.files import fetch_image, place_of

ROUNDS_SHOWN = 100
# A larger picture is shown by its path: it would be in the page as it is, since nothing is decoded here.
PICTURE_BYTES = 500_000


def rounds(connection: Connection, dataset: str) -> list[dict[str, Any]]:
    """Each round as it was asked, with what came of it; that is None while it waits for answers."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT asked.run, asked.tool, asked.place, cardinality(asked.items) AS items, asked.waiting,"
            " asked.asked_at, coalesce(asked.said->'rules', '[]') AS rules,"
            " (SELECT count(*) FROM jsonb_object_keys(coalesce(asked.said->'labelled', '{}'))) AS prelabelled,"
            " to_jsonb(result) AS result"
            " FROM sluice.label_rounds AS asked LEFT JOIN sluice.label_results AS result USING (dataset, run)"
            " WHERE asked.dataset = %s ORDER BY asked.asked_at DESC, asked.run DESC LIMIT %s",
            (dataset, ROUNDS_SHOWN),
        )
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def newest(found: Sequence[dict[str, Any]]) -> str:
    """The run of the newest of these rounds that was settled; empty if none was."""
    return next((str(one["run"]) for one in found if one["result"]), "")


def divided(
    connection: Connection, dataset: str, declared: Labelling | None, run: str, most: int
) -> Disagreements | None:
    """What divided the annotators of that round; None without a run. A round that was not settled answers 404."""
    if not run:
        return None
    try:
        return disagreements(connection, dataset, declared, run, most=most)
    except FatalError as error:
        raise HTTPException(404, error.problem) from error


def pictures(found: Disagreements | None, image: str | None, storage: Callable[[], Any]) -> dict[str, str]:
    """By key the data URIs of rows whose picture can be shown; `image` is the dataset's column of paths."""
    paths = {row.key: row.shown.get(image) for row in found.rows if row.shown} if found and image else {}
    root = storage() if any(paths.values()) else None
    made = {key: _picture(root, path, key) for key, path in paths.items() if path}
    return {key: uri for key, uri in made.items() if uri}


def _picture(storage: Any, path: str, row: str) -> str | None:
    try:
        if place_of(storage, path, row).stat().st_size > PICTURE_BYTES:
            return None
        return data_uri(fetch_image(storage, path, row))
    except (SluiceError, OSError):
        # The page tells the path, and everything else that it has.
        return None
