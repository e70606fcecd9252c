"""Declarations of what is curated: a dataset's columns by role, its gate, split, balance and augmentation."""

from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from include.specs.base import Name, Spec
from include.specs.export import Export
from include.specs.labelling import Labelling
from include.specs.leakage import Leakage


class GatePolicy(Spec):
    """When a candidate is kept out: more than this share of its rows rejected (0 to 1).

    A failed expectation of severity `warning` is told and published (`on_warning="publish"`), or holds the run
    until a person approves it (`"approve"`); without an answer within `approve_within` hours it is rejected.
    """

    max_rejected: float = Field(default=0.05, ge=0, le=1)
    on_warning: Literal["publish", "approve"] = "publish"
    approve_within: float = Field(default=24, gt=0, le=24 * 365)

    def on_passing(self, warnings: Sequence[str]) -> Literal["publish", "hold"]:
        """The decision on what nothing rejects, but these warnings are told of."""
        return "hold" if warnings and self.on_warning == "approve" else "publish"


class Split(Spec):
    """Shares of the groups that go to each split; they sum to 1 and a group never moves.

    `key` is the split's own: it draws which groups go where, whatever a run's seed. Changing it is a new split.

    With `test_from` the split is by the dataset's time instead, and the shares say nothing: rows from then on are
    test, those from `validation_from` until then validation, all earlier ones train. As dates, and not shares of
    whatever rows there are, the cuts stay where they are from version to version.
    """

    train: float = Field(default=0.7, gt=0, lt=1)
    validation: float = Field(default=0.15, ge=0, lt=1)
    test: float = Field(default=0.15, ge=0, lt=1)
    key: str = ""
    validation_from: AwareDatetime | None = None
    test_from: AwareDatetime | None = None

    @property
    def by_time(self) -> bool:
        return self.test_from is not None

    @model_validator(mode="after")
    def _cuts_in_order(self) -> Self:
        if self.validation_from and not (self.test_from and self.validation_from <= self.test_from):
            raise ValueError(f"validation_from needs a test_from that is not before it, which is {self.test_from}")
        return self

    @model_validator(mode="after")
    def _sums_to_one(self) -> Self:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-9:
            raise ValueError(f"split shares must sum to 1, they sum to {total:g}")
        return self


class Balance(Spec):
    """How the train split is balanced: `method` is a key of `include.augment.registry`.

    `ratio` is rows of every smaller class to rows of the largest after balancing. `impute` fills
    missing numeric features before neighbours are sought: `median` (of train), or None to refuse them.
    Among many rows (100 million pairs, more than 15 features) about 1 neighbour in 100 may be missed for the sake
    of speed, unless `exact`.

    Whether it helped is scored with every version. `must_help` makes that part of the audit: a version is rejected
    whose models, trained on the balanced rows, are worse by this measure than those trained on the rows as they
    are, by more than the interval of the difference.
    """

    method: str
    ratio: float = Field(default=1.0, gt=0, le=1)
    neighbours: int = Field(default=5, ge=1)
    impute: Literal["median"] | None = None
    exact: bool = False
    must_help: Literal["average_precision"] | None = None


class Augment(Spec):
    """How images of the train split are multiplied: `recipe` is a key of `include.augment.registry`.

    Every class is brought to `ratio` of the largest one's count; `shards` tasks share the work and
    never change the result. With `pack=False` made images are PNG that is not packed: larger, but faster to make
    and to read (`docs/images.md`). These are other files, so the version has another fingerprint.
    """

    recipe: str
    ratio: float = Field(default=1.0, gt=0, le=1)
    shards: int = Field(default=2, ge=1, le=64)
    pack: bool = True
    params: dict[str, Any] = Field(default_factory=dict)


class Drift(Spec):
    """How the rows that passed the gate are compared with the published version, column by column.

    In a share of `false_alarms` of all runs without drift some column is called drifted. What is drifted is an
    outcome of this `severity`: `info` is on record alone, `warning` is told, `critical` rejects. `columns` are
    compared; if none are named, the numeric ones, the categorical ones and the label.
    """

    severity: Literal["info", "warning", "critical"] = "info"
    false_alarms: float = Field(default=0.01, gt=0, le=0.2)
    columns: tuple[str, ...] = ()


