"""Which rows a round asks about, and whether there is one: of what the warehouse holds at one moment."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg2.extensions import connection as Connection

from include.core.seeds import seed_of
from include.label.annotators import with_gold
from include.label.learn import Ended, ended
from include.pipeline.choose import choose, doubted
from include.pipeline.label import labelling_of
from include.pipeline.pool import Rows, read
from include.pipeline.prelabel import Said, said_of, true_in_sql
from include.pipeline.score import validation_rows
from include.specs import Dataset
from include.warehouse import label_rounds
from include.warehouse.labels import known_labels
from include.warehouse.staging import queue_name


@dataclass(frozen=True, slots=True)
class Seen:
    """What the warehouse held at one moment: the rows, `given` labels from here (`by_people` those of people), the
    keys of validation rows, where rules in SQL are `true`, how many rows were `asked` about, the rounds' scores.
    """

    pulse: tuple[int, int, int]
    rows: Rows
    given: dict[str, str]
    by_people: dict[str, str]
    validation: tuple[str, ...]
    true: dict[str, Any]
    asked: int
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """The keys of a round, and what is put on record besides; or why there is none."""

    keys: tuple[str, ...] = ()
    told: dict[str, Any] = field(default_factory=dict)
    ended: Ended | None = None

    @property
    def prelabelled(self) -> int:
        """Of how many rows a model or rules were sure."""
        return len(self.told.get("labelled", {}))


def see(connection: Connection, dataset: Dataset, storage: Any) -> Seen:
    """Under the caller's turn to label, so that all of it is of one moment."""
    declared = labelling_of(dataset)
    given = known_labels(connection, dataset.name)
    rows = read(connection, dataset, declared, storage).knowing(given, declared.classes)
    validation = validation_rows(dataset, declared, rows)
    results = label_rounds.results(connection, dataset.name)
    return Seen(
        pulse=pulse(connection, dataset), rows=rows, given=given,
        by_people=known_labels(connection, dataset.name, origin="person"), validation=validation,
        true=true_in_sql(connection, dataset, declared, rows.without(set(validation))),
        asked=label_rounds.asked_in_all(connection, dataset.name),
        scores=tuple(one.score for one in results if one.score is not None),
    )  # fmt: skip


def draw(dataset: Dataset, seen: Seen) -> Drawn:
    """The next round's rows. Up to half of them are validation rows; of the others those that check what a model
    is sure of come first, then doubted labels, then what the strategy wants most."""
    declared = labelling_of(dataset)
    unchecked = [key for key in seen.validation if key not in seen.by_people]
    free = len(set(seen.rows.waiting).union(unchecked))
    bounds = declared.model_dump(include={"budget", "target", "patience", "gain"})
    if why := ended(seen.scores, given=seen.asked, left=free, **bounds):
        return Drawn(ended=why)
    left = declared.batch if declared.budget is None else declared.budget - seen.asked
    count = min(declared.batch, left, free)
    rows = seen.rows.without(set(seen.validation))
    checking = unchecked[: math.ceil(count / 2)]
    chosen, said = list[str](), Said()
    wanted = count - len(checking)
    if wanted and rows.waiting:
        said = said_of(dataset, declared, rows, seen.true)
        chosen = [one.key for one in said.parted.audited]
        chosen = [*chosen, *doubted(dataset, declared, rows, seen.given)][:wanted]
        others = rows.without({one.key for one in (*said.parted.labelled, *said.parted.audited)})
        if len(chosen) < wanted and others.waiting:
            chosen += choose(dataset, declared, others, wanted - len(chosen))
    # Where nothing else waits the whole round is of validation rows.
    checking = unchecked[: max(len(checking), count - len(chosen))]
    known = seen.rows.from_source
    keys = _with_gold(dataset, (*checking, *chosen), known)
    gold = {key: known[key] for key in keys if key in known}
    return Drawn(keys, _told(said, keys) | {"gold": gold, "validation": checking})


def _with_gold(dataset: Dataset, chosen: tuple[str, ...], known: Mapping[str, str]) -> tuple[str, ...]:
    """The rows with gold items among them, as many as are declared and there are."""
    declared = labelling_of(dataset)
    share = min(declared.gold, len(known) / (len(known) + len(chosen)))
    return with_gold(chosen, known, share, seed_of(dataset.name, declared.seed, "gold")) if share else chosen


def _told(said: Said, keys: Sequence[str]) -> dict[str, Any]:
    """What is said of rows, for the record; `shown` is what annotators see of those that they are to label."""
    asked = set(keys)
    shown = [one for one in said.parted.review if one.key in asked]
    parts = {"labelled": said.parted.labelled, "audited": said.parted.audited, "shown": shown}
    told = {name: {one.key: [one.label, one.confidence] for one in part} for name, part in parts.items()}
    return {**told, "rules": said.rules}


def pulse(connection: Connection, dataset: Dataset) -> tuple[int, int, int]:
    """What is another after each round that was asked or settled, and after each curation."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(to_regclass(format('staging.%%I', %s::text))::oid::bigint, 0)",
            (queue_name(dataset.name),),
        )
        (table,) = cursor.fetchone() or (0,)
    return (*label_rounds.pulse(connection, dataset.name), int(table))
