"""The catalog is looked up by name, and says what it has when it has not."""

import subprocess
import sys
from pathlib import Path

import pytest

from include import catalog
from include.core.errors import FatalError
from include.specs import PostgresSource, SiteSource

ROOT = Path(__file__).resolve().parents[2]


def test_entries_are_found_by_their_names():
    assert isinstance(catalog.source("shop"), PostgresSource)
    assert isinstance(catalog.source("shop_site"), SiteSource)
    assert [catalog.dataset(entry.name) for entry in catalog.DATASETS] == list(catalog.DATASETS)


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(FatalError, match=r"no source 'shopp'; it has shop, shop_site\. Fix: add it to include"):
        catalog.source("shopp")
    with pytest.raises(FatalError, match="no dataset 'fraud'; it has payment_fraud, digit_photos"):
        catalog.dataset("fraud")


def test_reading_the_catalog_imports_nothing_heavy():
    heavy = "{'pandas', 'numpy', 'sklearn', 'scrapy', 'cv2', 'great_expectations', 'sqlalchemy', 'psycopg2'}"
    program = f"import sys, include.catalog; sys.exit(str(sorted({heavy} & set(sys.modules))))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr.strip() == "[]"


def test_no_folder_shadows_great_expectations():
    assert not list((ROOT / "great_expectations").rglob("__init__.py"))
    assert not list((ROOT / "tests").rglob("__init__.py"))
