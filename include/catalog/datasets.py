"""What this installation curates: one entry a dataset, its SQL in sql/<name>.sql, its suite of the same name."""

from include.specs import Augment, Balance, Dataset, Drift, Export, GatePolicy, Labelling, Split

DATASETS: tuple[Dataset, ...] = (
    Dataset(
        name="payment_fraud",
        sources=("shop",),
        key="payment_id",
        group="customer_id",
        time="paid_at",
        numeric=(
            "amount",
            "hour",
            "account_age_days",
            "payments_last_hour",
            "amount_to_usual",
            "installments",
        ),
        categorical=("method", "device", "abroad"),
        passthrough=("reference", "order_total", "card_holder", "customer_since"),
        label="is_fraud",
        gate=GatePolicy(max_rejected=0.05),
        balance=Balance(method="smotenc", ratio=0.5, neighbours=5, impute="median"),
        drift=Drift(),
        seed=7,
        subjects={"shop": "customer_id"},
        on_erasure="rebuild",
        export=Export(
            description="Payments of a sample shop, and whether a chargeback followed. All of it is made up.",
            licence="CC0-1.0",
            citation="@misc{sluice_sample_shop, title = {Payments of the Sluice sample shop}}",
            creators=("The Sluice sample shop",),
            url="urn:sluice:dataset:payment_fraud",
        ),
    ),
    Dataset(
        name="digit_photos",
        sources=("shop_site",),
        key="photo",
        group="product",
        image="image",
        passthrough=("width", "height"),
        label="label",
        # A digit that no picture shows any more may be meant, or not: a person decides.
        gate=GatePolicy(max_rejected=0.1, on_warning="approve", approve_within=72),
        # With this key each split gets some of the few pictures of the rare digit.
        split=Split(key="first"),
        augment=Augment(recipe="digits", ratio=0.7, shards=2),
    ),
    Dataset(
        name="reviews",
        sources=("shop",),
        key="review_id",
        group="customer_id",
        time="written_at",
        text=("body",),
        # Not features: who gave the label, and stars, which would tell it.
        passthrough=("product_id", "stars", "labelled_by", "confidence"),
        label="sentiment",
        gate=GatePolicy(max_rejected=0.1),
        labelling=Labelling(
            question="Is the customer content?",
            guideline="Judge the product as a whole, as its customer does; a single complaint may be outweighed.",
            classes=("negative", "positive"),
            show=("body",),
            overlap=3,
            batch=120,
            # One round, so that the sample comes to an end: raise it, and label_reviews asks on.
            budget=120,
            choose="margin",
            # What a model doubts may be nearly of one class, where alpha and kappa fall although nobody is worse.
            measure="gwet_ac1",
        ),
        seed=7,
        subjects={"shop": "customer_id"},
        on_erasure="rebuild",
    ),
)
