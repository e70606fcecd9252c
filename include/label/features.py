"""Rows as numbers, for models and distances: tables, texts, images, or what an encoder makes of them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.label)
import pandas as pd  # noqa: TID253

from include.core.errors import FatalError


def table(frame: pd.DataFrame, numeric: Sequence[str], categorical: Sequence[str] = ()) -> np.ndarray:
    """(n, f): numbers standardised, missing ones at the median; categories, missing too, as columns of 0 and 1."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    if lacking := [column for column in (*numeric, *categorical) if column not in frame.columns]:
        raise FatalError(f"The frame has no column {lacking[0]!r}.", fix="name its columns, or select it.")
    numbers = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    parts = [
        ("numeric", numbers, list(numeric)),
        ("categorical", OneHotEncoder(sparse_output=False), list(categorical)),
    ]
    made: np.ndarray = ColumnTransformer(parts).fit_transform(frame)
    return made


def text(texts: Sequence[str | None], *, dimensions: int | None = None, seed: int = 0) -> Any:
    """(n, words) sparse TF-IDF of words and pairs of words; or its `dimensions` of largest variance, dense.

    A word counts 1 + log of its frequency (sublinear), and must come in two texts at least. The dimensions are
    those of latent semantic analysis (Deerwester et al., 1990), rows scaled to length 1.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    known = ["" if pd.isna(one) else str(one) for one in texts]
    try:
        words = TfidfVectorizer(sublinear_tf=True, min_df=2, ngram_range=(1, 2)).fit_transform(known)
    except ValueError as error:
        raise FatalError(
            f"No word comes in two of {len(known)} texts.", fix="name a column of text, or give more rows."
        ) from error
    if dimensions is None:
        return words
    width = min(dimensions, min(words.shape) - 1)
    return normalize(TruncatedSVD(max(1, width), random_state=seed).fit_transform(words))


def images(pictures: Sequence[bytes], *, side: int = 16) -> np.ndarray:
    """(n, side · side) float32 from 0 to 1: PNG or JPEG files, grey and scaled. FatalError for other bytes."""
    import cv2

    rows = np.empty((len(pictures), side * side), dtype=np.float32)
    for place, picture in enumerate(pictures):
        grey = cv2.imdecode(np.frombuffer(picture, dtype=np.uint8), cv2.IMREAD_GRAYSCALE) if picture else None
        if grey is None:
            raise FatalError(f"Image {place} cannot be read.", fix="keep rows without a readable image out.")
        rows[place] = cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA).ravel() / np.float32(255)
    return rows


def encoded(items: Sequence[Any], encoder: Callable[[Sequence[Any]], Any]) -> np.ndarray:
    """(n, f): what an encoder, such as a sentence transformer's `encode`, makes of n items.

    Raises FatalError if that is no row of finite numbers for each.
    """
    made = np.asarray(encoder(items), dtype=np.float64)
    if made.ndim != 2 or len(made) != len(items) or not np.isfinite(made).all():
        raise FatalError(
            f"The encoder made an array of shape {made.shape} of {len(items)} items, or one with missing numbers.",
            fix="return one row of finite numbers an item.",
        )
    return made
