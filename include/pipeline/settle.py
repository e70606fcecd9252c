"""Labelling from the answers on: judge how far they agree, make one label of several, and land all of it."""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg2.extensions import connection as Connection

from include.core.annotations import Annotation, Item
from include.core.errors import GateRejected
from include.core.failpoints import failpoint
from include.core.refs import Asked, GateDecision, LabelResult
from include.core.seeds import seed_of
from include.label.formats.judge import Judged, only
from include.label.tools import Tool
from include.pipeline.label import items_of, label_in_turn, labelling_of
from include.specs import Dataset, Labelling
from include.warehouse import label_rounds
from include.warehouse.connection import transaction
from include.warehouse.labels import Label, News, given, known_answers, known_labels, land_labels
from include.warehouse.staging import exists, queue_name

if TYPE_CHECKING:
    from include.pipeline.pool import Rows

log = logging.getLogger(__name__)


def settle(
    warehouse_url: str, dataset: Dataset, asked: Asked, tool: Tool, *, storage: Any, at: datetime
) -> LabelResult:
    """Take the answers back, judge how far they agree, and land them, with the labels that follow.

    `storage` is the root of the object storage, for models that look at images. Answers are landed whatever is
    decided. Raises GateRejected for a round that reaches no version: agreement too low, or nobody answered. A
    retry of the run returns, or raises, what was decided.
    """
    with transaction(warehouse_url) as connection:
        label_in_turn(connection, dataset)
        result = _decided(connection, asked)
        items = items_of(connection, asked)
        rows = _rows(connection, dataset, storage) if result is None else None
    if result is None:
        # The tool and the storage are spoken to before a transaction is open.
        taken = _taken(tool, asked, items, labelling_of(dataset))
        if rows is not None:
            rows.reckoned.reckon()
        result = _landed(warehouse_url, dataset, asked, taken, rows, at=at)
    for fault in result.faults:
        log.warning("not taken: %s", fault)
    if result.decision.decision == "reject":
        raise GateRejected(
            f"The round {asked.run} of {dataset.name} reaches no version: {'; '.join(result.decision.reasons)}.",
            fix="talk over the rows that divide the annotators, mend the guideline, and run label_"
            f"{dataset.name} again; or declare another min_agreement.",
        )
    told = "" if result.score is None else f"; a model is right in {result.score:.1%} of {result.validation} rows"
    log.info("%s answers, %s labels of %s%s", result.answers, result.labels, dataset.name, told)
    return result


@failpoint("answers.take")
def _taken(tool: Tool, asked: Asked, items: Sequence[Item], declared: Labelling) -> Judged:
    return tool.take_back(asked.place, items, declared)


@failpoint("round.settle")
def _landed(
    warehouse_url: str, dataset: Dataset, asked: Asked, taken: Judged, rows: "Rows | None", *, at: datetime
) -> LabelResult:
    """What comes of the answers, on record; or what another try of the run has put there meanwhile."""
    with transaction(warehouse_url) as connection:
        label_in_turn(connection, dataset)
        if before := _decided(connection, asked):
            return before
        # Without the rows of a subject that was erased since they were asked for.
        taken = only(taken, [item.key for item in items_of(connection, asked)])
        result = _settled(connection, dataset, asked, taken, rows, at=at)
        label_rounds.record_result(connection, result, at)
    return result


def _decided(connection: Connection, asked: Asked) -> LabelResult | None:
    results = label_rounds.results(connection, asked.dataset)
    return next((one for one in results if one.run == asked.run), None)


def _rows(connection: Connection, dataset: Dataset, storage: Any) -> "Rows | None":
    """The rows of the newest curation where a model is to learn from them; None where they were erased."""
    from include.pipeline.pool import read

    declared = labelling_of(dataset)
    with connection.cursor() as cursor:
        if not (declared.validation or declared.consolidate == "crowdlab"):
            return None
        return read(connection, dataset, declared, storage) if exists(cursor, queue_name(dataset.name)) else None


