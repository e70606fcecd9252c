"""One label a row from all that annotators answered so far, weighed by what is known of them and of the rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.settle)
from psycopg2.extensions import connection as Connection

from include.core.annotations import Annotation
from include.core.errors import FatalError
from include.core.seeds import seed_of
from include.label.annotators import GoldScore, below, on_gold, skill
from include.label.consolidate import NOTHING, Besides, consolidate
from include.label.out_of_sample import out_of_sample
from include.label.votes import Votes
from include.pipeline.pool import Rows
from include.specs import Dataset, Labelling
from include.warehouse.labels import Label, known_labels


@dataclass(frozen=True, slots=True)
class Outcome:
    """The labels that follow, rows that lose theirs, each annotator's score on gold items, and warnings."""

    labels: tuple[Label, ...] = ()
    gone: tuple[str, ...] = ()
    skill: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def votes_of(answers: Sequence[Annotation]) -> list[tuple[str, str, str]]:
    """(item, annotator, class) of each answer that is one class."""
    return [(a.item, a.annotator, label) for a in answers if not a.skipped and (label := a.choice()) is not None]


def as_skill(scores: Sequence[GoldScore]) -> dict[str, Any]:
    """The scores on gold items as a result's `skill`: by annotator, of those who answered one."""
    return {
        s.annotator: {
            "right": s.right,
            "answered": s.answered,
            "accuracy": s.accuracy,
            "low": s.low,
            "high": s.high,
        }
        for s in scores
        if s.answered
    }


def labels_of(
    connection: Connection,
    dataset: Dataset,
    answers: Sequence[Annotation],
    *,
    declared: Labelling,
    gold: Mapping[str, str],
    run: str,
    rows: Rows | None,
) -> Outcome:
    """Consolidate by the declared method; `gold` (item to class) are rows whose label was known.

    `rows` are those of the newest curation, of which CROWDLAB's model learns. Gold items get no label from here.
    Who is surely below `min_skill` on them has no say. Raises FatalError where the method lacks what it needs.
    """
    said = votes_of(answers)
    scores = on_gold(Votes.of(said, declared.classes), gold)
    poor = below(scores, declared.min_skill) if declared.min_skill is not None else ()
    said = [vote for vote in said if vote[1] not in poor]
    told = as_skill(scores)
    warnings = tuple(f"{who} is below {declared.min_skill} on gold items and has no say" for who in poor)
    if not said:
        return Outcome(skill=told, warnings=warnings)
    votes = Votes.of(said, declared.classes)
    besides = NOTHING
    if declared.consolidate == "gold":
        besides = Besides(skill=skill(on_gold(votes, gold)))
    elif declared.consolidate == "crowdlab":
        votes, besides = _with_model(dataset, declared, said, rows)
    found = consolidate(votes, declared.consolidate, besides)
    counted = votes.table().sum(axis=1)
    labels = [
        Label(
            key=key, label=str(label), confidence=round(float(sure), 12), origin="person", answers=int(number),
            probabilities={
                name: round(float(p), 12) for name, p in zip(found.classes, probabilities, strict=True)
            },
            round=run,
        )
        for key, label, sure, number, probabilities in zip(
            found.items, found.labels, found.confidence, counted, found.probabilities, strict=True
        )
        if key not in gold
    ]  # fmt: skip
    sure = tuple(label for label in labels if label.confidence >= declared.min_confidence)
    unsure = {label.key for label in labels} - {label.key for label in sure}
    gone = tuple(sorted(unsure & known_labels(connection, dataset.name).keys()))
    return Outcome(sure, gone, told, warnings)


def _with_model(
    dataset: Dataset, declared: Labelling, said: Sequence[tuple[str, str, str]], rows: Rows | None
) -> tuple[Votes, Besides]:
    """The votes on rows that are there still, and a model's word on each of them from the others."""
    if rows is None:
        raise FatalError(
            f"crowdlab learns from the rows of {dataset.name}, and none of them lies in staging.",
            fix=f"run curate_{dataset.name}, and settle the round again.",
        )
    seed = seed_of(dataset.name, declared.seed, "crowdlab")
    features, places = rows.features, {key: n for n, key in enumerate(rows.keys)}
    votes = Votes.of([vote for vote in said if vote[0] in places], declared.classes)
    of_items = features[np.array([places[item] for item in votes.items], dtype=np.int64)]
    return votes, Besides(probabilities=out_of_sample(votes, of_items, seed=seed))
