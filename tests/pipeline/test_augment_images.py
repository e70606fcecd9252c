"""A version's images: copies made by shards bring the smaller classes to the ratio."""

import hashlib

import cv2
import numpy as np
import pytest

from include.core.errors import FatalError
from include.core.seeds import seed_of
from include.pipeline.augment import augment_shard, gather, plan_images
from include.specs import Augment, Dataset

DIGITS = Dataset(
    name="digits", sources=("site",), key="photo", group="product", image="image", passthrough=("width",),
    label="label", augment=Augment(recipe="digits", ratio=0.75, shards=2), seed=7,
)  # fmt: skip


def png(number):
    picture = np.full((24, 24), 250, dtype=np.uint8)
    cv2.putText(picture, str(number), (5, 19), cv2.FONT_HERSHEY_SIMPLEX, 0.6 + number % 5 / 50, 0, 2)
    return cv2.imencode(".png", picture)[1].tobytes()


def pixels(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


@pytest.fixture
def photos(warehouse, tmp_path):
    """Train: 16 ones, 7 threes, 5 eights; test: 4 threes."""
    (tmp_path / "images").mkdir()
    labels = ["1"] * 16 + ["3"] * 7 + ["8"] * 5 + ["3"] * 4
    warehouse.execute("CREATE TABLE staging.digits_gated (photo text, product text, image text, width int,"
                      " label text, _id text, _split text)")  # fmt: skip
    for n, label in enumerate(labels):
        path = f"images/{n:02}.png"
        (tmp_path / path).write_bytes(png(int(label)))
        row = (f"/p/{n}", f"product {n // 2}", path, label, f"/p/{n}", "train" if n < 28 else "test")
        warehouse.execute("INSERT INTO staging.digits_gated VALUES (%s, %s, %s, 24, %s, %s, %s)", *row)
    return warehouse


@pytest.fixture
def sharded(photos, tmp_path, gated):
    """Makes the copies in so many shards; returns the plan and the result."""

    def make(shards, run="r", pack=True):
        augment = Augment(recipe="digits", ratio=0.75, shards=shards, pack=pack)
        dataset = DIGITS.model_copy(update={"augment": augment})
        source = gated(DIGITS, 32, run)
        plan = plan_images(photos.url, dataset, source)
        done = [augment_shard(photos.url, dataset, source, shard, tmp_path) for shard in plan]
        return plan, gather(photos.url, dataset, source, done)

    return make


def test_smaller_classes_of_images_are_brought_to_the_ratio_by_copies_spread_evenly(photos, sharded):
    plan, made = sharded(2)
    assert sum(shard["copies"] for shard in plan) == made.made == 12
    assert photos.execute(
        f'SELECT label, _split, _origin, count(*) FROM staging."{made.table}" GROUP BY 1, 2, 3 ORDER BY 1, 2, 3',
    ) == [
        ("1", "train", "real", 16),
        ("3", "test", "real", 4),
        ("3", "train", "augment", 5),
        ("3", "train", "real", 7),
        ("8", "train", "augment", 7),
        ("8", "train", "real", 5),
    ]
    assert photos.execute(
        f"""SELECT _id FROM staging."{made.table}" WHERE label = '8' AND _origin = 'augment' ORDER BY 1"""
    ) == [
        ("digits:1:/p/23",), ("digits:1:/p/24",), ("digits:1:/p/25",), ("digits:1:/p/26",), ("digits:1:/p/27",),
        ("digits:2:/p/23",), ("digits:2:/p/24",),
    ]  # fmt: skip


def test_a_made_image_keeps_its_parents_label_and_group_and_says_how_it_was_made(photos, sharded):
    import albumentations

    _, made = sharded(2)
    assert photos.execute(
        "SELECT photo, product, width, label, _parents, _method, _params, _seed"
        f""" FROM staging."{made.table}" WHERE _id = 'digits:2:/p/24'""",
    ) == [(
        None, "product 12", None, "8", ["/p/24"], "digits",
        {"recipe": "digits", "params": {}, "copy": 2, "opencv": cv2.__version__,
         "albumentations": albumentations.__version__},
        seed_of("digits", 7, "/p/24", 2),
    )]  # fmt: skip


def test_the_result_is_the_same_whatever_the_number_of_shards(photos, sharded):
    results = [photos.content(sharded(shards, f"run {shards}")[1].table) for shards in (1, 2, 5)]
    assert results[0] == results[1] == results[2]


def test_made_images_lie_under_their_contents_hash_and_differ_from_their_parents(photos, tmp_path, sharded):
    _, made = sharded(1)
    paths = [
        path for (path,) in photos.execute(f"SELECT image FROM staging.\"{made.table}\" WHERE _origin = 'augment'")
    ]
    for path in paths:
        data = (tmp_path / path).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        assert path == f"images/{digest[:2]}/{digest}.png"
        assert pixels(data).shape == (24, 24)
        assert data not in (png(3), png(8))
    assert len(set(paths)) == 12


def test_made_images_that_are_not_packed_are_as_the_others_and_recorded(photos, tmp_path, sharded):
    def content(name):
        return dict(photos.execute(f"SELECT _id, {name} FROM staging.\"{made.table}\" WHERE _origin = 'augment'"))

    _, made = sharded(2)
    packed = content("image")
    _, made = sharded(2, "other", pack=False)
    assert content("_params -> 'pack'") == dict.fromkeys(packed, False)
    for row, path in content("image").items():
        data = (tmp_path / path).read_bytes()
        assert len(data) > 24 * 24
        np.testing.assert_array_equal(pixels(data), pixels((tmp_path / packed[row]).read_bytes()))


def test_a_file_that_a_killed_run_left_half_written_is_written_again(photos, tmp_path, sharded):
    _, made = sharded(1)
    (path,) = photos.execute(f"SELECT image FROM staging.\"{made.table}\" WHERE _origin = 'augment' LIMIT 1")[0]
    whole = (tmp_path / path).read_bytes()
    (tmp_path / path).write_bytes(whole[:50])
    sharded(1)
    assert (tmp_path / path).read_bytes() == whole


def test_a_shard_without_work_is_still_a_shard(photos, sharded):
    photos.execute(
        "UPDATE staging.digits_gated SET label = (n % 2)::text FROM (SELECT _id AS i, row_number() OVER () AS n"
        " FROM staging.digits_gated WHERE _split = 'train') numbered WHERE i = _id",
    )
    plan, made = sharded(3)
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
def test_a_broken_image_is_refused_by_row_and_path(tmp_path, sharded, spoil, says):
    spoil(tmp_path / "images/24.png")
    with pytest.raises(FatalError, match=says):
        sharded(1)


@pytest.mark.parametrize("path", ["../secret.png", "/etc/passwd", "images/../../x.png", "file:///etc/passwd", ""])
def test_a_path_that_leaves_the_storage_is_refused(photos, sharded, path):
    photos.execute("UPDATE staging.digits_gated SET image = %s WHERE _id = '/p/24'", path)
    with pytest.raises(FatalError, match="of row '/p/24' leaves the object storage"):
        sharded(1)


def test_images_of_one_class_and_missing_paths_are_refused(photos, sharded):
    photos.execute("UPDATE staging.digits_gated SET image = NULL WHERE _id = '/p/3'")
    with pytest.raises(FatalError, match="column image is missing in 1 train rows"):
        sharded(1)
    photos.execute("UPDATE staging.digits_gated SET image = 'x', label = '1'")
    with pytest.raises(FatalError, match=r"two classes or more in train; found '1' \(28 rows\)"):
        sharded(1)


def test_unknown_parameters_of_a_recipe_are_refused(photos, tmp_path, gated):
    odd = DIGITS.model_copy(update={"augment": Augment(recipe="digits", params={"flip": True})})
    with pytest.raises(FatalError, match=r"'digits' does not take the parameters \{'flip': True\}"):
        augment_shard(photos.url, odd, gated(DIGITS, 32), {"shard": 0, "of": 1}, tmp_path)
