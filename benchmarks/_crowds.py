"""Simulated annotators, who are right as often as their skill says and else say any other class as likely."""

import numpy as np

from include.label.votes import Votes

# Of the digits' annotators, evenly from the worst to the best.
DIGIT_SKILLS = np.linspace(0.45, 0.875, 20)


def answers(
    truth: np.ndarray, skill: np.ndarray, each: int, classes: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """(items, each) annotators, drawn without repetition for each item, and what they say."""
    draw = np.random.default_rng(seed)
    who = np.sort(np.argsort(draw.random((len(truth), len(skill))), axis=1)[:, :each], axis=1)
    right = draw.random(who.shape) < skill[who]
    other = (truth[:, None] + draw.integers(1, classes, size=who.shape)) % classes
    return who, np.where(right, truth[:, None], other)


def votes(who: np.ndarray, said: np.ndarray, annotators: int, classes: int) -> Votes:
    """The same as votes, with numbers for names."""
    items, each = who.shape
    return Votes(
        items=tuple(f"{item:07}" for item in range(items)),
        annotators=tuple(f"{place:03}" for place in range(annotators)),
        classes=tuple(str(place) for place in range(classes)),
        item=np.repeat(np.arange(items, dtype=np.int32), each),
        annotator=who.ravel().astype(np.int32),
        label=said.ravel().astype(np.int32),
    )
