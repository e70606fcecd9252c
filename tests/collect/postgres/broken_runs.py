"""A process that was started to be broken: for each fault on its input it forks one that collects until it breaks.

A line of input is a case as JSON. If the run hangs, the answer is "hangs", and the run is killed when another line
comes. The last line of an answer has the run's exit code, and how often it reached each step.
"""

import json
import logging
import os
import signal
import sys
import traceback
from datetime import UTC, datetime

import psycopg2

from include.collect.postgres import PostgresReader  # noqa: F401  # imported once, not by every fork
from include.core import failpoints
from include.core.errors import RetriableError
from include.pipeline.collect import collect_postgres
from include.specs import PostgresSource

AT = datetime(2026, 1, 1, tzinfo=UTC)


def collect_twice(case):
    """A first run, the changes, and a second run in small batches."""
    source = PostgresSource.model_validate(case["source"])
    collect_postgres(source, case["url"], case["warehouse"], at=AT)
    connection = psycopg2.connect(case["url"])
    for statement in case["changes"]:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
    connection.close()
    collect_postgres(source, case["url"], case["warehouse"], at=AT)


def forked(case, tells):
    """The forked process: exit code 0 if the run ended well, 1 if it raised what was to be raised."""
    logging.basicConfig(
        stream=os.fdopen(os.dup(tells), "w"), level=logging.CRITICAL, format="%(message)s", force=True
    )
    code = 3
    try:
        if case["fault"]:
            failpoints.arm(failpoints.Fault.parse(case["fault"]))
        collect_twice(case)
        code = 0
    except RetriableError as error:
        code = 1 if "broken on purpose" in error.problem else 2
    except Exception:
        traceback.print_exc()
    finally:
        os.write(tells, f"\n{json.dumps(dict(failpoints.hits))}\n".encode())
        os._exit(code)


def answer(line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main():
    for line in sys.stdin:
        case = json.loads(line)
        heard, tells = os.pipe()
        if (child := os.fork()) == 0:
            os.close(heard)
            forked(case, tells)
        os.close(tells)
        reached = {}
        with os.fdopen(heard) as said:
            for told in said:
                if told.endswith(": hang\n"):
                    answer("hangs")
                    sys.stdin.readline()
                    os.kill(child, signal.SIGKILL)
                if told.startswith("{"):
                    reached = json.loads(told)
        answer([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), reached])


if __name__ == "__main__":
    main()
