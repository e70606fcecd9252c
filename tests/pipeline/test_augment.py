"""From a gated table to a version's rows, in a real database: balanced, augmented by shards, or as they are."""

import cv2
import numpy as np
import pytest

from include.core.errors import FatalError
from include.core.refs import Candidate, Gated, GateDecision
from include.core.seeds import seed_of
from include.pipeline.augment import augment_shard, balance, gather, plan_images, unchanged
from include.specs import Augment, Balance, Dataset
from include.warehouse.connection import transaction

FRAUD = Dataset(
    name="fraud", sources=("shop",), key="id", group="customer", time="paid_at", numeric=("amount", "hour"),
    passthrough=("reference",), label="is_fraud", balance=Balance(method="smote", neighbours=2), seed=7,
)  # fmt: skip
PAYMENTS = """
CREATE TABLE staging.fraud_gated AS
SELECT n AS id, 'c' || n % 9 AS customer, '2026-01-01Z'::timestamptz + n * interval '1 hour' AS paid_at,
    round((n * 37 % 101)::numeric / 7, 2)::numeric(10, 2) AS amount, n * 5 % 24 AS hour, 'ref ' || n AS reference,
    n % 8 = 0 AS is_fraud, n::text AS _id, CASE n % 10 WHEN 3 THEN 'test' ELSE 'train' END AS _split
FROM generate_series(1, 120) n
"""
DIGITS = Dataset(
    name="digits", sources=("site",), key="photo", group="product", image="image", passthrough=("width",),
    label="label", augment=Augment(recipe="digits", ratio=0.75, shards=2), seed=7,
)  # fmt: skip


def gated(dataset, rows, run="manual__2026-01-01", table=None):
    candidate = Candidate(dataset=dataset.name, run=run, table="x", batches={}, rows=rows, sql_hash="x")
    return Gated(
        candidate=candidate, table=table or f"{dataset.name}_gated", passed=rows, quarantined=0, reasons={},
        decision=GateDecision(decision="publish"), suite_hash="x", report="x",
    )  # fmt: skip


def execute(url, query, *parameters):
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute(query, parameters or None)
        return cursor.fetchall() if cursor.description else None


def content(url, table):
    return execute(url, f'SELECT v::text FROM staging."{table}" v ORDER BY 1')


@pytest.fixture
def payments(warehouse_url):
    execute(warehouse_url, PAYMENTS)
    return warehouse_url


def declared(method, **changes):
    return FRAUD.model_copy(update={"balance": Balance(**({"method": method, "neighbours": 2} | changes))})


def test_made_rows_join_the_real_ones_with_all_that_is_known_of_them(payments):
    made = balance(payments, FRAUD, gated(FRAUD, 120))
    assert (made.method, made.made, made.removed) == ("smote", 78, 0)
    counted = f'SELECT is_fraud, _split, _origin, count(*) FROM staging."{made.table}" GROUP BY 1, 2, 3'
    assert execute(payments, f"{counted} ORDER BY 1, 2, 3") == [
        (False, "test", "real", 12), (False, "train", "real", 93),
        (True, "train", "real", 15), (True, "train", "smote", 78),
    ]  # fmt: skip
    row = execute(
        payments,
        "SELECT id, customer, paid_at, reference, is_fraud, _split, _method, _params - 'weight', _seed, _parents,"
        f" _id, pg_typeof(amount)::text FROM staging.\"{made.table}\" WHERE _id LIKE 'smote:1:%%'",
    )[0]
    assert row[:9] == (
        None, None, None, None, True, "train", "smote", {"ratio": 1.0, "neighbours": 2, "impute": None},
        seed_of("fraud", 7, "smote"),
    )  # fmt: skip
    assert row[10] == f"smote:1:{row[9][0]}:{row[9][1]}"


