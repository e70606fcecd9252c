"""Propose a dataset's suite from a batch, for a person to edit: `python -m include.pipeline.propose DATASET`."""

import argparse
import json
import logging
import os
import sys
from pathlib import Path
from typing import Final

from psycopg2 import sql

from include.core.errors import FatalError
from include.core.refs import Candidate
from include.pipeline.build import SQL_FOLDER, build
from include.specs import Dataset
from include.validate.proposal import proposal
from include.validate.suite import load_suite
from include.warehouse.connection import transaction
from include.warehouse.profile import profile

log = logging.getLogger(__name__)

SUITES: Final = Path(__file__).resolve().parents[2] / "great_expectations" / "expectations"
RUN: Final = "proposal"


def propose(
    warehouse_url: str,
    dataset: Dataset,
    *,
    suites: Path = SUITES,
    as_of_batch: int | None = None,
    overwrite: bool = False,
    sql_folder: Path = SQL_FOLDER,
) -> Path:
    """Build the dataset as of its sources' newest batches (or `as_of_batch`), and propose a suite that it passes.

    Writes `<suites>/<dataset>.json` and returns its path. FatalError if that is there already, unless
    `overwrite` is asked for, and for a batch without rows.
    """
    path = _free(suites, dataset, overwrite=overwrite)
    candidate = build(warehouse_url, dataset, RUN, as_of_batch=as_of_batch, sql_folder=sql_folder)
    try:
        return propose_from(warehouse_url, dataset, candidate, suites=suites, overwrite=overwrite)
    finally:
        with transaction(warehouse_url) as connection, connection.cursor() as cursor:
            cursor.execute(sql.SQL("DROP TABLE IF EXISTS staging.{}").format(sql.Identifier(candidate.table)))
        log.info("proposed %s", path)


def propose_from(
    warehouse_url: str, dataset: Dataset, candidate: Candidate, *, suites: Path = SUITES, overwrite: bool = False
) -> Path:
    """Propose the suite that this candidate passes; see `propose`."""
    path = _free(suites, dataset, overwrite=overwrite)
    if not candidate.rows:
        raise FatalError(
            f"The batch of {dataset.name} has no rows, so it shows no rules.", fix="collect something first."
        )
    with transaction(warehouse_url) as connection:
        found = profile(connection, candidate.table, dataset.columns, (*dataset.categorical, dataset.label))
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(proposal(dataset, found), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)
    load_suite(suites, dataset.name, dataset.columns)
    return path


def _free(suites: Path, dataset: Dataset, *, overwrite: bool) -> Path:
    path = suites / f"{dataset.name}.json"
    if path.exists() and not overwrite:
        raise FatalError(
            f"The suite {path} exists: a proposal does not replace what somebody wrote.",
            fix="propose it to another folder (--to), or say --overwrite.",
        )
    return path


def main(arguments: list[str]) -> None:
    """The command; reads SLUICE_WAREHOUSE_URL."""
    from include import catalog

    parser = argparse.ArgumentParser(prog="python -m include.pipeline.propose", description=__doc__)
    parser.add_argument("dataset", help="a dataset of the catalog")
    parser.add_argument("--to", type=Path, default=SUITES, help="the folder to write the suite to")
    parser.add_argument("--as-of-batch", type=int, help="build as of this batch instead of the newest")
    parser.add_argument("--overwrite", action="store_true", help="replace the suite that is there")
    asked = parser.parse_args(arguments)
    if not (url := os.environ.get("SLUICE_WAREHOUSE_URL")):
        raise FatalError("SLUICE_WAREHOUSE_URL is not set.", fix="export the warehouse's URL.")
    dataset = catalog.dataset(asked.dataset)
    path = propose(url, dataset, suites=asked.to, as_of_batch=asked.as_of_batch, overwrite=asked.overwrite)
    sys.stdout.write(f"Proposed {path}. Read every rule before you keep it.\n")


if __name__ == "__main__":
    main(sys.argv[1:])
