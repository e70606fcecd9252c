"""Compare what passed the gate with the published version, and sum it up for those who come later."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from psycopg2.extensions import connection as Connection

from include.core.refs import Finding, Outcome
from include.core.summary import Summary
from include.specs import Dataset, Drift
from include.validate.drift import Shift, judge
from include.warehouse.summaries import Summaries, kept, summarise, summarise_against
from include.warehouse.versions import Version, column_types, current

NAME = "drift"
# Rows that were published before are the same draw, not another one: without a change they never differ. So this
# share of the false alarms is enough for them, and the new rows keep theirs whole.
KNOWN_SHARE: Final = 0.01


@dataclass(frozen=True, slots=True)
class Compared:
    """What the comparison found, and the summaries of all rows that passed, to be kept with the run."""

    finding: Finding = field(default_factory=lambda: Finding(name=NAME, outcomes=()))
    summaries: Summaries = field(default_factory=dict)


def compare(connection: Connection, dataset: Dataset, passed: str) -> Compared:
    """Hold the rows of `staging.<passed>` against the dataset's current version, if it declares `drift`.

    New rows (by their key) are compared with all published ones, as independent draws; rows that had been
    published before are compared by what became of them. Without a version there is nothing to compare with.
    """
    if (declared := dataset.drift) is None:
        return Compared()
    columns = declared.columns or (*dataset.numeric, *dataset.categorical, dataset.label)
    words = (*dataset.categorical, dataset.label)
    version = current(connection, dataset.name)
    if version is None:
        return Compared(summaries=summarise(connection, "staging", passed, columns, words))
    fresh, known = summarise_against(connection, passed, version, columns, words)
    before = _published(connection, version, columns, words)
    found = {
        "new": judge(before, fresh, declared.false_alarms, dataset.name, version.version, "new"),
        "known": judge(before, known, declared.false_alarms * KNOWN_SHARE, dataset.name, version.version, "known"),
    }
    evidence = _evidence(version, declared, (before, fresh, known), found)
    outcomes = tuple(_outcome(declared, shifts) for shifts in zip(found["new"], found["known"], strict=True))
    whole = {name: fresh[name].merged(known[name]) for name in columns}
    return Compared(Finding(name=NAME, outcomes=outcomes, evidence=evidence), whole)


def _published(
    connection: Connection, version: Version, columns: Sequence[str], words: Sequence[str]
) -> Summaries:
    """The summaries that were kept with the version; of columns that were not summed up then, made now.

    Where balancing took rows out, the version's table is not what passed the gate: then there are none.
    """
    found = kept(connection, version.dataset, version.manifest["run"])
    with connection.cursor() as cursor:
        there = column_types(cursor, version.table, "datasets")
    late = [name for name in columns if name in there and name not in found]
    if late and not version.manifest.get("removed"):
        found |= summarise(connection, "datasets", version.table, late, words)
    return {name: found[name] for name in columns if name in found}


def _evidence(
    version: Version,
    declared: Drift,
    summaries: tuple[Summaries, Summaries, Summaries],
    found: Mapping[str, Sequence[Shift]],
) -> dict[str, Any]:
    before, fresh, known = (_rows(each) for each in summaries)
    compared = [shift.column for shift in found["new"]]
    return {
        "version": version.version,
        "false_alarms": declared.false_alarms,
        "rows": {"published": before, "new": fresh, "known": known, "gone": before - known},
        "columns": {
            new.column: {"new": new.evidence(), "known": known.evidence()}
            for new, known in zip(found["new"], found["known"], strict=True)
        },
        "not_compared": [name for name in summaries[1] if name not in compared],
    }


def _rows(summaries: Mapping[str, Summary]) -> int:
    return max((summary.rows for summary in summaries.values()), default=0)


def _outcome(declared: Drift, shifts: tuple[Shift, Shift]) -> Outcome:
    new, known = shifts
    told = [f"new rows: {new.told()}"] if new.drifted or not known.drifted else []
    told += [f"known rows: {known.told()}"] if known.drifted else []
    return Outcome(
        rule=f"{new.column} as published",
        type="sluice_drift",
        column=new.column,
        severity=declared.severity,
        row_level=False,
        success=not (new.drifted or known.drifted),
        observed="; ".join(told)[:500],
        dimension="consistency",
    )