def test_stored_values_are_those_between_the_parents_rounded_to_the_columns_type(payments):
    made = balance(payments, FRAUD, gated(FRAUD, 120))
    wrong = execute(
        payments,
        f"""SELECT m._id FROM staging."{made.table}" m JOIN staging.fraud_gated a ON a._id = m._parents[1]
        JOIN staging.fraud_gated b ON b._id = m._parents[2],
            LATERAL (SELECT (m._params ->> 'weight')::float8 AS w) p
        WHERE abs(m.amount - (a.amount + w * (b.amount - a.amount))) > 0.0051
            OR abs(m.hour - (a.hour + w * (b.hour - a.hour))) > 0.5001""",
    )
    assert wrong == []


def test_real_rows_are_carried_over_as_they_are(payments):
    made = unchanged(payments, FRAUD, gated(FRAUD, 120))
    columns = "id, customer, paid_at, amount, hour, reference, is_fraud, _id, _split"
    assert execute(payments, f'SELECT {columns} FROM staging."{made.table}" EXCEPT SELECT {columns}'
                   " FROM staging.fraud_gated") == []  # fmt: skip
    assert execute(payments, f'SELECT DISTINCT _origin, _parents, _method, _seed FROM staging."{made.table}"') == [
        ("real", [], None, None)
    ]
    assert (made.method, made.made, made.removed) == ("none", 0, 0)


def test_a_retry_and_another_order_of_rows_make_the_same_rows(payments):
    first = content(payments, balance(payments, FRAUD, gated(FRAUD, 120)).table)
    execute(
        payments, "CREATE TABLE staging.shuffled AS SELECT * FROM staging.fraud_gated ORDER BY id * 7919 % 121"
    )
    again = balance(payments, FRAUD, gated(FRAUD, 120, table="shuffled"))
    assert content(payments, again.table) == first


def test_another_seed_makes_other_rows(payments):
    first = content(payments, balance(payments, FRAUD, gated(FRAUD, 120)).table)
    again = balance(payments, FRAUD.model_copy(update={"seed": 8}), gated(FRAUD, 120))
    assert content(payments, again.table) != first


def test_random_over_sampling_copies_features_and_group_but_not_the_key(payments):
    made = balance(payments, declared("random_over"), gated(FRAUD, 120))
    assert made.made == 78
    assert execute(
        payments,
        f"""SELECT count(*), count(m.id), count(m.reference), count(*) FILTER (WHERE cardinality(m._parents) = 1)
        FROM staging."{made.table}" m JOIN staging.fraud_gated p ON p._id = m._parents[1]
        WHERE (m.customer, m.amount, m.hour, m.is_fraud) = (p.customer, p.amount, p.hour, p.is_fraud)""",
    ) == [(78, 0, 0, 78)]


def test_random_under_sampling_leaves_out_train_rows_alone(payments):
    made = balance(payments, declared("random_under", ratio=0.5), gated(FRAUD, 120))
    assert (made.made, made.removed) == (0, 63)
    counted = f'SELECT is_fraud, _split, count(*) FROM staging."{made.table}" GROUP BY 1, 2 ORDER BY 1, 2'
    assert execute(payments, counted) == [(False, "test", 12), (False, "train", 30), (True, "train", 15)]


def test_categories_go_through_smotenc_as_text(payments):
    execute(
        payments,
        "ALTER TABLE staging.fraud_gated ADD abroad boolean; UPDATE staging.fraud_gated SET abroad = id % 3 = 0",
    )
    mixed = declared("smotenc").model_copy(update={"categorical": ("abroad",)})
    made = balance(payments, mixed, gated(FRAUD, 120))
    assert execute(
        payments, f"SELECT count(*), count(abroad) FROM staging.\"{made.table}\" WHERE _origin = 'smote'"
    ) == [(78, 78)]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("ALTER TABLE staging.fraud_gated DROP is_fraud", r"lacks is_fraud \(label\); it has id, .*Fix: select"),
        ("DROP TABLE staging.fraud_gated", "staging.fraud_gated does not exist.*Fix: trigger a new run"),
        ("UPDATE staging.fraud_gated SET is_fraud = NULL WHERE id < 3", "label is_fraud is missing in 2 of 108"),
        ("UPDATE staging.fraud_gated SET amount = NULL WHERE id < 4", "amount is missing in 2 of 108.*impute"),
        (
            "UPDATE staging.fraud_gated SET is_fraud = true",
            r"two classes or more in train; found 'true' \(108 rows\)",
        ),
        (
            "ALTER TABLE staging.fraud_gated ALTER hour TYPE text",
            "hour of dataset fraud has the type text.*Fix: declare it categorical",
        ),
    ],
)
def test_bad_input_is_refused_with_what_is_wrong_and_the_fix(payments, change, says):
    execute(payments, change)
    with pytest.raises(FatalError, match=says):
        balance(payments, FRAUD, gated(FRAUD, 120))


