"""A landed shop's reviews without labels, simulated annotators, and the way from one round to the next."""

import csv
import io
import json
from datetime import UTC, datetime

from include.label.hand_over import Sheets
from include.pipeline import augment
from include.pipeline.ask import ask
from include.pipeline.audit import audit
from include.pipeline.build import build
from include.pipeline.label import set_aside
from include.pipeline.publish import publish
from include.pipeline.settle import settle
from include.pipeline.validate import validate
from include.specs import Dataset, Labelling
from include.warehouse.connection import transaction

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
CLASSES = ("neg", "pos")
LABELLING = Labelling(
    question="Is the review favourable?", classes=CLASSES, show=("body",), batch=40, consolidate="dawid_skene",
)  # fmt: skip
REVIEWS = Dataset(
    name="reviews", sources=("shop",), key="id", text=("body",), label="sentiment", labelling=LABELLING
)
ROWS = 120
GOOD = ROWS - ROWS // 20
# Every twentieth review is empty, which the suite rejects; what each one means is known from its number alone.
LANDED = """
CREATE TABLE landing.shop_reviews (id int, body text, _seq_from bigint, _seq_to bigint, _batch bigint);
INSERT INTO landing.shop_reviews SELECT n, CASE WHEN n %% 20 = 0 THEN ''
    WHEN n %% 3 > 0 THEN 'a fine ' || (ARRAY['lamp', 'chair', 'desk', 'shelf', 'stool'])[1 + n %% 5]
    ELSE 'a poor ' || (ARRAY['lamp', 'chair', 'desk', 'shelf'])[1 + n %% 4] END, 1, NULL, 1
    FROM generate_series(1, %s) AS n;
INSERT INTO sluice.batches (source, position_to, seq_from, seq_to, changes, rejected, landed_at)
    VALUES ('shop', 'a', 1, 1, '{}', 0, '2026-01-01Z');
INSERT INTO sluice.landing_tables VALUES ('shop', 'reviews', 1, 'shop_reviews',
    '[{"name": "id"}, {"name": "body"}]', '{id}');
"""
SQL = """
SELECT r.id, r.body, l.label AS sentiment FROM {{ source('shop', 'reviews') }} AS r
LEFT JOIN {{ labels('reviews') }} AS l ON l.key = r.id::text
"""
RULES = [
    ("expect_table_row_count_to_be_between", {"min_value": 1}),
    ("expect_column_value_lengths_to_be_between", {"column": "body", "min_value": 1}),
]


def declared(**changes):
    """The dataset with a changed labelling."""
    return REVIEWS.model_copy(update={"labelling": LABELLING.model_copy(update=changes)})


def meant(key):
    return CLASSES[int(key) % 3 > 0]


def honest(key):
    return meant(key)


def contrary(key):
    return CLASSES[meant(key) == "neg"]


def one_in_ten_wrong(key):
    return contrary(key) if int(key) % 10 == 3 else meant(key)


class Reviews:
    """The warehouse at `url`, and `folder` as object storage, suites, SQL and reports."""

    def __init__(self, url, folder):
        self.url, self.folder, self.tool = url, folder, Sheets(folder)
        with transaction(url) as connection, connection.cursor() as cursor:
            cursor.execute(LANDED, (ROWS,))
        (folder / "reviews.sql").write_text(SQL)
        entries = [{"type": kind, "kwargs": kwargs, "severity": "critical"} for kind, kwargs in RULES]
        (folder / "reviews.json").write_text(json.dumps({"expectations": entries}))
        (folder / "reviews_audit.json").write_text(json.dumps({"expectations": entries[:1]}))

    def rows(self, query, values=()):
        with transaction(self.url) as connection, connection.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchall()

    def gated(self, run, dataset=REVIEWS):
        candidate = build(self.url, dataset, run, sql_folder=self.folder)
        return validate(
            self.url, dataset, candidate, suites=self.folder, reports=self.folder / "reports", at=AT
        )  # fmt: skip

    def curated(self, run, dataset=REVIEWS):
        """The rows of that run that have a label; the others may be asked about."""
        return set_aside(self.url, dataset, self.gated(run, dataset))

    def published(self, run, dataset=REVIEWS):
        made = augment.unchanged(self.url, dataset, self.curated(run, dataset))
        audited = audit(
            self.url, dataset, made, suites=self.folder, reports=self.folder / "reports", at=AT,
            storage=self.folder,
        )  # fmt: skip
        return publish(self.url, dataset, audited, at=AT, code="c0ffee")

    def ask(self, run, dataset=REVIEWS):
        return ask(self.url, dataset, run, self.tool, storage=self.folder, at=AT)

    def settle(self, asked, dataset=REVIEWS):
        return settle(self.url, dataset, asked, self.tool, storage=self.folder, at=AT)

    def handed_out(self, asked):
        """The keys on the round's sheet."""
        text = (self.folder / asked.place / "items.csv").read_text()
        return [row["key"] for row in csv.DictReader(io.StringIO(text))]

    def answer(self, asked, *, of=None, **annotators):
        """Each annotator's own sheet, filled in by their function from a key to a class."""
        for name, says in annotators.items():
            lines = [f"{key},{says(key)}" for key in of or self.handed_out(asked)]
            (self.folder / asked.place / f"{name}.csv").write_text("\n".join(["key,label", *lines]) + "\n")
