import numpy as np
import pytest

from include.core.errors import FatalError
from include.label.mislabelled import Suspect, suspects

CLASSES = ("neg", "pos")


@pytest.fixture(scope="module")
def labelled():
    """200 items in two classes; a model sees the truth through some noise; 20 labels are turned."""
    rng = np.random.default_rng(5)
    truth = rng.integers(2, size=200)
    sure = rng.uniform(0.7, 0.95, size=200)
    model = np.where(np.eye(2, dtype=bool)[truth], sure[:, None], 1 - sure[:, None])
    given = truth.copy()
    given[:20] = 1 - given[:20]
    return [f"{n:03}" for n in range(200)], [CLASSES[g] for g in given], model


def test_turned_labels_are_found_the_least_likely_first(labelled):
    found = suspects(*labelled, CLASSES)
    assert {suspect.item for suspect in found} <= {f"{n:03}" for n in range(20)} and len(found) > 15
    assert [s.quality for s in found] == sorted(s.quality for s in found)
    assert all(s.given != s.likelier for s in found)


def test_the_order_of_the_rows_makes_no_difference(labelled):
    items, labels, model = labelled
    turned = suspects(items[::-1], labels[::-1], model[::-1], CLASSES)
    assert turned == suspects(items, labels, model, CLASSES)


def test_a_suspect_says_what_it_is_and_what_it_may_be(labelled):
    items, labels, model = labelled
    found = {suspect.item: suspect for suspect in suspects(items, labels, model, CLASSES)}
    given = CLASSES.index(labels[3])
    assert found["003"] == Suspect("003", CLASSES[given], CLASSES[1 - given], float(model[3, given]))


def test_good_labels_and_no_labels_give_no_suspects(labelled):
    items, _, model = labelled
    assert suspects(items, [CLASSES[c] for c in model.argmax(axis=1)], model, CLASSES) == ()
    assert suspects([], [], np.empty((0, 2)), CLASSES) == ()


@pytest.mark.parametrize(
    ("items", "labels", "model", "said"),
    [
        (["a"], ["maybe"], [[0.5, 0.5]], "'maybe' is a label and none of the classes neg, pos"),
        (["a", "a"], ["neg", "pos"], [[0.5, 0.5], [0.5, 0.5]], "'a' has two labels"),
        (["a"], ["neg"], [[0.5, 0.1]], "do not sum to 1"),
        (["a"], ["neg"], [[np.nan, np.nan]], "do not sum to 1"),
        (["a"], ["neg"], [[0.2, 0.3, 0.5]], r"1 items, 1 labels, 2 classes, and probabilities of shape \(1, 3\)"),
    ],
)
def test_what_cannot_be_judged_is_refused(items, labels, model, said):
    with pytest.raises(FatalError, match=said):
        suspects(items, labels, np.array(model), CLASSES)
