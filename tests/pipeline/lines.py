"""A warehouse with a landed shop and its pictures, and two datasets' whole line from there to a version."""

import json
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

from include.pipeline import augment
from include.pipeline.audit import audit
from include.pipeline.build import build
from include.pipeline.publish import publish
from include.pipeline.validate import validate
from include.specs import Augment, Balance, Dataset, GatePolicy
from include.warehouse.connection import transaction

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
FRAUD = Dataset(
    name="fraud", sources=("shop",), key="id", group="customer", time="paid_at", numeric=("amount", "score"),
    categorical=("device",), text=("note",), passthrough=("facts", "raw", "pause"), label="is_fraud",
    gate=GatePolicy(max_rejected=0.5), balance=Balance(method="smotenc", neighbours=2), seed=7,
)  # fmt: skip
DIGITS = Dataset(
    name="digits", sources=("shop",), key="photo", group="product", image="image", label="label",
    augment=Augment(recipe="digits", ratio=0.75, shards=1), seed=7,
)  # fmt: skip
# Batch 2 takes every eighth payment away, moves the others' scores and adds a photo.
HISTORY = """
CREATE TABLE landing.shop_payments (id int, customer int, paid_at timestamptz, amount numeric, score float8,
    device text, note text, facts jsonb, raw bytea, pause interval, is_fraud boolean,
    _seq_from bigint, _seq_to bigint, _batch bigint);
CREATE TABLE landing.shop_photos (photo text, product text, image text, label text,
    _seq_from bigint, _seq_to bigint, _batch bigint);
INSERT INTO landing.shop_payments SELECT n, n %% 50, '2026-01-01 00:30:00.25Z'::timestamptz + n * interval '1 day',
    CASE n %% 3 WHEN 0 THEN n / 4.0 ELSE (n / 4.0)::numeric(8, 2) END,
    CASE n %% 7 WHEN 0 THEN '-0'::float8 ELSE n * 0.1 END, chr(97 + n %% 3), 'caf' || chr(233) || n,
    jsonb_build_object('z', n, 'a', 1.50), decode(lpad(to_hex(n), 8, '0'), 'hex'), n * interval '1 hour',
    n %% 8 = 1, 1, CASE WHEN n %% 8 = 0 THEN 2 END, 1 FROM generate_series(1, 200) AS n ORDER BY n * %(order)s;
INSERT INTO landing.shop_photos SELECT '/p/' || n, 'product ' || n / 2, 'images/' || n || '.png',
    CASE WHEN n < 20 THEN '1' WHEN n < 28 THEN '3' ELSE '8' END, 1, NULL, 1
    FROM generate_series(0, 39) AS n ORDER BY n * %(order)s;
INSERT INTO sluice.batches (source, position_to, seq_from, seq_to, changes, rejected, landed_at) VALUES
    ('shop', 'a', 1, 1, '{}', 0, '2026-01-01Z');
INSERT INTO sluice.landing_tables (source, table_name, batch, landing_table, columns, key) VALUES
    ('shop', 'payments', 1, 'shop_payments', '[{"name": "id"}, {"name": "customer"}, {"name": "paid_at"},
        {"name": "amount"}, {"name": "score"}, {"name": "device"}, {"name": "note"}, {"name": "facts"},
        {"name": "raw"}, {"name": "pause"}, {"name": "is_fraud"}]', '{id}'),
    ('shop', 'photos', 1, 'shop_photos', '[{"name": "photo"}, {"name": "product"}, {"name": "image"},
        {"name": "label"}]', '{photo}');
"""
LATER = """
UPDATE landing.shop_payments SET _seq_to = 2 WHERE _seq_to IS NULL;
INSERT INTO landing.shop_payments SELECT id, customer, paid_at, amount, score + 1, device, note, facts, raw, pause,
    is_fraud, 2, NULL, 2 FROM landing.shop_payments WHERE id %% 8 > 0;
INSERT INTO landing.shop_photos VALUES ('/p/40', 'product 20', 'images/40.png', '8', 2, NULL, 2);
INSERT INTO sluice.batches (source, position_to, seq_from, seq_to, changes, rejected, landed_at) VALUES
    ('shop', 'b', 2, 2, '{}', 0, '2026-01-02Z');
"""
RULES = {
    "fraud": {"type": "expect_column_values_to_be_between", "kwargs": {"column": "amount", "min_value": 1}},
    "digits": {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "image"}},
}
ENOUGH = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 2}}


class Line:
    """The shop in a prepared warehouse, its rows landed in that order (1 or -1), and its files under `folder`."""

    def __init__(self, url: str, folder: Path, order: int = 1) -> None:
        self.url, self.folder = url, folder
        self.execute(HISTORY, {"order": order})
        (folder / "images").mkdir(parents=True)
        for n in range(41):
            (folder / f"images/{n}.png").write_bytes(picture(n))
        for dataset, table in (("fraud", "payments"), ("digits", "photos")):
            (folder / f"{dataset}.sql").write_text(f"SELECT * FROM {{{{ source('shop', '{table}') }}}} AS found")
            self.expect(dataset, RULES[dataset])
            self.expect(f"{dataset}_audit")

    def execute(self, query, parameters=None):
        with transaction(self.url) as connection, connection.cursor() as cursor:
            cursor.execute(query, parameters)
            return cursor.fetchall() if cursor.description else None

    def expect(self, suite, *rules):
        entries = [{"severity": "critical", **rule} for rule in (ENOUGH, *rules)]
        (self.folder / f"{suite}.json").write_text(json.dumps({"expectations": entries}))

    def move_on(self):
        """The source has news, SQL and suites are others."""
        self.execute(LATER, {})
        for dataset in ("fraud", "digits"):
            path = self.folder / f"{dataset}.sql"
            path.write_text(path.read_text() + " WHERE true")
            self.expect(dataset)

    def curate(self, dataset, run="run_1"):
        """The dataset's version of the newest batch, through every step."""
        judged = {"suites": self.folder, "reports": self.folder / "reports", "at": AT}
        candidate = build(self.url, dataset, run, sql_folder=self.folder)
        gated = validate(self.url, dataset, candidate, **judged)
        if dataset.augment:
            plan = augment.plan_images(self.url, dataset, gated)
            shards = [augment.augment_shard(self.url, dataset, gated, shard, self.folder) for shard in plan]
            made = augment.gather(self.url, dataset, gated, shards)
        else:
            made = augment.balance(self.url, dataset, gated)
        return publish(
            self.url, dataset, audit(self.url, dataset, made, storage=self.folder, **judged), at=AT, code="c0ffee"
        )


def picture(number: int) -> bytes:
    """A picture that is like no other's: in two splits two that are alike would be a leak."""
    coarse = np.random.default_rng(number).integers(0, 256, (6, 6), dtype=np.uint8)
    return cv2.imencode(".png", cv2.resize(coarse, (24, 24)))[1].tobytes()
