"""The arguments of the DAG that labels a dataset's rows."""

from datetime import timedelta
from typing import Any

from airflow.sdk import Param

from include.orchestration.defaults import common
from include.specs import Dataset, Labelling


def label_dag(dataset: Dataset, declared: Labelling) -> dict[str, Any]:
    """Arguments of @dag for labelling a dataset, but for its schedule."""
    return {
        "dag_id": f"label_{dataset.name}",
        "params": {
            "batch": Param(
                declared.batch, type="integer", minimum=1, title="Rows",
                description="How many rows to ask about in this round; no more than the budget leaves.",
            )
        },
        "tags": ["sluice", "label"],
        "doc_md": _doc(dataset, declared),
        **common(waiting=timedelta(hours=declared.within)),
    }  # fmt: skip


def _doc(dataset: Dataset, declared: Labelling) -> str:
    bound = (
        f"nothing is asked of their agreement ({declared.measure})"
        if declared.min_agreement is None
        else f"their agreement ({declared.measure}) must be {declared.min_agreement:g} or more"
    )
    return (
        f"### Label `{dataset.name}`\n\n> {declared.question}\n\nask → answered → settle: {declared.batch} rows of"
        f" those that passed the gate and have no `{dataset.label}` are given to {declared.overlap} annotators"
        f" each, who choose one of {', '.join(f'`{name}`' for name in declared.classes)}; {bound}, and"
        f" `{declared.consolidate}` makes one label of their answers.\n\nThe sheet `items.csv` lies in the object"
        f" storage, below `labelling/{dataset.name}/`. Fill in `label` and `annotator` and put it beside it under"
        f" another name. The round goes on when every row has its answers, or after {declared.within:g} hours with"
        " those that are there.\n\nLabels are landed as history; they start a curation, which asks on, until"
        f" {' or '.join(_ends(declared))}. Then `ask` is skipped, and its XCom `ended` says why."
    )


def _ends(declared: Labelling) -> list[str]:
    """What ends the rounds, in words."""
    rows = f"{declared.validation} validation rows"
    bounds = {
        f"{declared.budget} rows were asked about": declared.budget,
        f"a model is right in {declared.target} of {rows}": declared.target,
        f"{declared.patience} rounds brought it no {declared.gain:g} more": declared.patience,
        "no row waits": True,
    }
    return [words for words, bound in bounds.items() if bound is not None]
