"""Great Expectations without its chatter: no analytics, no log lines of its imports and of failed metrics."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Whatever imports or calls Great Expectations runs in here; also a decorator.

    Its import alone writes a hundred lines, and each failed metric a traceback; outcomes say it in a line.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logger = logging.getLogger("great_expectations")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
