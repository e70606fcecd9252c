"""The suites catch exactly what the sample shop planted: each row, with every rule that it breaks."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest
from jinja2 import Template
from psycopg2 import sql
from psycopg2.extras import execute_values

from include import catalog
from include.core.dimensions import DIMENSIONS
from include.local.postgres import EmbeddedPostgres
from include.local.shop import SEED
from include.pipeline.collect import collect_site
from include.sample import reviews, shop
from include.sample.shelf import DIGITS, stock
from include.sample.site import Site
from include.sample.traffic import trade
from include.specs import Dataset
from include.validate.checkpoint import run_checkpoint
from include.validate.rows import judge
from include.validate.suite import load_suite
from include.warehouse.labels import NO_LABELS
from include.warehouse.prepare import prepare
from include.warehouse.split import split_expression

ROOT = Path(__file__).resolve().parents[2]
SUITES = ROOT / "great_expectations" / "expectations"
SQL = ROOT / "include" / "catalog" / "sql"
AT = datetime(2026, 3, 1, tzinfo=UTC)
FILES = sorted(SUITES.glob("*.json"))


@pytest.fixture(scope="module")
def warehouse(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A warehouse in which the shop's own tables lie in schema public, and the site's in schema site."""
    name = f"catalog_{uuid4().hex[:10]}"
    postgres.create_database(name)
    url = postgres.url(name)
    prepare(url, login="sluice", password="a test's own password")
    shop.create(url, 7, 4_000)
    trade(url, 7, 40)
    for dataset in ("payment_fraud", "reviews"):
        build(url, catalog.dataset(dataset), "public")
    yield url
    connection = psycopg2.connect(postgres.url("postgres"))
    connection.autocommit = True
    connection.cursor().execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    connection.close()


def build(url: str, dataset: Dataset, schema: str) -> str:
    """The dataset's table in staging, from the tables in `schema` as they are now."""
    query = Template((SQL / f"{dataset.name}.sql").read_text()).render(
        source=lambda _, name: f'{schema}."{name}"', labels=lambda _: NO_LABELS
    )
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        columns = ", ".join(dataset.columns)
        cursor.execute(f"CREATE TABLE staging.{dataset.name} AS SELECT {columns} FROM ({query}) AS built")
        cursor.execute(f"GRANT ALL ON staging.{dataset.name} TO sluice_writer")
    return dataset.name


def ledger(url: str, table: str) -> list[tuple[str, str]]:
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT row_key, rule FROM public.planted WHERE table_name = %s", (table,))
        return cursor.fetchall()


def broken(url: str, dataset: Dataset) -> set[tuple[str, str]]:
    """Every (key, rule) that a critical row-level rule of the dataset's suite finds in its built table."""
    suite = load_suite(SUITES, dataset.name, dataset.columns)
    rules = [rule for rule in suite.expectations if rule.row_level and rule.severity == "critical"]
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        judge(connection, dataset.name, dataset.key, "bad", rules)
        cursor.execute("SELECT key, unnest(reasons) FROM staging.bad")
        return set(cursor.fetchall())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_suite_is_what_great_expectations_itself_would_write(path: Path):
    import great_expectations as gx
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    stored = json.loads(path.read_text())
    read = [ExpectationConfiguration(**entry).to_domain_obj() for entry in stored["expectations"]]
    written = gx.ExpectationSuite(name=stored["name"], expectations=read).to_json_dict()
    assert written["expectations"] == stored["expectations"]
    assert stored["name"] == path.stem
    assert stored["meta"]["great_expectations_version"] == gx.__version__


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_expectation_of_a_suite_says_which_dimension_of_quality_it_measures(path: Path):
    stored = json.loads(path.read_text())["expectations"]
    assert {entry["meta"].get("dimension") for entry in stored} <= set(DIMENSIONS)


