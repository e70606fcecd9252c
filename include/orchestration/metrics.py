"""Numbers for whoever watches Airflow's metrics (StatsD or OpenTelemetry, as Airflow is configured)."""

from collections.abc import Callable


def gauge_of(source: str) -> Callable[[str, int], None]:
    """A gauge for a source's numbers: `sluice.<number>`, tagged with the source."""
    from airflow.sdk.observability import stats

    return lambda number, value: stats.gauge(f"sluice.{number}", value, tags={"source": source})
