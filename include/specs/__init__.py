"""Frozen, validated declarations: what to collect and what to curate, with every default in one place."""

from include.specs.dataset import Augment, Balance, Dataset, Drift, GatePolicy, Retention, Split
from include.specs.export import Export
from include.specs.labelling import Labelling, Prelabel
from include.specs.leakage import Leakage
from include.specs.personal import Pii, Subject, Via
from include.specs.source import CrawlPolicy, PostgresSource, SiteSource, Source

__all__ = [
    "Augment",
    "Balance",
    "CrawlPolicy",
    "Dataset",
    "Drift",
    "Export",
    "GatePolicy",
    "Labelling",
    "Leakage",
    "Pii",
    "PostgresSource",
    "Prelabel",
    "Retention",
    "SiteSource",
    "Source",
    "Split",
    "Subject",
    "Via",
]