def _settled(
    connection: Connection, dataset: Dataset, asked: Asked, taken: Judged, rows: "Rows | None", *, at: datetime
) -> LabelResult:
    from include.label.agreement import report
    from include.label.agreement_gate import judge
    from include.label.annotators import on_gold
    from include.label.votes import Votes
    from include.pipeline.consolidate import Outcome, as_skill, labels_of, votes_of

    declared = labelling_of(dataset)
    answers = tuple(
        answer.model_copy(update={"batch": asked.run, "tool": asked.tool})
        for one in taken.labelled
        for answer in one.annotations
    )
    votes = Votes.of(votes_of(answers), declared.classes)
    faults = tuple(f"{fault.where}: {', '.join(fault.reasons)}" for fault in taken.faults)
    counts = {"answered": len(votes.items), "answers": len(answers), "annotators": len(votes.annotators)}
    if not len(votes.item):
        decision = GateDecision(decision="reject", reasons=(f"none of {asked.items} items was answered",))
        return LabelResult(
            dataset=dataset.name, run=asked.run, **counts, faults=faults, labels=0, decision=decision
        )
    found = report(votes, declared.measure, seed=seed_of(dataset.name, declared.seed, "agreement"))
    decision = judge(found.overall, declared.min_agreement)
    gold = label_rounds.gold_so_far(connection, dataset.name)
    # Of a round that is refused its own answers alone tell who was wrong.
    outcome, audit, more = Outcome(skill=as_skill(on_gold(votes, gold))), dict[str, Any](), list[Label]()
    if decision.decision != "reject":
        outcome = labels_of(
            connection, dataset, _answers(connection, dataset, answers),
            declared=declared, gold=gold, run=asked.run, rows=rows,
        )  # fmt: skip
        audit, more, warnings = _prelabelled(connection, dataset, asked.run, outcome.labels)
        decision = decision.model_copy(update={"warnings": (*decision.warnings, *outcome.warnings, *warnings)})
    news = News(answers, (*outcome.labels, *more), outcome.gone)
    batch = land_labels(connection, dataset.name, news, at)
    score, validation = None, 0
    if decision.decision != "reject" and declared.validation:
        score, validation, warnings = _scored(connection, dataset, rows)
        decision = decision.model_copy(update={"warnings": (*decision.warnings, *warnings)})
    return LabelResult(
        dataset=dataset.name, run=asked.run, **counts, faults=faults, labels=len(news.labels),
        agreement=found.facts(), audit=audit, skill=outcome.skill,
        given=tuple(given(connection, dataset.name)), score=score, validation=validation, decision=decision,
        batch=batch.batch,
    )  # fmt: skip


def _scored(
    connection: Connection, dataset: Dataset, rows: "Rows | None"
) -> tuple[float | None, int, tuple[str, ...]]:
    """How right a model of all labels is by now, on how many rows; and a warning where that cannot be told."""
    from include.pipeline.score import Score, score_of

    declared, score = labelling_of(dataset), Score(why="no row of the dataset lies in staging")
    if rows is not None:
        known = rows.knowing(known_labels(connection, dataset.name), declared.classes)
        score = score_of(dataset, declared, known, known_labels(connection, dataset.name, origin="person"))
    return score.value, score.rows, () if score.value is not None else (f"there is no score: {score.why}",)


def _answers(connection: Connection, dataset: Dataset, answers: tuple[Annotation, ...]) -> list[Annotation]:
    """These, and all of earlier rounds but of those that were rejected; an annotator's last word on an item."""
    rounds = label_rounds.results(connection, dataset.name)
    refused = {one.run for one in rounds if one.decision.decision == "reject"}
    known = {(a.item, a.annotator): a for a in known_answers(connection, dataset.name) if a.batch not in refused}
    return list((known | {(a.item, a.annotator): a for a in answers}).values())


def _prelabelled(
    connection: Connection, dataset: Dataset, run: str, labels: Sequence[Label]
) -> tuple[dict[str, Any], list[Label], tuple[str, ...]]:
    """How right a model or rules were where people checked them, the labels that they may give, and warnings."""
    from include.label.prelabel import Prediction, Prelabelled, audited

    declared = labelling_of(dataset)
    said = label_rounds.said_before(connection, dataset.name, run)
    parts = {
        name: tuple(Prediction(key, *told) for key, told in sorted(said.get(name, {}).items()))
        for name in ("labelled", "audited")
    }
    if declared.prelabel is None or not parts["labelled"]:
        return {}, [], ()
    answers = {label.key: label.label for label in labels}
    if not any(one.key in answers for one in parts["audited"]):
        return {}, [], (f"{len(parts['labelled'])} rows are not pre-labelled: nobody checked a sample of them",)
    found = audited(Prelabelled(parts["labelled"], parts["audited"], ()), answers)
    audit = asdict(found) | {"overconfident": found.overconfident}
    if found.overconfident:
        why = f"{found.right} of {found.rows} checked rows were right, {found.claimed:.1%} were claimed"
        return audit, [], (f"{len(parts['labelled'])} rows are not pre-labelled: {why}",)
    origin = {"model": "model", "rules": "rule"}[declared.prelabel.by]
    borne_out = [
        Label(one.key, one.label, one.confidence, origin, 0, {one.label: one.confidence}, run)
        for one in parts["labelled"]
        if one.key not in answers
    ]
    return audit, borne_out, ()
