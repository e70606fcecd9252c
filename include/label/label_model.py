"""Label models: from the votes of many rules to a probability of each class for each row.

The default is Dawid and Skene's model, fitted by EM. What EM needs of the votes is which patterns of votes there
are and how often each comes, so a million rows of ten votes cost what their few thousand patterns cost.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Literal

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.label)

from include.core.errors import FatalError
from include.label.vote_matrix import ABSTAIN, VoteMatrix
from include.label.votes import Consolidated

Errors = Literal["one_coin", "by_class"]
Abstaining = Literal["at_random", "by_class"]
# Each function is believed to have voted this often before, right in the share RIGHT_BEFORE: no probability is 0,
# and what the classes are called follows from functions that are right more often than not.
VOTES_BEFORE = 2.0
RIGHT_BEFORE = 0.75
ENOUGH = 1e-5
MOST_ROUNDS = 500


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a label model made of votes (n, m) on k classes.

    `probabilities` (n, k) float64, each row summing to 1, or all NaN where no function voted and no class is
    known; `accuracy` (m,): the share of each function's votes that are believed right, NaN for one that never
    voted; `balance` (k,): the share of each class.
    """

    probabilities: np.ndarray
    accuracy: np.ndarray
    balance: np.ndarray


@dataclass(frozen=True, slots=True)
class Patterns:
    """The p different rows of a vote matrix, `votes` (p, m), their `counts` (p,), and each row's place (n,)."""

    votes: np.ndarray
    counts: np.ndarray
    of_row: np.ndarray

    @classmethod
    def of(cls, votes: np.ndarray, classes: int) -> "Patterns":
        width = classes + 1
        code: np.ndarray
        if votes.shape[1] * np.log2(width) < 62:
            code = np.zeros(len(votes), dtype=np.int64)
            for column in votes.T:
                code *= width
                code += column
                code += 1
        else:
            code = np.ascontiguousarray(votes).view(np.dtype((np.void, votes.shape[1]))).ravel()
        _, first, of_row, counts = np.unique(code, return_index=True, return_inverse=True, return_counts=True)
        return cls(votes[first], counts.astype(np.float64), of_row)


def dawid_skene(
    votes: np.ndarray, classes: int, *, balance: Sequence[float] | None = None, known: np.ndarray | None = None,
    errors: Errors = "by_class", abstaining: Abstaining = "by_class", seed: int = 0,
) -> Fitted:  # fmt: skip
    """Dawid, Skene: "Maximum likelihood estimation of observer error-rates using the EM algorithm", Applied
    Statistics 28(1), 1979, over unique patterns of votes.

    `votes` (n, m) int8 with ABSTAIN. `balance` (k,) gives the classes' shares, which are learnt otherwise. `known`
    (n,) has the class of rows where it is known, else ABSTAIN. `seed` is not used: nothing is drawn.

    Functions err independently of each other, given the class. With `errors="by_class"` each has a probability
    of every vote for every class; with "one_coin" one probability of being right, and errs evenly (the model of
    Ratner et al.: "Data programming", NeurIPS 2016). With `abstaining="at_random"` that a function abstains says
    nothing of the class; with "by_class" it may abstain more for one class than for another, which is all that a
    function tells that votes for one class only. Raises FatalError where nobody voted at all, and for such a
    function under any but the defaults, since its rates cannot be told.
    """
    del seed
    _refuse(votes, classes, balance, known)
    if (errors, abstaining) != ("by_class", "by_class"):
        _refuse_one_sided(votes)
    joined = votes if known is None else np.column_stack([votes, known.astype(np.int8)])
    patterns = Patterns.of(joined, classes)
    given = np.full(len(patterns.votes), ABSTAIN) if known is None else patterns.votes[:, -1]
    seen = patterns.votes[:, : votes.shape[1]]
    rates = _Rates(seen, classes, errors, abstaining)
    prior = np.full(classes, 1 / classes) if balance is None else np.asarray(balance, dtype=np.float64)
    # Classes come first within the loop: sums and maxima over them run along whole rows of memory.
    believed = _settled(_majority(seen, classes, prior), given)
    for _ in range(MOST_ROUNDS):
        if balance is None:
            shares = believed @ patterns.counts + 1
            prior = shares / shares.sum()
        after = _settled(_posterior(rates.log_likelihood(believed * patterns.counts), prior), given)
        moved = np.abs(after - believed).max()
        believed = after
        if moved < ENOUGH:
            break
    accuracy = _accuracy(seen, believed.T, patterns.counts)
    believed[:, (seen == ABSTAIN).all(axis=1) & (given == ABSTAIN)] = np.nan
    return Fitted(believed.T[patterns.of_row], accuracy, prior)


def majority(
    votes: np.ndarray, classes: int, *, balance: Sequence[float] | None = None, known: np.ndarray | None = None,
    seed: int = 0,
) -> Fitted:  # fmt: skip
    """Each class' share of the votes on a row; of even votes the probabilities are even."""
    del seed
    _refuse(votes, classes, balance, known)
    counts = np.stack([(votes == c).sum(axis=1) for c in range(classes)], axis=1).astype(np.float64)
    given = np.full(len(votes), ABSTAIN) if known is None else known
    with np.errstate(invalid="ignore"):
        believed = _settled((counts / counts.sum(axis=1, keepdims=True)).T, given).T
    told = ~np.isnan(believed[:, 0])
    accuracy = _accuracy(votes[told], believed[told], np.ones(np.count_nonzero(told)))
    return Fitted(believed, accuracy, np.nanmean(believed, axis=0))


