"""Leave a source for good: drop what it keeps for us at its server. What was landed stays."""

import logging

from include.core.errors import FatalError
from include.specs import PostgresSource

log = logging.getLogger(__name__)


def decommission(source: PostgresSource, source_url: str, *, confirmation: str) -> list[str]:
    """Drop the source's replication slot and publication; returns what was dropped. Safe to run again.

    There is no way back: changes that nobody has read are lost with the slot. So `confirmation` must be the
    source's name; FatalError if it is not, and nothing is dropped.
    """
    if confirmation != source.name:
        raise FatalError(
            f"Source {source.name!r} was not decommissioned: the confirmation must be its name, it was"
            f" {confirmation!r}.",
            fix=f"trigger decommission_{source.name} again and type {source.name} into its form.",
        )
    from include.collect import postgres

    dropped = postgres.decommission(source, source_url)
    log.info("dropped %s of %s", ", ".join(dropped) or "nothing", source.name)
    return dropped
