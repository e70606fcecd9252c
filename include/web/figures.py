"""From manifests and judgements to what the pages show: pure functions, no request and no connection."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from include.core.dimensions import Course, courses
from include.core.refs import Outcome
from include.specs import Dataset
from include.warehouse.approvals import Word
from include.warehouse.pointer import Move
from include.warehouse.validations import Validation
from include.warehouse.versions import Version

# Judgements by dataset, run and stage.
Judged = Mapping[tuple[str, str, str], Validation]

_SPLITS = ("train", "validation", "test")

_MOVES = {
    "found": "beginning of the record",
    "publish": "publication",
    "hand": "by hand",
    "rollback": "roll back",
    "retire": "retirement",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """Rows of one class in train, before and after balancing; widths are in percent of the longest bar."""

    name: str
    before: int
    after: int
    before_width: float
    after_width: float


@dataclass(frozen=True, slots=True)
class Count:
    """Rows of a version that share split, class and origin."""

    split: str
    label: str
    origin: str
    rows: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A version as the pages show it."""

    dataset: str
    number: int
    table: str
    current: bool
    published_at: datetime
    fingerprint: str
    counts: list[Count]
    splits: list[tuple[str, int]]
    balance: list[Bar]
    made: list[tuple[str, int]]
    removed: int
    gate: Validation | None
    audit: Validation | None
    leakage: dict[str, Any]
    benefit: dict[str, Any]
    sources: list[dict[str, Any]]
    facts: list[tuple[str, str]]
    manifest_text: str
    approval: dict[str, Any] | None
    retired_at: datetime | None
    retired_by: str | None
    retired_why: str | None

    @property
    def rows(self) -> int:
        return sum(count.rows for count in self.counts)


@dataclass(frozen=True, slots=True)
class Card:
    """A dataset with its newest versions; `hidden` older ones are left out.

    `quality` are the courses of its scores at the gate, `asked` is what stands about its latest run, if a person
    was asked about it. `labelled`: its rows are given labels here.
    """

    name: str
    about: str
    labelled: bool
    current: int | None
    versions: list[Shown]
    hidden: int
    latest: Validation | None
    quality: tuple[Course, ...]
    asked: Word | None


def run_of(version: Version) -> tuple[str, str]:
    """The dataset and the run that published the version."""
    return version.dataset, str(version.manifest.get("run", ""))


def cards(
    catalog: Mapping[str, Dataset],
    versions: Sequence[Version],
    judged: Judged,
    latest: Mapping[str, Validation],
    most: int,
    *,
    history: Mapping[str, Sequence[Validation]],
    asked: Mapping[tuple[str, str], Word],
) -> list[Card]:
    """One card a dataset: the catalog's in its order, then those that only the warehouse remembers."""
    names = dict.fromkeys([*catalog, *sorted({*(v.dataset for v in versions), *latest})])
    found = []
    for name in names:
        own = [version for version in versions if version.dataset == name]
        card = Card(
            name=name,
            about=_about(catalog[name]) if name in catalog else "No longer in the catalog; its versions stay.",
            labelled=name in catalog and catalog[name].labelling is not None,
            current=next((version.version for version in own if version.current), None),
            versions=[shown(version, judged) for version in own[:most]],
            hidden=max(0, len(own) - most),
            latest=latest.get(name),
            quality=courses([(v.outcomes, v.rows) for v in history.get(name, ())]),
            asked=asked.get((name, latest[name].run)) if name in latest else None,
        )
        found.append(card)
    return found


def _about(spec: Dataset) -> str:
    features = [(len(spec.numeric), "numeric"), (len(spec.categorical), "categorical"), (len(spec.text), "text")]
    named = [f"{count} {kind}" for count, kind in features if count] + (["images"] if spec.image else [])
    made = f"balanced by {spec.balance.method}" if spec.balance else ""
    made = f"augmented by {spec.augment.recipe}" if spec.augment else made
    parts = [
        f"predicts {spec.label}",
        f"features {', '.join(named) or 'none'}",
        f"split by {spec.group_column}",
        made,
    ]
    return " · ".join(filter(None, [*parts, f"from {', '.join(spec.sources)}"]))


