"""Killed at any step from build to publish, a run ends by its retry; a reader only ever sees whole versions."""

import json
import threading
from uuid import uuid4

import cv2
import numpy as np
import psycopg2
import pytest

from include.core.failpoints import CURATING
from include.core.seeds import seed_of
from include.specs import Augment, Balance, Dataset, GatePolicy
from include.warehouse.connection import transaction
from include.warehouse.prepare import prepare
from tests.broken_runs import BrokenRuns
from tests.pipeline.broken_curation import curate

PAY = Dataset(
    name="pay", sources=("shop",), key="id", numeric=("amount",), label="fraud", gate=GatePolicy(max_rejected=0.2),
    balance=Balance(method="smote", neighbours=2),
)  # fmt: skip
PICS = Dataset(
    name="pics", sources=("shop",), key="id", image="image", label="digit", gate=GatePolicy(max_rejected=0.2),
    augment=Augment(recipe="digits", ratio=0.75, shards=2),
)  # fmt: skip
# Of each table three rows are bad.
LANDED = """
CREATE TABLE landing.shop_pay (id int, amount numeric, fraud boolean,
    _seq_from bigint, _seq_to bigint, _batch bigint);
INSERT INTO landing.shop_pay SELECT n, CASE WHEN n % 20 = 7 THEN -1 ELSE n * 37 % 101 END, n % 5 = 0, n, NULL, 1
    FROM generate_series(1, 60) n;
CREATE TABLE landing.shop_pics (id int, image text, digit text, _seq_from bigint, _seq_to bigint, _batch bigint);
INSERT INTO landing.shop_pics SELECT n, 'images/' || n % 4 || '.png', CASE WHEN n % 10 = 7 THEN '5' WHEN n % 3 = 0
    THEN '3' ELSE '1' END, n, NULL, 1 FROM generate_series(1, 30) n;
INSERT INTO sluice.batches (source, position_to, seq_from, seq_to, changes, rejected, landed_at)
    VALUES ('shop', 'a', 1, 60, '{}', 0, '2026-01-01Z');
INSERT INTO sluice.landing_tables VALUES
    ('shop', 'pay', 1, 'shop_pay', '[{"name": "id"}, {"name": "amount"}, {"name": "fraud"}]', '{id}'),
    ('shop', 'pics', 1, 'shop_pics', '[{"name": "id"}, {"name": "image"}, {"name": "digit"}]', '{id}');
"""
# One more good row of one of them, in a batch of its own.
NEWS = {
    "pay": "shop_pay SELECT 1000 + seq, seq, false, seq, NULL, batch FROM new",
    "pics": "shop_pics SELECT 1000 + seq, 'images/1.png', '1', seq, NULL, batch FROM new",
}
BATCH = """
WITH new AS (
    INSERT INTO sluice.batches (source, position_from, position_to, seq_from, seq_to, changes, rejected, landed_at)
    SELECT 'shop', position_to, position_to || 'a', seq_to + 1, seq_to + 1, '{{}}', 0, landed_at
    FROM sluice.batches ORDER BY batch DESC LIMIT 1 RETURNING batch, seq_to AS seq)
INSERT INTO landing.{}
"""
# Which version, how many rows of each origin, and which: in one statement, so of one moment.
SEEN = """
SELECT (SELECT version FROM sluice.current_versions WHERE dataset = '{0}'),
    count(*) FILTER (WHERE _origin = 'real'), count(*) FILTER (WHERE _origin <> 'real'),
    sum(hashtext(v::text)) FROM datasets.{0} v
"""
SUITES = {
    "pay": [("expect_column_values_to_be_between", {"column": "amount", "min_value": 0})],
    "pics": [("expect_column_values_to_be_in_set", {"column": "digit", "value_set": ["1", "3"]})],
    "pay_audit": [],
    "pics_audit": [],
}
ENOUGH = ("expect_table_row_count_to_be_between", {"min_value": 10})
# Where a fault loses the answer of what was done for good.
COMMITS = [step for step in CURATING if step.endswith(".commit")]


