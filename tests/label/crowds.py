"""Simulated annotators of known skill, for the tests of what is made of their votes."""

import numpy as np

from include.label.votes import Votes


def votes_from(answers, annotator, classes):
    """Votes of a matrix (items, votes each); `annotator` is of its shape, or says who stands in each column."""
    items, each = answers.shape
    return Votes(
        items=tuple(f"{item:05}" for item in range(items)),
        annotators=tuple(f"a{place:03}" for place in range(np.max(annotator) + 1)),
        classes=tuple(classes),
        item=np.repeat(np.arange(items, dtype=np.int32), each),
        annotator=np.broadcast_to(annotator, answers.shape).ravel().astype(np.int32),
        label=answers.ravel().astype(np.int32),
    )


def coins(skill, width):
    """Confusion matrices (annotators, classes, classes) of who is right so often, and else says any other."""
    right = np.asarray(skill)[:, None, None]
    return np.where(np.eye(width, dtype=bool), right, (1 - right) / (width - 1))


def simulated(seed, confusion, items=600, each=3):
    """The truth (items,), and votes of `each` of the annotators on each item, drawn by their `confusion`."""
    draw = np.random.default_rng(seed)
    people, width, _ = confusion.shape
    truth = draw.integers(width, size=items)
    who = np.sort(np.argsort(draw.random((items, people)), axis=1)[:, :each], axis=1)
    below = np.cumsum(confusion[who, truth[:, None]], axis=2)
    said = (draw.random((items, each, 1)) > below).sum(axis=2).clip(max=width - 1)
    return truth, votes_from(said, who, "abcdefgh"[:width])
