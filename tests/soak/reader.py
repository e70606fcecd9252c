"""A child process that collects a source again and again, until it is killed: JSON on its input says where."""

import json
import os
import sys
import time
from datetime import UTC, datetime

from include.core import failpoints
from include.core.errors import RetriableError
from include.pipeline.collect import collect_postgres
from include.specs import PostgresSource

AT = datetime(2026, 1, 1, tzinfo=UTC)


def main():
    told = json.loads(sys.stdin.readline())
    source = PostgresSource.model_validate(told["source"])
    if told["fault"]:
        failpoints.arm(failpoints.Fault.parse(told["fault"]))
    # Nothing outlives its parent, not even one that was killed.
    while os.getppid() == told["parent"]:
        try:
            batches = collect_postgres(source, told["url"], told["warehouse"], at=AT)
        except RetriableError as error:
            say(retried=error.problem.splitlines()[0])
            time.sleep(0.05)
        else:
            say(batches=len(batches), changes=sum(sum(batch.changes.values()) for batch in batches))


def say(**line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
