"""How good predicted probabilities are: pure functions of true classes and probabilities."""

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.publish)

# The precision at which recall is told.
PRECISION = 0.5
RESAMPLES = 200


def scores(truth: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """Of one class against the rest: `truth` (n,) bool, of either kind, and `probability` (n,) of being true.

    The calibration slope is that of a logistic regression of the truth on the log-odds (D. R. Cox, Two Further
    Applications of a Model for Binary Regression, 1958): 1 is calibrated, less is overconfident.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import average_precision_score, brier_score_loss, precision_recall_curve, roc_auc_score

    precision, recall, _ = precision_recall_curve(truth, probability)
    clipped = np.clip(probability, 1e-6, 1 - 1e-6)
    odds = np.log(clipped / (1 - clipped))[:, None]
    slope = LogisticRegression(C=np.inf).fit(odds, truth).coef_[0, 0] if np.ptp(odds) else 0.0
    return {
        "average_precision": float(average_precision_score(truth, probability)),
        "roc_auc": float(roc_auc_score(truth, probability)),
        "recall_at_precision": float(recall[precision >= PRECISION].max(initial=0.0)),
        "brier": float(brier_score_loss(truth, probability)),
        "calibration_slope": float(slope),
        "mean_prediction_to_prevalence": float(probability.mean() / truth.mean()),
    }


def average_precision(truth: np.ndarray, score: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The average precision for each of b weightings (b, n) of n rows: the sum of precision · gain in recall."""
    order = np.argsort(-score, kind="stable")
    # Rows of one score are taken together: only the last of them is a threshold.
    last = np.append(np.diff(score[order]) != 0, True)
    positives = np.cumsum(weight[:, order] * truth[order], axis=1)[:, last]
    taken = np.cumsum(weight[:, order], axis=1)[:, last]
    gains = np.diff(positives, axis=1, prepend=0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nansum(gains * positives / taken, axis=1) / positives[:, -1]


def gain(
    truth: np.ndarray, ours: np.ndarray, theirs: np.ndarray, groups: np.ndarray, seed: int
) -> tuple[float, float, float]:
    """The difference in average precision of two predictions of the same rows, and its 95 % interval.

    The interval is a percentile bootstrap of whole groups: rows of a group are not independent.
    """
    numbers, member = np.unique(groups, return_inverse=True)
    drawn = np.random.default_rng(seed).multinomial(
        numbers.size, np.full(numbers.size, 1 / numbers.size), RESAMPLES
    )
    weights = np.vstack([np.ones(len(truth)), drawn[:, member]]).astype(np.float64)
    weights = weights[(weights * truth).sum(axis=1) > 0]
    differences = average_precision(truth, ours, weights) - average_precision(truth, theirs, weights)
    low, high = np.quantile(differences[1:], (0.025, 0.975))
    return float(differences[0]), float(low), float(high)