def shown(version: Version, judged: Judged) -> Shown:
    """A version with its counts from the manifest, and what gate and audit said of its run."""
    manifest, run = version.manifest, run_of(version)
    counts = _counts(manifest)
    gate = judged.get((*run, "gate"))
    before, after = (manifest.get("balance", {}).get(moment, {}) for moment in ("before", "after"))
    return Shown(
        dataset=version.dataset,
        number=version.version,
        table=version.table,
        current=version.current,
        published_at=version.published_at,
        fingerprint=version.fingerprint,
        counts=counts,
        splits=_by_split(counts),
        balance=bars(before, after),
        made=_made(manifest),
        removed=manifest.get("removed", 0),
        gate=gate,
        audit=judged.get((*run, "audit")),
        leakage=manifest.get("audit", {}).get("evidence", {}).get("leakage", {}),
        benefit=manifest.get("audit", {}).get("evidence", {}).get("balancing", {}),
        sources=list(manifest.get("sources", ())),
        facts=_facts(manifest),
        manifest_text=json.dumps(manifest, indent=2, ensure_ascii=False, sort_keys=True),
        approval=manifest.get("approval"),
        retired_at=version.retired_at,
        retired_by=version.retired_by,
        retired_why=version.retired_why,
    )


def readable(versions: Sequence[Version], *, but: int) -> list[int]:
    """The other versions of a dataset whose rows are there, newest first."""
    return [version.version for version in versions if version.retired_at is None and version.version != but]


def what_moved(move: Move) -> str:
    """The kind of a move in words. One that stays where it was only pins the view or lets it go."""
    if move.version == move.was:
        return "pin" if move.pinned else "unpin"
    return _MOVES.get(move.kind, move.kind)


def failed(validation: Validation) -> list[Outcome]:
    """The expectations that did not hold: critical ones first, then by the rows that broke them."""
    found = [outcome for outcome in validation.outcomes if not outcome.success]
    return sorted(found, key=lambda o: (o.severity != "critical", -(o.unexpected or 0), o.rule))


def most_first(reasons: Mapping[str, int]) -> list[tuple[str, int]]:
    """Rules with the rows they rejected, the most frequent first."""
    return sorted(reasons.items(), key=lambda item: (-item[1], item[0]))


def bars(before: Mapping[str, int], after: Mapping[str, int]) -> list[Bar]:
    """Rows by class in train as pairs of bars, the largest class first."""
    longest = max([*before.values(), *after.values(), 1])
    rows = [(name, before.get(name, 0), after.get(name, 0)) for name in {**before, **after}]
    ordered = sorted(rows, key=lambda row: (-row[1], row[0]))
    return [Bar(name, b, a, round(100 * b / longest, 2), round(100 * a / longest, 2)) for name, b, a in ordered]


def _counts(manifest: Mapping[str, Any]) -> list[Count]:
    found = [
        Count(row["split"], str(row["class"]), row["origin"], row["rows"]) for row in manifest.get("counts", ())
    ]
    place = {name: position for position, name in enumerate(_SPLITS)}
    return sorted(found, key=lambda c: (place.get(c.split, len(place)), c.label, c.origin))


def _facts(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    suites = {f"{stage} suite": manifest.get(stage, {}).get("suite_hash") for stage in ("gate", "audit")}
    facts = {"SQL": manifest.get("sql_hash"), **suites, "code": manifest.get("code"), "seed": manifest.get("seed")}
    return [
        (name, str(value)) for name, value in {**facts, "run": manifest.get("run")}.items() if value is not None
    ]


def _by_split(counts: Iterable[Count]) -> list[tuple[str, int]]:
    sums = dict.fromkeys(_SPLITS, 0)
    for count in counts:
        sums[count.split] = sums.get(count.split, 0) + count.rows
    return list(sums.items())


def _made(manifest: Mapping[str, Any]) -> list[tuple[str, int]]:
    return [(manifest["method"], manifest["made"])] if manifest.get("made") else []
