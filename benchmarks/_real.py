"""Real data for benchmarks, which is not part of the project: where it lies, and how it is read."""

import os
from pathlib import Path

import pandas as pd

PLACE = Path(os.environ.get("SLUICE_BENCH_DATA", Path(__file__).parents[1] / "../shared/data")).resolve()


def missing(name: str) -> str | None:
    """Why the file cannot be read; None if it can."""
    return None if (PLACE / name).exists() else f"{PLACE / name} is missing; SLUICE_BENCH_DATA names its folder"


def reviews() -> pd.DataFrame:
    """Pang, Lee: "A sentimental education", ACL 2004: 2,000 film reviews: review_id, sentiment, text."""
    return pd.read_csv(PLACE / "movie_reviews.csv.gz")