def png(number):
    picture = np.full((24, 24), 250, dtype=np.uint8)
    cv2.putText(picture, str(number), (5, 19), cv2.FONT_HERSHEY_SIMPLEX, 0.6 + number % 5 / 50, 0, 2)
    return cv2.imencode(".png", picture)[1].tobytes()


@pytest.fixture
def photos(warehouse_url, tmp_path):
    """Train: 16 ones, 7 threes, 5 eights; test: 4 threes."""
    (tmp_path / "images").mkdir()
    labels = ["1"] * 16 + ["3"] * 7 + ["8"] * 5 + ["3"] * 4
    execute(warehouse_url, "CREATE TABLE staging.digits_gated (photo text, product text, image text, width int,"
            " label text, _id text, _split text)")  # fmt: skip
    for n, label in enumerate(labels):
        path = f"images/{n:02}.png"
        (tmp_path / path).write_bytes(png(int(label)))
        execute(warehouse_url, "INSERT INTO staging.digits_gated VALUES (%s, %s, %s, 24, %s, %s, %s)",
                f"/p/{n}", f"product {n // 2}", path, label, f"/p/{n}", "train" if n < 28 else "test")  # fmt: skip
    return warehouse_url


def sharded(url, storage, shards, run="r"):
    dataset = DIGITS.model_copy(update={"augment": Augment(recipe="digits", ratio=0.75, shards=shards)})
    source = gated(DIGITS, 32, run)
    plan = plan_images(url, dataset, source)
    done = [augment_shard(url, dataset, source, shard, storage) for shard in plan]
    return plan, gather(url, dataset, source, done)


def test_smaller_classes_of_images_are_brought_to_the_ratio_by_copies_spread_evenly(photos, tmp_path):
    plan, made = sharded(photos, tmp_path, 2)
    assert sum(shard["copies"] for shard in plan) == made.made == 12
    assert execute(
        photos,
        f'SELECT label, _split, _origin, count(*) FROM staging."{made.table}" GROUP BY 1, 2, 3 ORDER BY 1, 2, 3',
    ) == [
        ("1", "train", "real", 16),
        ("3", "test", "real", 4),
        ("3", "train", "augment", 5),
        ("3", "train", "real", 7),
        ("8", "train", "augment", 7),
        ("8", "train", "real", 5),
    ]
    assert execute(
        photos, f"""SELECT _id FROM staging."{made.table}" WHERE label = '8' AND _origin = 'augment' ORDER BY 1"""
    ) == [
        ("digits:1:/p/23",), ("digits:1:/p/24",), ("digits:1:/p/25",), ("digits:1:/p/26",), ("digits:1:/p/27",),
        ("digits:2:/p/23",), ("digits:2:/p/24",),
    ]  # fmt: skip


def test_a_made_image_keeps_its_parents_label_and_group_and_says_how_it_was_made(photos, tmp_path):
    import albumentations

    _, made = sharded(photos, tmp_path, 2)
    assert execute(
        photos,
        "SELECT photo, product, width, label, _parents, _method, _params, _seed"
        f""" FROM staging."{made.table}" WHERE _id = 'digits:2:/p/24'""",
    ) == [(
        None, "product 12", None, "8", ["/p/24"], "digits",
        {"recipe": "digits", "params": {}, "copy": 2, "opencv": cv2.__version__,
         "albumentations": albumentations.__version__},
        seed_of("digits", 7, "/p/24", 2),
    )]  # fmt: skip


