"""Every entry of the catalog is complete: it fails here until its SQL, suites, spider and methods are there."""

import importlib.util
import json

import pytest

from include.catalog import DATASETS, SOURCES
from include.orchestration.places import SUITES
from include.pipeline.build import SQL_FOLDER
from include.specs import PostgresSource, SiteSource
from include.validate.suite import load_suite
from include.warehouse.repeatable import refuse_unrepeatable

datasets = pytest.mark.parametrize("dataset", DATASETS, ids=lambda d: d.name)
SITES = [source for source in SOURCES if isinstance(source, SiteSource)]


def test_names_are_unique():
    names = [entry.name for entry in (*SOURCES, *DATASETS)]
    assert len(names) == len(set(names))


@datasets
def test_a_dataset_reads_sources_of_the_catalog(dataset):
    assert set(dataset.sources) <= {source.name for source in SOURCES}


@datasets
def test_a_dataset_says_where_it_holds_the_subjects_of_its_sources(dataset):
    declared = {s.name for s in SOURCES if isinstance(s, PostgresSource) and s.subject}
    assert set(dataset.subjects) == declared & set(dataset.sources)


@datasets
def test_a_dataset_has_its_sql_and_the_sql_is_repeatable(dataset):
    text = (SQL_FOLDER / f"{dataset.name}.sql").read_text()
    assert "source(" in text
    refuse_unrepeatable(f"{dataset.name}.sql", text)


@datasets
def test_a_dataset_has_a_suite_for_the_gate_and_one_for_the_audit(dataset):
    load_suite(SUITES, dataset.name, dataset.columns)
    made = ("_id", "_split", "_origin", "_parents", "_method", "_params", "_seed")
    load_suite(SUITES, f"{dataset.name}_audit", (*dataset.columns, *made))


@datasets
def test_every_expectation_states_rule_severity_and_dimension(dataset):
    six = {"completeness", "accuracy", "consistency", "timeliness", "uniqueness", "validity"}
    for name in (dataset.name, f"{dataset.name}_audit"):
        for expectation in json.loads((SUITES / f"{name}.json").read_text())["expectations"]:
            assert expectation["meta"]["rule"], expectation
            assert expectation["meta"]["dimension"] in six, expectation
            assert expectation["severity"] in {"critical", "warning", "info"}, expectation


@datasets
def test_a_datasets_methods_are_registered_and_can_be_loaded(dataset):
    from include.augment import registry

    if dataset.balance:
        assert callable(registry.resolve(registry.balancer(dataset.balance.method).implementation))
    if dataset.augment:
        assert callable(registry.recipe(dataset.augment.recipe))


@pytest.mark.parametrize("site", SITES, ids=lambda s: s.name)
def test_a_site_has_its_spider(site):
    assert importlib.util.find_spec(f"include.collect.spiders.{site.spider}")
