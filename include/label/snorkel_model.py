"""Snorkel's label model behind the interface of our own, for whoever has Snorkel and its torch installed."""

from collections.abc import Sequence

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.label)

from include.core.errors import FatalError
from include.label.label_model import Fitted
from include.label.vote_matrix import ABSTAIN

EPOCHS = 500


def snorkel(
    votes: np.ndarray, classes: int, *, balance: Sequence[float] | None = None, known: np.ndarray | None = None,
    seed: int = 0,
) -> Fitted:  # fmt: skip
    """Ratner et al.: "Training complex models with multi-task weak supervision", AAAI 2019, as Snorkel has it.

    Where classes are known Snorkel takes their shares for the balance, and nothing else. Raises FatalError where
    Snorkel is not installed.
    """
    try:
        from snorkel.labeling.model import LabelModel
    except ImportError as error:
        raise FatalError(
            f"The label model 'snorkel' is not available: {error}.",
            fix="install it and a CPU build of torch (uv pip install -r pyproject.toml --extra snorkel), or"
            " declare dawid_skene.",
        ) from error
    model = LabelModel(cardinality=classes, verbose=False)
    told = known[known != ABSTAIN] if known is not None else None
    model.fit(
        votes.astype(np.int64), Y_dev=told if balance is None else None, class_balance=balance, n_epochs=EPOCHS,
        seed=seed, progress_bar=False,
    )  # fmt: skip
    believed = model.predict_proba(votes.astype(np.int64))
    believed[(votes == ABSTAIN).all(axis=1)] = np.nan
    if known is not None:
        rows = np.flatnonzero(known != ABSTAIN)
        believed[rows] = np.eye(classes)[known[rows]]
    accuracy = np.where((votes != ABSTAIN).any(axis=0), model.get_weights(), np.nan)
    return Fitted(believed, accuracy, np.asarray(model.p))