def test_the_result_is_the_same_whatever_the_number_of_shards(photos, tmp_path):
    results = [
        content(photos, sharded(photos, tmp_path, shards, f"run {shards}")[1].table) for shards in (1, 2, 5)
    ]
    assert results[0] == results[1] == results[2]


def test_made_images_lie_under_their_contents_hash_and_differ_from_their_parents(photos, tmp_path):
    import hashlib

    _, made = sharded(photos, tmp_path, 1)
    paths = [
        path
        for (path,) in execute(photos, f"SELECT image FROM staging.\"{made.table}\" WHERE _origin = 'augment'")
    ]
    for path in paths:
        data = (tmp_path / path).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        assert path == f"images/{digest[:2]}/{digest}.png"
        assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED).shape == (24, 24)
        assert data not in (png(3), png(8))
    assert len(set(paths)) == 12


def test_a_file_that_a_killed_run_left_half_written_is_written_again(photos, tmp_path):
    _, made = sharded(photos, tmp_path, 1)
    (path,) = execute(photos, f"SELECT image FROM staging.\"{made.table}\" WHERE _origin = 'augment' LIMIT 1")[0]
    whole = (tmp_path / path).read_bytes()
    (tmp_path / path).write_bytes(whole[:50])
    sharded(photos, tmp_path, 1)
    assert (tmp_path / path).read_bytes() == whole


def test_a_shard_without_work_is_still_a_shard(photos, tmp_path):
    execute(
        photos,
        "UPDATE staging.digits_gated SET label = (n % 2)::text FROM (SELECT _id AS i, row_number() OVER () AS n"
        " FROM staging.digits_gated WHERE _split = 'train') numbered WHERE i = _id",
    )
    plan, made = sharded(photos, tmp_path, 3)
    assert [shard["copies"] for shard in plan] == [0, 0, 0]
    assert made.made == 0


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (
            lambda file: file.write_bytes(file.read_bytes()[:60]),
            r"images/24.png of row '/p/24' cannot be read: 60 bytes",
        ),
        (lambda file: file.write_bytes(b""), r"images/24.png of row '/p/24' cannot be read: 0 bytes"),
        (
            lambda file: file.write_text("<html>no picture here</html>"),
            "truncated or not an image.* Fix: collect it",
        ),
        (lambda file: file.unlink(), r"images/24.png of row '/p/24' is not in the object storage"),
    ],
)
def test_a_broken_image_is_refused_by_row_and_path(photos, tmp_path, spoil, says):
    spoil(tmp_path / "images/24.png")
    with pytest.raises(FatalError, match=says):
        sharded(photos, tmp_path, 1)


@pytest.mark.parametrize("path", ["../secret.png", "/etc/passwd", "images/../../x.png", "file:///etc/passwd", ""])
def test_a_path_that_leaves_the_storage_is_refused(photos, tmp_path, path):
    execute(photos, "UPDATE staging.digits_gated SET image = %s WHERE _id = '/p/24'", path)
    with pytest.raises(FatalError, match="of row '/p/24' leaves the object storage"):
        sharded(photos, tmp_path, 1)


def test_images_of_one_class_and_missing_paths_are_refused(photos, tmp_path):
    execute(photos, "UPDATE staging.digits_gated SET image = NULL WHERE _id = '/p/3'")
    with pytest.raises(FatalError, match="column image is missing in 1 train rows"):
        sharded(photos, tmp_path, 1)
    execute(photos, "UPDATE staging.digits_gated SET image = 'x', label = '1'")
    with pytest.raises(FatalError, match=r"two classes or more in train; found '1' \(28 rows\)"):
        sharded(photos, tmp_path, 1)


def test_unknown_parameters_of_a_recipe_are_refused(photos, tmp_path):
    odd = DIGITS.model_copy(update={"augment": Augment(recipe="digits", params={"flip": True})})
    with pytest.raises(FatalError, match=r"'digits' does not take the parameters \{'flip': True\}"):
        augment_shard(photos, odd, gated(DIGITS, 32), {"shard": 0, "of": 1}, tmp_path)
