"""What this installation collects: one entry a source, one DAG an entry."""

from include.specs import Pii, PostgresSource, SiteSource, Source, Subject, Via

SOURCES: tuple[Source, ...] = (
    PostgresSource(
        name="shop",
        connection="shop",
        # `planted` is the sample's own answer sheet: which dirt was put where. A real source has none.
        tables=("customers", "products", "orders", "payments", "chargebacks", "reviews", "planted"),
        # Not payments.card_holder: the gate judges how readable it is, which no pseudonym could show.
        pii={"customers": ("name", Pii(column="email", canonical="casefold"))},
        key_domain="people",
        subject=Subject(
            table="customers",
            held={
                "customers": "id",
                "orders": "customer_id",
                "payments": "customer_id",
                "chargebacks": Via(column="payment_id", table="payments", key="id"),
                "reviews": "customer_id",
            },
        ),
    ),
    SiteSource(
        name="shop_site",
        connection="shop_site",
        spider="shop_site",
        contact="sluice@localhost",
        delay=0.02,
        max_pages=2_000,
        timeout=600,
    ),
)