class Reader:
    """Somebody who reads a dataset without a pause."""

    def __init__(self, url, dataset):
        self._url, self._query, self.seen = url, SEEN.format(dataset), set()
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def __enter__(self):
        self._thread.start()
        return self.seen

    def __exit__(self, *_):
        self._enough.set()
        self._thread.join(30)

    def _read(self):
        connection = psycopg2.connect(self._url)
        connection.autocommit = True
        with connection.cursor() as cursor:
            while not self._enough.wait(0.003):
                cursor.execute(self._query)
                self.seen.add(cursor.fetchone())
        connection.close()


class Works:
    """A warehouse with both datasets' first versions, in which runs are broken and ended."""

    def __init__(self, admin, url, folder, runs):
        self.admin, self.url, self.folder, self._runs = admin, url, folder, runs
        (folder / "images").mkdir()
        for number in range(4):
            picture = np.full((24, 24), 250, dtype=np.uint8)
            cv2.putText(picture, str(number), (5, 19), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 0, 2)
            cv2.imwrite(str(folder / f"images/{number}.png"), picture)
        for name, rules in SUITES.items():
            entries = [{"type": kind, "kwargs": kwargs} for kind, kwargs in (ENOUGH, *rules)]
            (folder / f"{name}.json").write_text(json.dumps({"expectations": entries}))
        for name in ("pay", "pics"):
            (folder / f"{name}.sql").write_text(f"SELECT * FROM {{{{ source('shop', '{name}') }}}} AS landed")
        self.execute(LANDED)

    def execute(self, statement, *parameters):
        with transaction(self.url) as connection, connection.cursor() as cursor:
            cursor.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else None

    def case(self, dataset, run):
        return {
            "url": self.url, "folder": str(self.folder), "dataset": dataset.model_dump(mode="json"), "run": run,
        }  # fmt: skip

    def broken(self, dataset, run, fault):
        return self._runs.run(self.case(dataset, run), fault)

    def seen(self, dataset):
        return self.execute(SEEN.format(dataset.name))[0]


@pytest.fixture(scope="module")
def runs():
    started = BrokenRuns("tests.pipeline.broken_curation:curate")
    yield started
    started.close()


@pytest.fixture(scope="module")
def works(postgres, tmp_path_factory, runs):
    name = f"warehouse_{uuid4().hex[:10]}"
    postgres.create_database(name)
    prepare(postgres.url(name), login="sluice", password="a test's own password")
    url = postgres.url(name, user="sluice", password="a test's own password")
    return Works(postgres.url(name), url, tmp_path_factory.mktemp("works"), runs)


@pytest.fixture(scope="module")
def reached(works):
    """How often a whole run of each dataset reaches each step; it makes their first versions."""
    counts = {}
    for dataset in (PAY, PICS):
        code, counts[dataset.name] = works.broken(dataset, "first", None)
        assert code == 0
    return counts


def test_a_run_reaches_every_step_that_can_be_broken(reached):
    assert set(reached["pay"]) | set(reached["pics"]) == set(CURATING)


@pytest.mark.parametrize(
    ("step", "action"), [*((step, "kill") for step in CURATING), *((step, "fail") for step in COMMITS)]
)
def test_broken_at_any_step_a_runs_retry_publishes_one_whole_version_and_leaves_nothing(
    works, reached, step, action
):
    dataset = PAY if step in reached["pay"] else PICS
    hit = 1 + seed_of(step, action) % reached[dataset.name][step]
    run = f"{step}_{action}".replace(".", "_")
    before = works.seen(dataset)
    works.execute(BATCH.format(NEWS[dataset.name]))
    with Reader(works.admin, dataset.name) as seen:
        code, _ = works.broken(dataset, run, f"{step}={action}:{hit}")
        assert code == {"kill": -9, "fail": 1}[action]
        version = curate(works.case(dataset, run))
    after = works.seen(dataset)
    assert (after[0], after[1]) == (before[0] + 1, before[1] + 1)
    assert (version.version, version.rows, version.new) == (after[0], after[1] + after[2], True)
    assert seen == {before, after}
    assert works.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'staging'") == []
    assert not [*(works.folder / "reports").rglob("*.tmp")]
    assert works.execute(
        "SELECT stage, decision FROM sluice.validations WHERE (run, dataset) = (%s, %s) ORDER BY 1",
        run, dataset.name,
    ) == [("audit", "publish"), ("gate", "publish")]  # fmt: skip
    assert works.execute(
        f"SELECT count(*), count(DISTINCT key) FROM quarantine.{dataset.name} WHERE run = %s", run
    ) == [(3, 3)]
