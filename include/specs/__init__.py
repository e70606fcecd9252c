"""Frozen, validated declarations: what to collect and what to curate, with every default in one place."""

from include.specs.dataset import Augment, Balance, Dataset, GatePolicy, Retention, Split
from include.specs.personal import Pii, Subject, Via
from include.specs.source import CrawlPolicy, PostgresSource, SiteSource, Source

__all__ = [
    "Augment",
    "Balance",
    "CrawlPolicy",
    "Dataset",
    "GatePolicy",
    "Pii",
    "PostgresSource",
    "Retention",
    "SiteSource",
    "Source",
    "Split",
    "Subject",
    "Via",
]
