"""The sentiment of film reviews from rules alone, then with 200 labels too."""

from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from benchmarks._peer import not_measured
from benchmarks._real import missing, reviews
from benchmarks._sentiment import RULES
from benchmarks.harness import report
from include.label.functions import apply
from include.label.label_model import dawid_skene, majority
from include.label.vote_matrix import ABSTAIN

QUESTION = "sentiment of 2,000 film reviews: rules and 200 labels, against the 200 labels alone; accuracy"
GOAL = 1.0
SEEDS = 20
LABELS = 200
TEST = 600
# A person's label weighs as much as three of the label model's.
WEIGHT = 3.0
CLASSES = ("neg", "pos")


def run() -> dict[str, Any]:
    """Each seed draws a test part of 600 and 200 labels anew. The rules were written before any was drawn; the
    regularisation and the weight of a label were chosen on other draws.

    Rules alone need no labels, so they are compared on all reviews: a model of the text learns from the label
    model's probabilities, and predicts reviews that it did not learn from. An undecided one counts as half right.
    """
    if why := missing("movie_reviews.csv.gz"):
        return not_measured("weak_supervision", QUESTION, goal=GOAL, why=why)
    table = reviews()
    truth = (table["sentiment"] == "pos").to_numpy().astype(np.int8)
    votes = apply(RULES, table, CLASSES, key="review_id").votes
    text = TfidfVectorizer(sublinear_tf=True, min_df=3, max_df=0.5).fit_transform(table["text"])
    by_majority, by_model = (_positive(fit(votes, 2)) for fit in (majority, dawid_skene))
    through_text, majority_through_text = (_across_folds(text, believed) for believed in (by_model, by_majority))
    gain = _interval(_right(through_text, truth) - _right(by_majority, truth))
    seen = [_with_labels(seed, votes, text, truth) for seed in range(SEEDS)]
    both, alone, on_votes, known = (np.array(column) for column in zip(*seen, strict=True))
    more = _interval(both - alone)
    return report(
        "weak_supervision", QUESTION, list(both), list(alone), goal=GOAL, peer="200 labels alone", unit="",
        ours_name="rules and 200 labels", at_least=True, also=bool(gain[0] > 0 and more[0] > 0),
        figures={
            "rules alone, majority": float(_right(by_majority, truth).mean()),
            "rules alone, label model": float(_right(by_model, truth).mean()),
            "rules alone, label model and a model of the text": float(_right(through_text, truth).mean()),
            "rules alone, majority and a model of the text": float(_right(majority_through_text, truth).mean()),
            "rules alone (label model, text) above majority, 95 %": _told(gain),
            "rules and 200 labels above 200 labels alone, 95 %": _told(more),
            "label model that knows the 200 labels, no text": float(known.mean()),
            "200 labels on the rules' votes, no text": float(on_votes.mean()),
        },
    )  # fmt: skip


def _with_labels(seed: int, votes: np.ndarray, text: Any, truth: np.ndarray) -> tuple[float, ...]:
    """Accuracy on the test part of four models: rules and labels, labels alone, votes alone, the label model."""
    order = np.random.default_rng(seed).permutation(len(truth))
    test, train = order[:TEST], order[TEST:]
    labelled = train[:LABELS]
    known = np.full(len(truth), ABSTAIN, dtype=np.int8)
    known[labelled] = truth[labelled]
    believed = _positive(dawid_skene(votes, 2, known=known))
    both = _learnt(text[train], believed[train], np.where(known[train] != ABSTAIN, WEIGHT, 1.0))
    alone = GridSearchCV(LogisticRegression(solver="liblinear"), {"C": [1, 10, 100, 1000]}, cv=5)
    alone.fit(text[labelled], truth[labelled])
    told = np.concatenate([votes == 0, votes == 1], axis=1).astype(float)
    on_votes = LogisticRegression().fit(told[labelled], truth[labelled])
    predicted = (
        both.predict_proba(text)[:, 1],
        alone.predict_proba(text)[:, 1],
        on_votes.predict_proba(told)[:, 1],
    )
    return tuple(float(_right(p, truth)[test].mean()) for p in (*predicted, believed))


def _learnt(text: Any, positive: np.ndarray, weights: np.ndarray) -> Any:
    """A model of the text that learns from probabilities: a row is one of each class, weighing p and 1 - p."""
    twice, classes = np.tile(np.arange(len(positive)), 2), np.repeat([1, 0], len(positive))
    shares = np.concatenate([positive, 1 - positive]) * np.tile(weights, 2)
    return LogisticRegression(C=10, solver="liblinear").fit(text[twice], classes, sample_weight=shares)


def _across_folds(text: Any, positive: np.ndarray) -> np.ndarray:
    fold = np.random.default_rng(0).permutation(len(positive)) % 5
    predicted = np.empty(len(positive))
    for number in range(5):
        train, rest = fold != number, fold == number
        model = _learnt(text[train], positive[train], np.ones(np.count_nonzero(train)))
        predicted[rest] = model.predict_proba(text[rest])[:, 1]
    return predicted


def _positive(fitted: Any) -> np.ndarray:
    return np.nan_to_num(fitted.probabilities[:, 1], nan=0.5)


def _right(positive: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.where(np.isclose(positive, 0.5), 0.5, (positive > 0.5) == truth)


def _interval(values: np.ndarray) -> tuple[float, float]:
    """The 95 % bootstrap interval of the mean."""
    drawn = np.random.default_rng(0).choice(values, (2000, len(values))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def _told(interval: tuple[float, float]) -> str:
    return f"{interval[0]:+.3f} to {interval[1]:+.3f}"
