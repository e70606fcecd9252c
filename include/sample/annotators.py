"""Simulated annotators of known skill, who fill in the sheets that a round of labelling hands out."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np  # noqa: TID253

from include.core.seeds import seed_of
from include.sample.reviews import NEGATIVE, POSITIVE
from include.sample.shop import shop_transaction

# The dataset that they know, the sheet that they are given, and what theirs is called until it is whole.
DATASET: Final = "reviews"
HANDED_OUT, PARTIAL = "items.csv", ".partial"
OTHER = {NEGATIVE: POSITIVE, POSITIVE: NEGATIVE}


@dataclass(frozen=True, slots=True)
class Annotator:
    """`skill` is the share of items of which they say what is true."""

    name: str
    skill: float

    def says(self, seed: int, item: str, truth: str) -> str:
        """Their answer to an item, the same whenever they are asked."""
        luck = np.random.default_rng(seed_of("sample annotators", seed, self.name, item)).random()
        return truth if luck < self.skill else OTHER[truth]


ANNOTATORS = (Annotator("ada", 0.95), Annotator("bruno", 0.9), Annotator("chris", 0.85))


def truth(shop_url: str) -> dict[str, str]:
    """What each review's author meant, by the review's key. No stage of the line can see it."""
    with shop_transaction(shop_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT review_id::text, sentiment FROM simulation.opinions")
        return dict(cursor.fetchall())


def answer(folder: Path, meant: Mapping[str, str], seed: int) -> int:
    """Let each annotator fill in the sheet in `folder`, in a file of their own; returns the number of answers.

    A file appears whole, for somebody may read the folder all along. Answering again writes the same.
    """
    with (folder / HANDED_OUT).open(newline="", encoding="utf-8") as sheet:
        items = [row["key"] for row in csv.DictReader(sheet)]
    for annotator in ANNOTATORS:
        partial = folder / f"{annotator.name}{PARTIAL}"
        with partial.open("w", newline="", encoding="utf-8") as filled:
            out = csv.writer(filled)
            out.writerow(["key", "label"])
            out.writerows([item, annotator.says(seed, item, meant[item])] for item in items)
        partial.replace(folder / f"{annotator.name}.csv")
    return len(items) * len(ANNOTATORS)


def answered(folder: Path) -> bool:
    """Whether all of them have filled in the sheet in `folder`."""
    return all((folder / f"{annotator.name}.csv").exists() for annotator in ANNOTATORS)
