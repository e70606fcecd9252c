"""Dawid–Skene: how often each annotator takes one class for another, and the true classes, estimated together.

Dawid, Skene: "Maximum likelihood estimation of observer error-rates using the EM algorithm", Applied Statistics
28, 1979. Votes on an item are independent given its true class. Both steps of EM are one product with a sparse
matrix that says which answers (annotator, class) each item got, so that missing votes cost nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.label)
from scipy.sparse import csr_array

from include.core.errors import FatalError
from include.label.votes import Consolidated, Votes, refuse_none

# EM has arrived when an item's mean log-likelihood grows by less, and has not after so many rounds.
TOLERANCE, ROUNDS = 1e-5, 200
# Votes that are supposed before the first real one: for each class of each true class of an annotator, as one coin
# would say them; and for each annotator's one coin, as all are right on average.
SMOOTHING, COIN_SMOOTHING = 1.0, 1.0


@dataclass(frozen=True, slots=True)
class Fit:
    """What EM arrived at: `consolidated`, the share of each class (k,), and how annotators answer.

    `confusion` (annotators, classes, classes) float64 is the probability that the second class is said where the
    first is true. `arrived` is False if EM still made headway after `rounds` rounds.
    """

    consolidated: Consolidated
    prior: np.ndarray
    confusion: np.ndarray
    rounds: int
    arrived: bool


def dawid_skene(votes: Votes, *, smoothing: float = SMOOTHING, rounds: int = ROUNDS) -> Fit:
    """Each annotator has a confusion matrix, smoothed towards the one-coin model of the same annotator.

    Its row for a true class is (expected counts + `smoothing` · k · the annotator's one-coin row) / their sum, the
    mean under a Dirichlet distribution of that many votes, k classes: an annotator with few votes has in effect
    one parameter, one with many has k(k − 1), and 0 is the paper's maximum likelihood but for cells of probability
    0. EM begins with the shares of votes (majority), works with logarithms, and ends when an item's mean
    log-likelihood grows by less than `TOLERANCE`. Raises FatalError where no item has two votes.
    """
    return _fit(votes, lambda counts: _full(counts, smoothing), rounds)


def one_coin(votes: Votes, *, smoothing: float = COIN_SMOOTHING, rounds: int = ROUNDS) -> Fit:
    """Each annotator is right with one probability, and otherwise says any other class as likely.

    Its estimate is (expected right answers + `smoothing` · mean accuracy of all) / (votes + `smoothing`); else as
    `dawid_skene`. It needs fewer votes of each annotator, and cannot learn who mixes up which two classes. Zhang,
    Chen, Zhou, Jordan: "Spectral methods meet EM", JMLR 17, 2016, call it the one-coin model.
    """
    return _fit(votes, lambda counts: _one(counts, smoothing), rounds)


def known_skill(votes: Votes, skill: np.ndarray) -> Consolidated:
    """The one-coin posterior for known accuracies (annotators,), from gold items; classes are equally likely.

    It is weighted voting with the weights log(p (k − 1) / (1 − p)), optimal for independent annotators: Nitzan,
    Paroush: "Optimal decision rules in uncertain dichotomous choice situations", Int. Econ. Rev. 23, 1982. Raises
    FatalError without votes.
    """
    refuse_none(votes)
    width = len(votes.classes)
    answers = _Answers(votes)
    confusion = _coins(np.clip(skill, 1e-6, 1 - 1e-6), width)
    probabilities = answers.spread(answers.truth(np.full(width, 1 / width), confusion)[0])
    return Consolidated(
        votes.items, votes.classes, votes.annotators, probabilities, np.asarray(skill, dtype=float)
    )


@dataclass(slots=True)
class _Answers:
    """`matrix` (voted items, annotators · classes) has a one for each vote."""

    votes: Votes
    voted: np.ndarray = field(init=False)
    matrix: csr_array = field(init=False)

    def __post_init__(self) -> None:
        votes = self.votes
        number = np.bincount(votes.item, minlength=len(votes.items))
        self.voted = np.flatnonzero(number)
        answer = votes.annotator * len(votes.classes) + votes.label
        # Votes come sorted by item, which is how the matrix is stored.
        starts = np.concatenate([[0], np.cumsum(number[self.voted])])
        shape = (len(self.voted), len(votes.annotators) * len(votes.classes))
        self.matrix = csr_array((np.ones(len(answer)), answer, starts), shape=shape)

    def counts(self, truth: np.ndarray) -> np.ndarray:
        """Expected votes (annotators, true class, class said), given the probabilities of voted items."""
        width = len(self.votes.classes)
        return np.asarray((self.matrix.T @ truth).reshape(-1, width, width).transpose(0, 2, 1))

    def truth(self, prior: np.ndarray, confusion: np.ndarray) -> tuple[np.ndarray, float]:
        """The probabilities (voted items, classes) by Bayes' rule, and an item's mean log-likelihood."""
        width = len(self.votes.classes)
        said = np.log(confusion).transpose(0, 2, 1).reshape(-1, width)
        joint = self.matrix @ said + np.log(prior)
        # Column by column: numpy goes through rows of a few classes one by one.
        largest = reduce(np.maximum, joint.T)[:, None]
        joint -= largest
        np.exp(joint, out=joint)
        whole = joint @ np.ones((width, 1))
        joint /= whole
        return joint, float((np.log(whole) + largest).mean())

    def spread(self, truth: np.ndarray) -> np.ndarray:
        whole = np.full((len(self.votes.items), len(self.votes.classes)), np.nan)
        whole[self.voted] = truth
        return whole


def _fit(votes: Votes, confusion_of: Callable[[np.ndarray], np.ndarray], rounds: int) -> Fit:
    _refuse_unshared(votes)
    answers = _Answers(votes)
    shares = votes.table()[answers.voted].astype(float)
    truth = shares / shares.sum(axis=1, keepdims=True)
    likelihood, gain, done = -np.inf, np.inf, 0
    while gain >= TOLERANCE and done < rounds:
        # One item is supposed of all classes alike, so that none has the probability 0.
        prior = (truth.sum(axis=0) + 1 / len(votes.classes)) / (len(truth) + 1)
        confusion = confusion_of(answers.counts(truth))
        truth, reached = answers.truth(prior, confusion)
        likelihood, gain, done = reached, reached - likelihood, done + 1
    skill = np.einsum("k,akk->a", prior, confusion)
    consolidated = Consolidated(votes.items, votes.classes, votes.annotators, answers.spread(truth), skill)
    return Fit(consolidated, prior, confusion, done, gain < TOLERANCE)


def _refuse_unshared(votes: Votes) -> None:
    refuse_none(votes)
    if np.bincount(votes.item).max() < 2:
        raise FatalError(
            "No item has two votes, and then any vote seems certain: nothing tells how good annotators are.",
            fix="have some items labelled twice, or consolidate by gold, or by majority, which only counts.",
        )


def _full(counts: np.ndarray, smoothing: float) -> np.ndarray:
    # A cell that nobody ever used has no probability of 0 either, whatever the smoothing.
    smooth = counts + max(smoothing, 1e-6) * counts.shape[1] * _one(counts, COIN_SMOOTHING)
    return np.asarray(smooth / smooth.sum(axis=2, keepdims=True))


def _one(counts: np.ndarray, smoothing: float) -> np.ndarray:
    right, said = counts.trace(axis1=1, axis2=2), counts.sum(axis=(1, 2))
    everyone = (right.sum() + 1) / (said.sum() + counts.shape[1])
    return _coins((right + smoothing * everyone) / (said + smoothing), counts.shape[1])


def _coins(accuracy: np.ndarray, width: int) -> np.ndarray:
    """The confusion matrices of annotators who are right that often, and else say any other class as likely."""
    right = accuracy[:, None, None]
    return np.where(np.eye(width, dtype=bool), right, (1 - right) / max(1, width - 1))
