"""The folder great_expectations/ is one that Great Expectations itself can open, and holds no secret."""

import shutil
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "great_expectations"
SUITES = sorted(path.stem for path in (FOLDER / "expectations").glob("*.json"))


@pytest.fixture
def context(tmp_path):
    import great_expectations as gx

    shutil.copytree(FOLDER, tmp_path / "great_expectations")
    return gx.get_context(mode="file", context_root_dir=str(tmp_path / "great_expectations"))


def test_great_expectations_finds_the_suites_that_sluice_reads(context):
    assert sorted(suite.name for suite in context.suites.all()) == SUITES
    assert all(suite.expectations for suite in context.suites.all())


def test_nothing_but_suites_is_stored_there(context):
    assert context.data_sources.all() == {}
    assert list(context.checkpoints.all()) == []
    assert context.variables.analytics_enabled is False


def test_the_folder_never_shadows_the_library():
    assert list(FOLDER.rglob("__init__.py")) == []
    assert list((FOLDER.parent / "tests").rglob("great_expectations/__init__.py")) == []
