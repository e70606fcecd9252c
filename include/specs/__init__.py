"""Frozen, validated declarations: what to collect and what to curate, with every default in one place."""

from include.specs.dataset import Augment, Balance, Dataset, GatePolicy, Split
from include.specs.leakage import Leakage
from include.specs.personal import Pii, Subject, Via
from include.specs.source import CrawlPolicy, PostgresSource, SiteSource, Source

__all__ = [
    "Augment",
    "Balance",
    "CrawlPolicy",
    "Dataset",
    "GatePolicy",
    "Leakage",
    "Pii",
    "PostgresSource",
    "SiteSource",
    "Source",
    "Split",
    "Subject",
    "Via",
]
