"""How a dataset declares that rows without a label get one."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from include.specs.base import Spec
from include.specs.rules import Rule

# A class is a word on a form, a cell of a sheet and a value of the label column.
Label = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
# Each form is a task of Airflow.
MOST_FORMS = 500


class Prelabel(Spec):
    """Rows that a model (of the labels so far) or the declared rules are sure of are labelled by them.

    Sure is a calibrated probability of `threshold` or more; no more than the share `most` of the rows that wait
    are taken. The share `audit` of these, at least one, is given to people all the same, who do not see what was
    said: if it claims more than they bear out, none of the round's is taken.
    """

    by: Literal["model", "rules"] = "model"
    threshold: float = Field(default=0.95, gt=0, le=1)
    most: float = Field(default=0.5, gt=0, le=1)
    audit: float = Field(default=0.1, gt=0, le=1)


class Labelling(Spec):
    """People label rows that passed the gate and have no label, in rounds of `batch` rows (`label_<dataset>`).

    They see the columns `show`, the `question` and the `guideline`, and choose one of `classes`; each row is shown
    to `overlap` of them. `tool` is where: `files` is a sheet in the object storage that is filled in and put
    beside it, `form` Airflow's own (*Required Actions*), `label_studio` the server behind the Airflow connection
    `connection`, whose password is a user's token. A round that is not answered within `within` hours is taken as
    far as it goes.

    Which rows come next is `choose`, a strategy of `include.label.choose` (`stratified`: by the column `strata`);
    no more than `budget` rows are asked about in all. A round whose agreement by `measure` is below
    `min_agreement` reaches no version; with None nothing is asked of it. `consolidate` makes one label of several
    answers; one that is less sure than `min_confidence` is none, and its row is asked about again. `seed` draws
    what chance decides.

    Of the rows on a sheet the share `gold` are ones whose label the source knows: they tell how right annotators
    are. Whose accuracy on them is surely below `min_skill` has no say, and `consolidate="gold"` weighs by it.

    Up to the share `relabel` of a round are rows that have a label from here which a model of the others doubts.

    The rounds end with the budget and with the rows that wait; and before, at the accuracy `target`, or where the
    best of the last `patience` rounds is not `gain` above the best before. It is a model's, on `validation` rows:
    they are drawn at random, take up to half of a round until people have labelled all of them, and no model ever
    learns from them.

    With `prelabel` a model, or the `rules` through the `label_model`, label what they are sure of, and annotators
    may see what is said of the others.
    """

    question: str = Field(min_length=1)
    classes: tuple[Label, ...] = Field(min_length=2)
    show: tuple[str, ...] = Field(min_length=1)
    guideline: str = ""
    tool: Literal["files", "form", "label_studio"] = "files"
    connection: str | None = None
    overlap: int = Field(default=2, ge=1)
    batch: int = Field(default=50, ge=1, le=10_000)
    budget: int | None = Field(default=None, ge=1)
    choose: str = "random"
    strata: str | None = None
    measure: str = "krippendorff"
    min_agreement: float | None = Field(default=0.4, ge=-1, le=1)
    consolidate: str = "dawid_skene"
    min_confidence: float = Field(default=0, ge=0, le=1)
    within: float = Field(default=72, gt=0, le=24 * 365)
    gold: float = Field(default=0, ge=0, lt=0.5)
    min_skill: float | None = Field(default=None, ge=0, le=1)
    relabel: float = Field(default=0, ge=0, le=0.5)
    validation: int = Field(default=0, ge=0, le=100_000)
    target: float | None = Field(default=None, gt=0, le=1)
    patience: int | None = Field(default=None, ge=1)
    gain: float = Field(default=0.002, ge=0, le=1)
    rules: tuple[Rule, ...] = ()
    label_model: str = "dawid_skene"
    prelabel: Prelabel | None = None
    seed: int = 0

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if twice := sorted({name for name in self.classes if self.classes.count(name) > 1}):
            raise ValueError(f"classes must be different: {', '.join(twice)}")
        if not self.gold and (self.min_skill is not None or self.consolidate == "gold"):
            raise ValueError("min_skill and consolidate='gold' need gold items: declare gold=0.1")
        if not self.validation and (self.target is not None or self.patience is not None):
            raise ValueError("target and patience need a score: declare validation=200")
        if self.budget is not None and self.validation >= self.budget:
            raise ValueError(f"{self.validation} validation rows leave nothing of a budget of {self.budget}")
        if self.prelabel and self.prelabel.by == "rules" and not self.rules:
            raise ValueError("prelabel by rules needs rules")
        if self.tool == "form" and self.batch * self.overlap > MOST_FORMS:
            raise ValueError(f"{self.batch} rows × {self.overlap} are more forms than {MOST_FORMS}: use files")
        if (self.tool == "label_studio") != (self.connection is not None):
            raise ValueError("tool='label_studio' and connection, an Airflow connection, go together")
        if (self.choose == "stratified") != (self.strata is not None):
            raise ValueError("choose='stratified' and strata, a column, go together")
        if self.overlap == 1 and self.min_agreement is not None:
            raise ValueError("one annotator a row agrees with nobody: declare overlap=2, or min_agreement=None")
        if self.overlap == 1 and self.consolidate != "majority":
            raise ValueError(f"{self.consolidate} compares annotators, and one a row shares none: use majority")
        return self
