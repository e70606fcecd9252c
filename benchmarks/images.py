"""An image recipe in shards from storage to storage, against bare Albumentations in as many processes.

The peer writes no files. So the ratio is that of files which are not packed (`Augment(pack=False)`); what packing
costs, as a declaration has it that says nothing, is told beside it.
"""

import os
import shutil
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._databases import Databases, databases, scaled
from benchmarks.harness import report
from include.augment.neighbours import cores
from include.core.refs import Candidate, Gated, GateDecision
from include.pipeline.augment import augment_shard, plan_images
from include.specs import Augment, Dataset
from include.warehouse.connection import transaction

QUESTION = (
    "images a second that the recipe `digits` makes: 20,000 of 256 × 256, in colour, on all cores, pack=False"
)
GOAL = 0.8
ROUNDS = 3
MADE, SIDE = scaled(20_000), 256
SHARDS = cores()


def run() -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="sluice-bench-"))
    pool = ProcessPoolExecutor(SHARDS, mp_context=get_context("spawn"))
    try:
        with databases() as places:
            places.make_warehouse()
            _fill(places, folder)
            rounds = [_round(places, folder, pool) for _ in range(ROUNDS + 1)][1:]
    finally:
        pool.shutdown()
        shutil.rmtree(folder)
    packed, unpacked, bare = map(list, zip(*rounds, strict=True))
    ratio = statistics.median(ours / theirs for ours, theirs in zip(packed, bare, strict=True))
    return report(
        "images", QUESTION, unpacked, bare, goal=GOAL, peer="bare Albumentations", unit="images/s", at_least=True,
        figures={
            "packed, the default, images/s": statistics.median(packed),
            "packed, the default, ratio": ratio,
            "packed, the default, goal": "holds" if ratio >= GOAL else "missed",
        },
    )  # fmt: skip


def _round(places: Databases, folder: Path, pool: ProcessPoolExecutor) -> tuple[float, float, float]:
    """Images a second as Sluice packs them, as it does not, and of the peer."""
    return _ours(places, folder, pool, pack=True), _ours(places, folder, pool, pack=False), _bare(pool)


def _dataset(pack: bool) -> Dataset:
    augment = Augment(recipe="digits", ratio=1.0, shards=SHARDS, pack=pack)
    return Dataset(name="bench", sources=("site",), key="id", image="image", label="label", augment=augment)


def _picture(number: int) -> np.ndarray:
    """A smooth colour picture with some grain, as photographs are."""
    import cv2

    draw = np.random.default_rng(number)
    coarse = draw.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    grain = draw.integers(0, 6, (SIDE, SIDE, 3), dtype=np.uint8)
    return cv2.add(cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), grain)


def _fill(places: Databases, folder: Path) -> None:
    """Half as many pictures of one class as are to be made, and three times as many of the other."""
    import cv2

    (folder / "pictures").mkdir()
    few = MADE // 2
    for number in range(few):
        cv2.imwrite(str(folder / f"pictures/{number}.png"), _picture(number))
    with transaction(places.warehouse) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE staging.passed AS SELECT n AS id, 'pictures/' || n || '.png' AS image,"
            " CASE WHEN n < %s THEN 'few' ELSE 'many' END AS label, n::text AS _id, 'train' AS _split"
            " FROM generate_series(0, %s - 1) AS n",
            (few, 4 * few),
        )


def _gated() -> Gated:
    candidate = Candidate(dataset="bench", run="r", table="built", batches={}, rows=2 * MADE, sql_hash="x")
    return Gated(candidate=candidate, table="passed", passed=2 * MADE, quarantined=0, reasons={},
                 decision=GateDecision(decision="publish"), suite_hash="x", report="x")  # fmt: skip


def _ours(places: Databases, folder: Path, pool: ProcessPoolExecutor, *, pack: bool) -> float:
    # A storage of its own: what an earlier round made would not be written again.
    storage, dataset = Path(tempfile.mkdtemp(dir=folder)), _dataset(pack)
    (storage / "pictures").symlink_to(folder / "pictures")
    begun = time.perf_counter()
    plan = plan_images(places.warehouse, dataset, _gated())
    shards = [pool.submit(augment_shard, places.warehouse, dataset, _gated(), shard, storage) for shard in plan]
    made = sum(shard.result()["made"] for shard in shards)
    speed = made / (time.perf_counter() - begun)
    # Emptied, so that no time is spent on bringing them to the disk. Not deleted: without a journal, ext4 looks
    # through all inodes freed in the last minutes when a file is created, for up to 0.6 ms instead of 0.015.
    for file in storage.glob("images/*/*"):
        os.truncate(file, 0)
    return speed


def _bare(pool: ProcessPoolExecutor) -> float:
    begun = time.perf_counter()
    list(pool.map(_transform, [MADE // SHARDS] * SHARDS))
    return MADE // SHARDS * SHARDS / (time.perf_counter() - begun)


def _transform(count: int) -> None:
    """The recipe as Albumentations alone does it, with one thread, as whoever fills all cores would run it."""
    import cv2

    # First: it keeps Albumentations from asking for newer releases.
    from include.augment import recipes  # isort: skip
    import albumentations as A

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    recipe = A.Compose(
        [
            A.Affine(
                rotate=(-12, 12), translate_percent=(-0.06, 0.06), scale=(0.9, 1.1),
                border_mode=recipes.BORDER_REPLICATE, p=1.0,
            ),
            A.OneOf(
                [
                    A.ElasticTransform(alpha=8, sigma=4, border_mode=recipes.BORDER_REPLICATE),
                    A.GaussianBlur(blur_limit=(3, 3)),
                    A.GaussNoise(std_range=(0.02, 0.06)),
                ],
                p=0.7,
            ),
            A.RandomBrightnessContrast(brightness_limit=0.15, contrast_limit=0.15, p=0.8),
        ],
        seed=0,
    )  # fmt: skip
    pictures = [_picture(number) for number in range(16)]
    for number in range(count):
        recipe(image=pictures[number % 16])
    cv2.setNumThreads(threads)
