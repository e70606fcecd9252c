"""The reviews of customers who may ask to be erased, with keys that are found wherever they stand."""

from include.core.erasure import ErasureRequest
from include.pipeline.erase import erase
from include.pipeline.erase_labels import Outside
from include.specs import Dataset, GatePolicy, PostgresSource, Subject
from include.warehouse.connection import transaction
from tests.pipeline.reviews import AT, REVIEWS, Reviews, honest

# Review n is customer n % 8's: every class is among each one's. Its key stands in no other key.
ALTERED = """
ALTER TABLE landing.shop_reviews ADD customer int;
UPDATE landing.shop_reviews SET customer = id % 8;
INSERT INTO sluice.batches (source, position_to, seq_from, seq_to, changes, rejected, landed_at)
    VALUES ('shop', 'b', 2, 2, '{}', 0, '2026-01-02Z');
INSERT INTO sluice.landing_tables VALUES ('shop', 'reviews', (SELECT max(batch) FROM sluice.batches),
    'shop_reviews', '[{"name": "id"}, {"name": "body"}, {"name": "customer"}]', '{id}');
"""
SQL = """
SELECT format('<%s>', r.id) AS id, r.customer, r.body, l.label AS sentiment
FROM {{ source('shop', 'reviews') }} AS r LEFT JOIN {{ labels('reviews') }} AS l ON l.key = format('<%s>', r.id)
"""
LEFT = """
UPDATE landing.shop_reviews SET _seq_to = 3 WHERE customer = 3;
INSERT INTO sluice.batches (source, position_to, seq_from, seq_to, changes, rejected, landed_at)
    VALUES ('shop', 'c', 3, 3, '{}', 0, '2026-01-03Z');
"""
SHOP = PostgresSource(
    name="shop", connection="shop", tables=("reviews",),
    subject=Subject(table="reviews", held={"reviews": "customer"}),
)  # fmt: skip
PEOPLE = Dataset.model_validate(
    REVIEWS.model_dump()
    | {"group": "customer", "subjects": {"shop": "customer"}, "gate": GatePolicy(max_rejected=0.2)}
)
RECEIPT = "7c0ffee7" * 5
REQUEST = ErasureRequest("shop/run", key="3", receipt=RECEIPT)
THEIRS = frozenset(f"<{n}>" for n in range(3, 121, 8))
LABELLED = (
    "landing.labels_reviews_answers",
    "landing.labels_reviews_labels",
    "sluice.label_rounds",
    "sluice.label_sent",
    "sluice.label_results",
)


def true(key):
    return honest(key[1:-1])


class People(Reviews):
    """A shop of eight customers, whose reviews are labelled."""

    def __init__(self, url, folder):
        super().__init__(url, folder)
        self.run(ALTERED)
        (folder / "reviews.sql").write_text(SQL)

    def run(self, statements):
        with transaction(self.url) as connection, connection.cursor() as cursor:
            cursor.execute(statements)

    def labelled(self, run, dataset=PEOPLE, **annotators):
        """A round that is answered and settled."""
        asked = self.ask(run, dataset)
        self.answer(asked, **(annotators or {"ann": true, "bob": true}))
        return self.settle(asked, dataset)

    def erase(self, dataset=PEOPLE, request=REQUEST, outside=None, **options):
        return erase(
            self.url, SHOP, request, datasets=[dataset], reports=self.folder / "reports", at=AT,
            outside=outside or Outside(self.folder), **options,
        )  # fmt: skip

    def text(self, *places):
        """Everything that these tables hold."""
        return "\n".join(line for place in places for (line,) in self.rows(f"SELECT t::text FROM {place} AS t"))

    def sheets(self):
        """All files below the storage's folder of rounds, by their names."""
        found = (self.folder / "labelling").rglob("*.*")
        return {path.relative_to(self.folder).as_posix(): path.read_text() for path in found}


def two_rounds(warehouse_url, tmp_path):
    """Two rounds: one that was settled and is published, with a fault; and one that is under way."""
    people = People(warehouse_url, tmp_path)
    people.curated("run_1", PEOPLE)
    asked = people.ask("label_1", PEOPLE)
    people.answer(asked, ann=true, bob=true)
    (tmp_path / asked.place / "cy.csv").write_text(
        "key,label\n" + "".join(f"{key},John said maybe\n" for key in people.handed_out(asked)[:3])
    )
    people.settle(asked, PEOPLE)
    people.published("run_2", PEOPLE)
    people.answer(people.ask("label_2", PEOPLE), ann=true)
    people.run(LEFT)
    return people


def theirs_in(text):
    return {key for key in THEIRS if key in text}


def answered_of(shop, request):
    """The rows to which the erasure has committed itself."""
    ((committed,),) = shop.rows("SELECT referenced->'labels.reviews' FROM sluice.erasures")
    return {key for key in THEIRS if request.commitment("labels.reviews", key) in committed}
