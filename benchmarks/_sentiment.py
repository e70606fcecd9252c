"""Rules about a film review's sentiment, from what anyone knows of such words; no review was looked at."""

import re
from typing import Any

import numpy as np
import pandas as pd

from include.label.functions import labeling_function
from include.specs.rules import Keyword, Regex

PRAISE = (
    "amazing", "beautiful", "beautifully", "best", "brilliant", "brilliantly", "captivating", "charming",
    "clever", "compelling", "delight", "delightful", "excellent", "extraordinary", "fantastic",
    "fascinating", "flawless", "gem", "great", "hilarious", "impressive", "incredible", "inspired", "loved",
    "magnificent", "marvelous", "masterful", "masterpiece", "memorable", "moving", "outstanding", "perfect",
    "perfectly", "powerful", "refreshing", "remarkable", "stunning", "superb", "superbly", "terrific",
    "thrilling", "touching", "unforgettable", "witty", "wonderful", "wonderfully",
)  # fmt: skip
BLAME = (
    "annoying", "atrocious", "awful", "bad", "badly", "bland", "bored", "boring", "clumsy", "contrived",
    "disappointing", "disappointment", "disaster", "dreadful", "dull", "embarrassing", "fails", "flat",
    "forgettable", "garbage", "hated", "horrible", "idiotic", "inept", "insulting", "lame", "laughable",
    "lifeless", "mediocre", "mess", "mindless", "pathetic", "pointless", "poor", "poorly", "predictable",
    "ridiculous", "sloppy", "stupid", "tedious", "terrible", "tiresome", "unfunny", "uninspired",
    "unwatchable", "waste", "wasted", "weak", "worst", "worthless",
)  # fmt: skip


def _count(text: pd.Series, words: tuple[str, ...]) -> pd.Series:
    return text.str.count(rf"\b(?:{'|'.join(map(re.escape, words))})\b")


def _weighed(text: pd.Series) -> Any:
    more = _count(text, PRAISE) - _count(text, BLAME)
    return np.sign(more).map({1: "pos", -1: "neg"})


@labeling_function("text")
def more_praise_or_blame(text: pd.Series) -> Any:
    return _weighed(text)


@labeling_function("text")
def last_words(text: pd.Series) -> Any:
    """A review ends with its verdict."""
    return _weighed(text.str[-500:])


@labeling_function("text")
def first_words(text: pd.Series) -> Any:
    return _weighed(text.str[:500])


@labeling_function("text")
def bad_or_great(text: pd.Series) -> Any:
    more = _count(text, ("great", "excellent", "wonderful")) - _count(text, ("bad", "worse", "worst"))
    return np.sign(more).map({1: "pos", -1: "neg"})


@labeling_function("text", label="neg")
def many_questions(text: pd.Series) -> Any:
    """Who is annoyed asks what it was all for."""
    return text.str.count(r"\?") >= 4


RULES = (
    more_praise_or_blame,
    last_words,
    first_words,
    bad_or_great,
    many_questions,
    Keyword(name="high_praise", label="pos", column="text", words=(
        "masterpiece", "superb", "brilliant", "outstanding", "magnificent", "breathtaking", "unforgettable",
        "flawless", "extraordinary", "masterful", "oscar-worthy", "classic",
    )),
    Keyword(name="contempt", label="neg", column="text", words=(
        "awful", "terrible", "horrible", "pathetic", "garbage", "unwatchable", "laughable", "idiotic", "atrocious",
        "worthless", "ridiculous", "stupid", "lame",
    )),
    Keyword(name="boredom", label="neg", column="text", words=(
        "boring", "bored", "dull", "tedious", "yawn", "asleep", "pointless", "lifeless", "bland", "tiresome",
    )),
    Keyword(name="emotion", label="pos", column="text", words=(
        "moving", "touching", "powerful", "poignant", "compelling", "haunting", "captivating", "heartfelt",
        "subtle",
    )),
    Regex(name="advice_for", label="pos", column="text", pattern=(
        r"highly recommend|strongly recommend|must[- ]see|don't miss|do not miss|well worth|worth seeing"
        r"|one of the (?:year's )?(?:best|finest|greatest)|see it again"
        r"|(?:best|finest) (?:films?|movies?|pictures?) of the (?:year|decade)"
    )),
    Regex(name="advice_against", label="neg", column="text", pattern=(
        r"waste of (?:time|money|talent|film)|save your (?:money|time)|your money back|avoid (?:this|it)"
        r"|stay away|skip (?:this|it)|one of the (?:year's )?worst|worst (?:films?|movies?)|walk(?:ed)? out"
        r"|don't bother"
    )),
    Regex(name="missed_chance", label="neg", column="text", pattern=(
        r"fails to|failed to|supposed to be|(?:could|would|should) have been|had potential|wasted|unfortunately"
        r"|too bad|at least|doesn't work|makes no sense|no sense"
    )),
)  # fmt: skip
