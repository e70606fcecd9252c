"""Tables of a version that have no leak, and the same with one: what `leakage` draws its figures from."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from sklearn.datasets import load_digits

from include.specs import Dataset, Leakage
from include.warehouse import bulk

Columns = dict[str, Any]
Random = np.random.Generator

SPLITS = ("train", "validation", "test")
CONSONANTS, VOWELS = "bcdfghklmnprstvw", "aeiou"
WORDS = ["".join(CONSONANTS[n // 16 % 16] + VOWELS[n % 5] for n in (w, w * 7, w * 13)) for w in range(2000)]
PHRASES = [" ".join(WORDS[n * 40 + k] for k in range(7)) for n in range(30)]
_DIGITS = load_digits()
DIGITS = _DIGITS.images[np.isin(_DIGITS.target, (1, 3, 8))]


@dataclass(frozen=True)
class Case:
    """Clean tables of so many rows, and what makes a leak of two rows, of train and of another split."""

    dataset: Dataset
    rows: int
    draw: Callable[[Random, int], Columns]
    plant: Callable[[Columns, int, int], None] | None


def dataset(**declared: Any) -> Dataset:
    return Dataset(name="bench", sources=("bench",), key="id", label="label", **declared)


def real(rng: Random, rows: int) -> Columns:
    """Six correlated numbers and a category."""
    numbers = rng.normal(size=(rows, 6)) @ (np.eye(6) + 0.5)
    return dict(zip("abcdef", numbers.T, strict=True)) | {"kind": rng.choice(["x", "y", "z"], rows)}


def coarse(rng: Random, rows: int) -> Columns:
    """Few values: rows are equal by chance all the time."""
    kinds = {name: rng.choice(["p", "q", "r"], rows) for name in ("kind", "other")}
    return {"a": rng.integers(0, 6, rows).astype(float), "b": rng.integers(0, 9, rows).astype(float)} | kinds


def prices(rng: Random, rows: int) -> Columns:
    """Amounts in cents with what follows from them, hours and ages."""
    amount, number = np.round(np.exp(rng.normal(3, 1, rows)), 2), rng.integers(1, 4, rows).astype(float)
    hour, age = rng.integers(0, 24, rows).astype(float), rng.integers(0, 900, rows).astype(float)
    total = np.round(amount * number, 2)
    return {"a": amount, "b": number, "c": total, "d": hour, "e": age, "kind": rng.choice(["x", "y"], rows)}


def essays(rng: Random, rows: int) -> Columns:
    shares = 1 / np.arange(1, len(WORDS) + 1)
    texts = [" ".join(rng.choice(WORDS, rng.integers(40, 120), p=shares / shares.sum())) for _ in range(rows)]
    return {"body": np.array(texts, dtype=object)}


def phrases(rng: Random, rows: int) -> Columns:
    """One to three phrases of thirty."""
    texts = [". ".join(rng.choice(PHRASES, rng.integers(1, 4), replace=False)) for _ in range(rows)]
    return {"body": np.array(texts, dtype=object)}


def scenes(rng: Random, rows: int) -> Columns:
    pictures = []
    for _ in range(rows):
        coarse_field = rng.normal(size=(9, 9, 3)).astype(np.float32)
        large = 128 + 45 * cv2.resize(coarse_field, (64, 64), interpolation=cv2.INTER_CUBIC)
        pictures.append(np.clip(large, 0, 255).astype(np.uint8))
    return {"image": pictures}


def digits(rng: Random, rows: int) -> Columns:
    """Hand-written digits of three kinds, of which many look alike."""
    chosen = DIGITS[rng.permutation(len(DIGITS))[:rows]]
    return {"image": [cv2.resize(one * 15.9, (32, 32), interpolation=cv2.INTER_CUBIC) for one in chosen]}


def shop(rng: Random, rows: int) -> Columns:
    days = np.sort(rng.integers(0, 600, rows))
    at = np.datetime64("2025-01-01") + days.astype("timedelta64[D]")
    return {
        "at": np.array([str(day) for day in at], dtype=object),
        "card": np.array([f"card {n}" for n in range(rows)]),
    }


def copied(columns: Columns, here: int, there: int) -> None:
    for values in columns.values():
        values[there] = values[here]


def nearly(columns: Columns, here: int, there: int) -> None:
    copied(columns, here, there)
    for name in "abcdef":
        columns[name][there] += 3e-5


def reworded(columns: Columns, here: int, there: int) -> None:
    words = columns["body"][here].split()
    columns["body"][there] = " ".join([*words[:9], "zebra", *words[10:]]).upper()


def stored_as(change: Callable[[np.ndarray], bytes]) -> Callable[[Columns, int, int], None]:
    """The picture comes back as other bytes."""

    def plant(columns: Columns, here: int, there: int) -> None:
        columns["image"][there] = change(columns["image"][here])

    return plant


def set_to(name: str) -> Callable[[Columns, int, int], None]:
    def plant(columns: Columns, here: int, there: int) -> None:
        columns[name][there] = columns[name][here]

    return plant


def late(columns: Columns, here: int, there: int) -> None:
    columns["at"][here] = "2027-01-01"


def png(picture: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".png", np.clip(np.rint(picture), 0, 255).astype(np.uint8))[1])


def jpeg(picture: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, 80))[1])


NUMBERS = dataset(numeric=tuple("abcdef"), categorical=("kind",))
TEXTS = dataset(text=("body",))
IMAGES = dataset(image="image")
CASES = {
    "entity": Case(dataset(passthrough=("card",), leakage=Leakage(entities=("card",))), 400, shop, set_to("card")),
    "time": Case(dataset(time="at", leakage=Leakage(time_ordered=True)), 400, shop, late),
    "rows: equal": Case(NUMBERS, 500, real, copied),
    "rows: nearly equal": Case(NUMBERS, 500, real, nearly),
    "rows: few values": Case(dataset(numeric=("a", "b"), categorical=("kind", "other")), 500, coarse, None),
    "rows: prices": Case(dataset(numeric=tuple("abcde"), categorical=("kind",)), 500, prices, None),
    "text: equal": Case(TEXTS, 150, essays, copied),
    "text: reworded": Case(TEXTS, 150, essays, reworded),
    "text: phrases in use": Case(TEXTS, 150, phrases, None),
    "images: equal": Case(IMAGES, 60, scenes, stored_as(png)),
    "images: as JPEG": Case(IMAGES, 60, scenes, stored_as(jpeg)),
    "images: brighter": Case(IMAGES, 60, scenes, stored_as(lambda picture: png(picture * 0.8 + 20))),
    "images: digits": Case(IMAGES, 60, digits, None),
}


def parted(rng: Random, rows: int, *, by_time: bool) -> np.ndarray:
    """Splits of 70, 15 and 15 in a hundred: at random, or in the rows' order."""
    if by_time:
        return np.repeat(SPLITS, [rows - 2 * (rows * 15 // 100)] + 2 * [rows * 15 // 100])
    return rng.choice(SPLITS, rows, p=(0.7, 0.15, 0.15))


def store(connection: Connection, columns: Columns, split: np.ndarray, folder: Path) -> None:
    """Make `staging.version` of the columns; pictures become files in `folder`."""
    columns = dict(columns)
    if "image" in columns:
        for place, picture in enumerate(columns["image"]):
            (folder / f"{place}.img").write_bytes(picture if isinstance(picture, bytes) else png(picture))
        columns["image"] = [f"{place}.img" for place in range(len(split))]
    types = {name: "float8" if np.asarray(v).dtype.kind == "f" else "text" for name, v in columns.items()}
    ids = [f"r{place:07d}" for place in range(len(split))]
    # Tables that are made and dropped stay locked until then.
    connection.commit()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS staging.version")
        cursor.execute(
            sql.SQL(
                "CREATE TABLE staging.version (_id text, id text, _split text, _origin text DEFAULT 'real', {})"
            ).format(
                sql.SQL(", ").join(
                    sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in types.items()
                )
            )
        )
    rows = {"_id": ids, "id": ids, "_split": list(split)} | {n: pa.array(list(v)) for n, v in columns.items()}
    bulk.write(connection, sql.Identifier("staging", "version"), pa.table(rows))
