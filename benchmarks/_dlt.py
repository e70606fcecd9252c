"""dlt's copy of the payments table: URLs on standard input, seconds on standard output; needs dlt installed."""

import sys
import tempfile
import time

import dlt
from dlt.destinations import postgres
from dlt.sources.sql_database import sql_table


def main(source_url: str, warehouse_url: str) -> None:
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as home:
        rows = sql_table(
            credentials=source_url,
            table="payments",
            backend="pyarrow",
            chunk_size=100_000,
            reflection_level="full_with_precision",
        )
        pipeline = dlt.pipeline(
            "bench", destination=postgres(warehouse_url), dataset_name="peer", pipelines_dir=home
        )
        pipeline.run(rows, write_disposition="replace")
    print(time.perf_counter() - begun)


if __name__ == "__main__":
    main(*sys.stdin.read().split())
