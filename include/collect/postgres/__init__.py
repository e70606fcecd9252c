"""The Postgres change reader: a consistent snapshot, then logical replication from the stored position."""

from include.collect.postgres.decommission import decommission
from include.collect.postgres.lag import Lag, warning
from include.collect.postgres.mark import Mark
from include.collect.postgres.preflight import Plan, preflight
from include.collect.postgres.reader import PostgresReader

__all__ = ["Lag", "Mark", "Plan", "PostgresReader", "decommission", "preflight", "warning"]