@pytest.mark.parametrize(
    ("name", "table", "least"), [("payment_fraud", "payments", 60), ("reviews", "reviews", 5)]
)
def test_the_suite_finds_every_planted_row_with_every_reason_and_no_other(warehouse, name, table, least):
    planted = ledger(warehouse, table)
    assert broken(warehouse, catalog.dataset(name)) == set(planted)
    assert len(planted) > least


@pytest.mark.parametrize(("name", "table"), [("payment_fraud", "payments"), ("reviews", "reviews")])
def test_the_checkpoint_counts_the_same_and_only_planted_rules_fail(warehouse, name, table):
    suite = load_suite(SUITES, name, catalog.dataset(name).columns)
    outcomes = run_checkpoint(warehouse, "staging", name, suite, "a test").outcomes
    planted = Counter(rule for _, rule in ledger(warehouse, table))
    assert {o.rule: o.exception for o in outcomes if o.exception} == {}
    assert {o.rule: o.unexpected for o in outcomes if not o.success} == planted


def test_fraud_can_be_learnt_from_the_features_but_not_easily(warehouse: str):
    import numpy as np
    import pandas as pd
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import average_precision_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    dataset = catalog.dataset("payment_fraud")
    with psycopg2.connect(warehouse) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM staging.payment_fraud"
            " WHERE payment_id::text NOT IN (SELECT row_key FROM public.planted WHERE table_name = 'payments')"
            " ORDER BY payment_id"
        )
        frame = pd.DataFrame(cursor.fetchall(), columns=[column.name for column in cursor.description or ()])
    numeric = frame[list(dataset.numeric)].astype(float)
    numeric = numeric.fillna(numeric.median()).assign(amount=np.log(numeric["amount"]))
    features = pd.concat([numeric, pd.get_dummies(frame[list(dataset.categorical)]).astype(float)], axis=1)
    label, train = frame["is_fraud"].astype(int), frame["customer_id"] % 2 == 0
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(features[train], label[train])
    score = average_precision_score(label[~train], model.predict_proba(features[~train])[:, 1])
    prevalence = label.mean()
    assert 0.01 < prevalence < 0.02
    assert 10 * prevalence < score < 0.85


def test_the_reviews_that_the_shop_has_read_are_of_both_declared_classes():
    """Of the shop that `make run` opens, so that its first version can be published and judged at once."""
    dataset, (written, _) = catalog.dataset("reviews"), reviews.history(SEED, shop.SIZE // 40, shop.SIZE // 8, 300)
    assert {review.row["sentiment"] for review in written} >= set(dataset.labelling.classes)
    assert dataset.labelling.classes == (reviews.NEGATIVE, reviews.POSITIVE)


def test_the_suite_finds_every_planted_photo_with_every_reason_and_no_other(warehouse: str, tmp_path: Path):
    source, dataset = catalog.source("shop_site"), catalog.dataset("digit_photos")
    with Site(7, 20) as site:
        collect_site(source.model_copy(update={"delay": 0.0}), site.url, warehouse, tmp_path, at=AT)
        planted = {(p.key, p.rule) for p in site.planted if p.where == "gate"}
    with psycopg2.connect(warehouse) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA site")
        cursor.execute("CREATE VIEW site.pictures AS SELECT * FROM landing.shop_site_pictures")
    build(warehouse, dataset, "site")
    assert broken(warehouse, dataset) == planted


def test_every_split_has_photos_of_every_digit(warehouse: str):
    dataset = catalog.dataset("digit_photos")
    photos = [
        (photo.path, plate.sku, photo.label)
        for plate in stock(SEED).plates
        for photo in plate.photos
        if photo.label in DIGITS
    ]
    with psycopg2.connect(warehouse) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE photos (photo text, product text, label text)")
        execute_values(cursor, "INSERT INTO photos VALUES %s", photos)
        cursor.execute(
            sql.SQL("SELECT label, {}, count(*) FROM photos GROUP BY 1, 2").format(split_expression(dataset))
        )
        counts = {(label, split): count for label, split, count in cursor.fetchall()}
    assert set(counts) == set(product(DIGITS, ("train", "validation", "test")))
    assert min(counts.values()) >= 3
