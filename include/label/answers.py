"""What rules answer, as votes, and which row a rule stumbles over."""

from collections.abc import Callable
from typing import Any

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.label)
import pandas as pd  # noqa: TID253

from include.core.errors import FatalError
from include.label.vote_matrix import ABSTAIN


def votes_where(true: np.ndarray, name: str, label: str, classes: tuple[str, ...]) -> np.ndarray:
    if label not in classes:
        raise FatalError(
            f"The labeling function {name!r} votes {label!r}, which is none of {', '.join(classes)}.",
            fix="correct its label, or add the class to the dataset's labelling.",
        )
    return np.where(true, classes.index(label), ABSTAIN).astype(np.int8)


def votes_of(answer: Any, name: str, keys: pd.Series, classes: tuple[str, ...]) -> np.ndarray:
    """Answers as int8 places of classes; FatalError for the first that is none."""
    if pd.api.types.is_integer_dtype(answer):
        places = pd.Series(answer).fillna(ABSTAIN).to_numpy(dtype=np.int64)
        bad = (places < ABSTAIN) | (places >= len(classes))
    else:
        values = pd.Series(answer).astype(object)
        places = values.map({label: place for place, label in enumerate(classes)}).to_numpy(dtype=np.float64)
        bad = np.isnan(places) & values.notna().to_numpy()
        places = np.nan_to_num(places, nan=ABSTAIN)
    for place in np.flatnonzero(bad)[:1]:
        raise unknown(name, np.asarray(answer, dtype=object)[place], keys.iloc[place], classes)
    return places.astype(np.int8)


def unknown(name: str, answer: Any, shown: Any, classes: tuple[str, ...]) -> FatalError:
    return FatalError(
        f"The labeling function {name!r} said {answer!r} of row {shown!r}.",
        fix=f"answer one of {', '.join(classes)}, or its place from 0; abstain with None or {ABSTAIN}.",
    )


def failing_row(ask: Callable[[pd.DataFrame], Any], table: pd.DataFrame) -> int | None:
    """A row that fails by itself, found by halving; None if rows fail only together."""
    start, end = 0, len(table)
    while end - start > 1:
        middle = (start + end) // 2
        if _fails(ask, table.iloc[start:middle]):
            end = middle
        elif _fails(ask, table.iloc[middle:end]):
            start = middle
        else:
            return None
    return start if end > start else None


def _fails(ask: Callable[[pd.DataFrame], Any], part: pd.DataFrame) -> bool:
    try:
        ask(part)
    except Exception:
        return True
    return False
