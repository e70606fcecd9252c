"""What to talk over after a round of labelling: the rows that most divide its annotators, with the guideline."""

from dataclasses import dataclass

from psycopg2.extensions import connection as Connection

from include.core.errors import FatalError
from include.specs import Labelling
from include.warehouse import label_queue, label_rounds
from include.warehouse.labels import answers_of


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A row on which annotators differ: `entropy` of its answers in bits, and each annotator's answer by name.

    `shown` is what annotators are shown of it, as it is in the newest curation; None where it has left that.
    """

    key: str
    entropy: float
    answers: dict[str, str]
    shown: dict[str, str | None] | None


@dataclass(frozen=True, slots=True)
class Disagreements:
    """Of a round's `disputed` rows those that divide annotators most, and what they were asked and told."""

    dataset: str
    run: str
    question: str
    guideline: str
    classes: tuple[str, ...]
    disputed: int
    rows: tuple[Disagreement, ...]


def disagreements(
    connection: Connection, dataset: str, declared: Labelling | None, run: str, *, most: int = 20
) -> Disagreements:
    """The rows of a settled round on which annotators differ, those that divide them most first.

    Nothing is kept for it: answers are those on record, rows those of the newest curation, of which the columns
    `show` are read alone. So an erased row, or any that is gone, is its key, and no row's columns are told of a
    dataset that declares no labelling any more (`declared` is None). The connection may be a reader's. Raises
    FatalError for a round that was not settled.
    """
    from include.label.annotators import disputed
    from include.label.votes import Votes

    if not label_rounds.settled(connection, dataset, run):
        raise FatalError(
            f"No round {run!r} of {dataset} was settled.",
            fix=f"name the run of label_{dataset} that asked it, after it has ended.",
        )
    said = answers_of(connection, dataset, run)
    # The classes of then: the declaration may have changed since.
    found = disputed(Votes.of(said, sorted({label for _, _, label in said})))
    first = found[:most]
    columns = declared.show if declared else ()
    rows = label_queue.shown(connection, dataset, [one.item for one in first], columns) if columns else {}
    return Disagreements(
        dataset=dataset,
        run=run,
        question=declared.question if declared else "",
        guideline=declared.guideline if declared else "",
        classes=declared.classes if declared else (),
        disputed=len(found),
        rows=tuple(Disagreement(one.item, one.entropy, dict(one.said), rows.get(one.item)) for one in first),
    )
