"""One version, built in two databases as unlike as can be, has one fingerprint."""

import psycopg2
import pytest
from psycopg2 import sql

from include.pipeline.load import load
from include.specs import Augment
from include.warehouse.prepare import prepare
from tests.pipeline.lines import DIGITS, FRAUD, Line

STRANGE = {
    "timezone": "Asia/Kathmandu", "datestyle": "German", "intervalstyle": "sql_standard",
    "extra_float_digits": "-5", "bytea_output": "escape", "max_parallel_workers_per_gather": "0",
    "work_mem": "64kB",
}  # fmt: skip


@pytest.fixture
def strange_url(postgres):
    """A warehouse of another encoding, collation and character type, with other settings."""
    admin = psycopg2.connect(postgres.url("postgres"))
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute("CREATE DATABASE strange TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
        for name, value in STRANGE.items():
            cursor.execute(
                sql.SQL("ALTER DATABASE strange SET {} TO {}").format(sql.Identifier(name), sql.Literal(value))
            )
    prepare(postgres.url("strange"), login="sluice", password="a test's own password")
    yield postgres.url("strange", user="sluice", password="a test's own password")
    with admin.cursor() as cursor:
        cursor.execute("DROP DATABASE strange WITH (FORCE)")
    admin.close()


def test_a_version_has_one_fingerprint_whatever_the_database_the_row_order_and_the_shards(
    warehouse_url, strange_url, tmp_path
):
    here, there = Line(warehouse_url, tmp_path / "here"), Line(strange_url, tmp_path / "there", order=-1)
    four = DIGITS.model_copy(update={"augment": Augment(recipe="digits", ratio=0.75, shards=4)})
    made = [here.curate(FRAUD), here.curate(DIGITS, "run_2")]
    again = [there.curate(FRAUD), there.curate(four, "run_2")]
    assert [v.fingerprint for v in again] == [v.fingerprint for v in made]
    assert [v.rows for v in made] == [305, 44]
    for dataset in ("fraud", "digits"):
        assert load(dataset, url=strange_url) == load(dataset, url=warehouse_url)