class Retention(Spec):
    """How many of the newest versions are kept; what is current, tagged, named, built on or read stays besides."""

    keep: int = Field(ge=1)


class Dataset(Spec):
    """One training table: `catalog/sql/<name>.sql` builds it, the suite of the same name judges it.

    Every column of the SQL has one role. `key` identifies a row, `group` keeps related rows in one
    split (the key, if left out), `time` is when the row was true. An `image` column holds a path
    inside the object storage. `seed` draws the rows that balance and augment make, and never a split.

    `subjects` says for each source that declares a subject which column holds that subject's key, or None where
    no row speaks of one. Versions that hold an erased subject are retired; with `on_erasure="rebuild"` only
    after a version without it has been published. With an `export` every version is written as files. Without
    `retention` every version is kept.
    """

    name: Name
    sources: tuple[Name, ...] = Field(min_length=1)
    key: str
    label: str
    group: str | None = None
    time: str | None = None
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    image: str | None = None
    passthrough: tuple[str, ...] = ()
    gate: GatePolicy = GatePolicy()
    labelling: Labelling | None = None
    split: Split = Split()
    balance: Balance | None = None
    augment: Augment | None = None
    drift: Drift | None = None
    leakage: Leakage = Leakage()
    seed: int = 0
    subjects: dict[Name, str | None] = Field(default_factory=dict)
    on_erasure: Literal["retire", "rebuild"] = "retire"
    export: Export | None = None
    retention: Retention | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """All declared columns, each once, key first."""
        named = [self.key, self.group, self.time, *self.numeric, *self.categorical, *self.text]
        named += [self.image, *self.passthrough, self.label]
        return tuple(dict.fromkeys(c for c in named if c is not None))

    @property
    def group_column(self) -> str:
        return self.group or self.key

    @model_validator(mode="after")
    def _roles_fit(self) -> Self:
        roles = [self.key, self.time, *self.numeric, *self.categorical, *self.text, self.image]
        named = [c for c in [*roles, *self.passthrough, self.label] if c is not None]
        twice = sorted({c for c in named if named.count(c) > 1})
        if twice:
            raise ValueError(f"a column has one role, these have two: {', '.join(twice)}")
        reserved = sorted(c for c in self.columns if c.startswith("_"))
        if reserved:
            raise ValueError(f"names that begin with _ are Sluice's own: {', '.join(reserved)}")
        if self.balance and self.augment:
            raise ValueError("declare balance (tables) or augment (images), not both")
        if self.augment and not self.image:
            raise ValueError("augment needs an image column")
        if self.drift and (unknown := sorted(set(self.drift.columns) - set(self.columns))):
            raise ValueError(f"columns that are compared for drift must be declared: {', '.join(unknown)}")
        return self

    @model_validator(mode="after")
    def _labelling_fits(self) -> Self:
        if self.labelling is None:
            return self
        known = set(self.columns) - {self.label}
        if unknown := sorted(set(self.labelling.show) - known):
            raise ValueError(f"annotators are shown declared columns other than the label: {', '.join(unknown)}")
        if self.labelling.strata is not None and self.labelling.strata not in known:
            raise ValueError(f"strata must be a declared column other than the label: {self.labelling.strata}")
        return self

    @model_validator(mode="after")
    def _split_fits(self) -> Self:
        if undeclared := sorted(set(self.leakage.entities) - set(self.columns)):
            raise ValueError(f"entities must be declared columns: {', '.join(undeclared)}")
        if self.time is None and (self.split.by_time or self.leakage.time_ordered):
            raise ValueError("a split by time and leakage in order of time need a time column")
        if self.group and self.split.by_time:
            raise ValueError(
                f"a split by time cuts through groups of {self.group}: declare it passthrough, or split by hash"
            )
        return self

    @model_validator(mode="after")
    def _subjects_fit(self) -> Self:
        if unread := sorted(set(self.subjects) - set(self.sources)):
            raise ValueError(f"subjects of sources that the dataset does not read: {', '.join(unread)}")
        if undeclared := sorted({c for c in self.subjects.values() if c is not None} - set(self.columns)):
            raise ValueError(f"columns that hold a subject's key must be declared: {', '.join(undeclared)}")
        return self