LABEL_MODELS = {
    "dawid_skene": "include.label.label_model:dawid_skene",
    "majority": "include.label.label_model:majority",
    "snorkel": "include.label.snorkel_model:snorkel",
}


def label_model(key: str) -> Callable[..., Fitted]:
    """The label model of that key, which is called as `dawid_skene` is. Raises FatalError for an unknown one."""
    if key not in LABEL_MODELS:
        raise FatalError(
            f"There is no label model {key!r}.", fix=f"declare one of {', '.join(sorted(LABEL_MODELS))}."
        )
    module, name = LABEL_MODELS[key].split(":")
    found: Callable[..., Fitted] = getattr(import_module(module), name)
    return found


def consolidated(matrix: VoteMatrix, fitted: Fitted, items: Sequence[str]) -> Consolidated:
    """The model's labels of n items, in the form that people's votes come to; its annotators are the functions."""
    return Consolidated(tuple(items), matrix.classes, matrix.functions, fitted.probabilities, fitted.accuracy)


class _Rates:
    """How often each function votes what: the M step, and what it makes likely."""

    def __init__(self, votes: np.ndarray, classes: int, errors: Errors, abstaining: Abstaining) -> None:
        # One column of 0 and 1 for each function and class voted for, so that a step is a product of matrices.
        self._seen = np.stack([votes == c for c in range(classes)], axis=2).reshape(len(votes), -1).astype(float)
        self._shape = (classes, votes.shape[1], classes)
        self._errors, self._abstains = errors, abstaining == "by_class"

    def log_likelihood(self, weights: np.ndarray) -> np.ndarray:
        """(k, p): log probability of each pattern for each class.

        `weights` (k, p): how many rows of each pattern are believed to be of each class.
        """
        expected = (weights @ self._seen).reshape(self._shape)
        said = np.log(self._said(expected))
        silence: float | np.ndarray = 0.0
        if self._abstains:
            spoken = expected.sum(axis=2) + VOTES_BEFORE / 2
            voting = spoken / (weights.sum(axis=1)[:, None] + VOTES_BEFORE)
            # A vote takes the silence's factor back.
            said += (np.log(voting) - np.log1p(-voting))[:, :, None]
            silence = np.log1p(-voting).sum(axis=1)[:, None]
        return said.reshape(len(said), -1) @ self._seen.T + silence

    def _said(self, expected: np.ndarray) -> np.ndarray:
        """(k classes, m, k votes): the probability of each vote of a function that votes."""
        classes = len(expected)
        same = np.eye(classes, dtype=bool)[:, None, :]
        counted = expected + VOTES_BEFORE * np.where(same, RIGHT_BEFORE, (1 - RIGHT_BEFORE) / (classes - 1))
        if self._errors == "one_coin":
            right = np.einsum("cmc->m", counted) / counted.sum(axis=(0, 2))
            return np.where(same, right[:, None], ((1 - right) / (classes - 1))[:, None])
        return counted / counted.sum(axis=2, keepdims=True)


def _majority(votes: np.ndarray, classes: int, prior: np.ndarray) -> np.ndarray:
    """(k, p): the shares of the votes and one more, which is the prior's."""
    counts = np.stack([(votes == c).sum(axis=1) for c in range(classes)]) + prior[:, None]
    return counts / counts.sum(axis=0)


def _posterior(log_likelihood: np.ndarray, prior: np.ndarray) -> np.ndarray:
    joint = log_likelihood + np.log(prior)[:, None]
    joint = np.exp(joint - joint.max(axis=0))
    return joint / joint.sum(axis=0)


def _settled(believed: np.ndarray, given: np.ndarray) -> np.ndarray:
    """`believed` (k, p), but certain where the class is given."""
    places = np.flatnonzero(given != ABSTAIN)
    believed[:, places] = 0
    believed[given[places], places] = 1
    return believed


def _accuracy(votes: np.ndarray, believed: np.ndarray, counts: np.ndarray) -> np.ndarray:
    voted = votes != ABSTAIN
    right = np.take_along_axis(believed, np.where(voted, votes, 0).astype(np.int64), axis=1)
    with np.errstate(invalid="ignore"):
        return ((right * voted).T @ counts) / (voted.T @ counts)


def _refuse(
    votes: np.ndarray, classes: int, balance: Sequence[float] | None, known: np.ndarray | None
) -> None:  # fmt: skip
    if classes < 2:
        raise FatalError(f"There are {classes} classes to choose from.", fix="declare two classes or more.")
    if not (votes != ABSTAIN).any():
        raise FatalError(
            f"No labeling function voted on any of {len(votes)} rows.",
            fix="look at the rules' columns and words: they match nothing.",
        )
    if balance is not None and (
        len(balance) != classes or min(balance) <= 0 or not np.isclose(sum(balance), 1, atol=1e-6)
    ):
        raise FatalError(
            f"The class balance {list(balance)} is none of {classes} classes.",
            fix="give each class a share above 0, all of them summing to 1, or leave it out to have it learnt.",
        )
    if known is not None and len(known) != len(votes):
        raise FatalError(
            f"{len(known)} known classes are given for {len(votes)} rows.",
            fix=f"give one for each row, {ABSTAIN} where it is not known.",
        )


def _refuse_one_sided(votes: np.ndarray) -> None:
    for place, column in enumerate(votes.T):
        answers = np.unique(column[column != ABSTAIN])
        if len(answers) == 1:
            raise FatalError(
                f"Function {place} votes for class {answers[0]} alone: how it errs cannot be told from its votes.",
                fix='take errors and abstaining "by_class": its silence then tells of the other classes.',
            )
