"""The references that one step hands to the next: names and numbers, never rows."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Ref(BaseModel):
    """A frozen value that travels through XCom as plain JSON (`model_dump(mode="json")`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BatchRef(Ref):
    """A landed batch: what was read from `source`, up to `position`.

    `batch` is unique in the warehouse and `seq_to` is the last change's sequence number within the
    source: state as of this batch is every interval that holds `seq_to`. `notes` say what happened besides:
    a table that changed its shape, one that is left out, a slot that was lost.
    """

    source: str
    batch: int
    position: str
    seq_to: int
    changes: dict[str, int] = Field(default_factory=dict)
    rejected: int = 0
    notes: tuple[str, ...] = ()


class TableReconciliation(Ref):
    """A table's rows at its source and in its landing, compared value by value through checksums.

    `missing` rows are only at the source, `extra` ones only landed, `different` ones have the same key and another
    value. A table that is left out of the batches is not compared: `left_out` says why.
    """

    table: str
    source_rows: int = 0
    landed_rows: int = 0
    missing: int = 0
    extra: int = 0
    different: int = 0
    left_out: str | None = None

    @property
    def equal(self) -> bool:
        return self.left_out is None and not (self.missing or self.extra or self.different)


class Reconciliation(Ref):
    """What the comparison of a source with its landing found: at the LSN of `position`, as of `batch`."""

    source: str
    batch: int
    position: str
    tables: tuple[TableReconciliation, ...]

    @property
    def equal(self) -> bool:
        return all(table.equal for table in self.tables)


class Candidate(Ref):
    """A dataset's rows in `staging`, built as of the pinned batches.

    `lineage` says from which columns of which tables each column came (`columns`), what decided which rows there
    are (`rows`), and where these tables are landed (`tables`); it is empty where the SQL could not be read for it.
    """

    dataset: str
    run: str
    table: str
    batches: dict[str, int]
    rows: int
    sql_hash: str
    lineage: dict[str, Any] = Field(default_factory=dict)


class Outcome(Ref):
    """What one expectation said. `unexpected` counts rows; None for table-level expectations.

    `whole` says why the table was judged whole, where no single row is bad or none can be told apart; `dimension`
    is one of the six of data quality (include/core/dimensions.py).
    """

    rule: str
    type: str
    column: str | None
    severity: str
    row_level: bool
    success: bool
    exception: str | None = None
    unexpected: int | None = None
    observed: str | None = None
    whole: str | None = None
    dimension: str | None = None


class Finding(Ref):
    """What one examination of a table found: an outcome a rule, and the figures that they rest on, as JSON.

    `name` is the word under which the figures stand in the validation's evidence and in the version's manifest.
    """

    name: str
    outcomes: tuple[Outcome, ...]
    evidence: dict[str, Any] = Field(default_factory=dict)


class GateDecision(Ref):
    """The verdict on a candidate: `publish`, `hold` (until a person approves it) or `reject`.

    `reasons` say in words why it is rejected, `warnings` what else is told, and held for.
    """

    decision: str
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Gated(Ref):
    """What the gate let through: a staging table with `_id` and `_split`, and where the evidence lies.

    `unlabelled` of the rows that passed have no label, and are not in the table any more.
    """

    candidate: Candidate
    table: str
    passed: int
    unlabelled: int = 0
    quarantined: int
    reasons: dict[str, int]
    decision: GateDecision
    suite_hash: str
    report: str


class Asked(Ref):
    """A round of labelling: `items` rows of the `waiting` ones were given to annotators, by `tool`, at `place`.

    Of `prelabelled` others a model or rules were sure. With a round of no items the loop of rounds has ended, and
    `ended` is "target", "budget", "nothing left" or "no gain".
    """

    dataset: str
    run: str
    tool: str
    place: str
    items: int
    waiting: int
    prelabelled: int = 0
    ended: str | None = None


class LabelResult(Ref):
    """What came of a round: `answers` to `answered` items by `annotators`, and `labels` rows that have one now.

    `agreement` is the measure with its value and interval, over all, by class and by pair of annotators; `audit`
    how right a model or rules were where people checked them, `skill` how right each annotator was on gold items;
    `given` counts all labels by class and origin. All of it was landed in `batch`. `score` is the accuracy of a
    model of all labels so far on `validation` rows that it did not learn from; None where none was measured.
    """

    dataset: str
    run: str
    answered: int
    answers: int
    annotators: int
    labels: int
    faults: tuple[str, ...] = ()
    agreement: dict[str, Any] = Field(default_factory=dict)
    audit: dict[str, Any] = Field(default_factory=dict)
    skill: dict[str, Any] = Field(default_factory=dict)
    given: tuple[dict[str, Any], ...] = ()
    score: float | None = None
    validation: int = 0
    decision: GateDecision
    batch: int | None = None


class Augmented(Ref):
    """A staging table in the shape of a version: real rows and made rows, told apart by `_origin`."""

    gated: Gated
    table: str
    method: str
    made: int
    removed: int


class VersionRef(Ref):
    """A published version; `new` is False when these bytes had been published before.

    `current` is whether the dataset's view shows it: a version of older batches than the view's leaves it there.
    """

    dataset: str
    version: int
    table: str
    fingerprint: str
    rows: int
    new: bool
    current: bool


class Exported(Ref):
    """A version as files, below `place`; `new` is False when they were there, and were found to be whole."""

    dataset: str
    version: int
    place: str
    files: int
    rows: int
    bytes: int
    new: bool


class Rebuilt(Ref):
    """A version that was built again: `found` is the fingerprint of its rows now, `fingerprint` that of then.

    `notes` name what is not as it was: rows that history has lost, libraries, what the gate let through.
    """

    dataset: str
    version: int
    fingerprint: str
    found: str
    rows: int
    notes: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        return self.found == self.fingerprint


class Shown(Ref):
    """What a dataset's view shows, and what it showed before; `pinned`: no run moves it."""

    dataset: str
    version: int
    was: int | None
    pinned: bool


class Retained(Ref):
    """What retention let go of a dataset's versions, and why it kept each of the others.

    With `dry_run` nothing was dropped: `dropped` are those that would have been.
    """

    dataset: str
    dry_run: bool
    dropped: tuple[int, ...]
    kept: dict[int, str]


class Erasure(Ref):
    """What an erasure removed: rows by place (of `staging.…` tables, of `reports` pages, of `exports` versions, of
    `sheets.…` lines, of `label_studio.…` tasks, of `label_rounds.…`, `label_sent.…` and
    `label_results.…` facts that named a row), and versions by dataset.

    It names nobody: the subject's key is not part of it.
    """

    request: str
    source: str
    removed: dict[str, int]
    retired: dict[str, list[int]]


class Proof(Ref):
    """Whether an erasure was about a key, and in which places how many rows of that subject are held now.

    `unseen` says of places that could not be looked into why not. `untold` counts by dataset rows that labelling
    holds of which nothing says whose they are: labels from before the dataset said where it holds a subject.
    """

    request: str
    about_this_key: bool
    held: dict[str, int]
    unseen: dict[str, str] = Field(default_factory=dict)
    untold: dict[str, int] = Field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return self.about_this_key and not self.held and not self.unseen
