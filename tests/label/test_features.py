import cv2
import numpy as np
import pandas as pd
import pytest

from include.core.errors import FatalError
from include.label import features


def test_a_table_is_standardised_and_its_categories_are_columns():
    frame = pd.DataFrame({"a": [1.0, 3.0, np.nan], "b": ["x", None, "x"]})
    made = features.table(frame, ["a"], ["b"])
    assert made[:, 0] == pytest.approx(np.array([-1.2247, 1.2247, 0]), abs=1e-4)
    assert made[:, 1:].sum(axis=1).tolist() == [1, 1, 1] and made[0, 1:].tolist() == made[2, 1:].tolist()
    with pytest.raises(FatalError, match="no column 'c'"):
        features.table(frame, ["c"])


def test_texts_are_sparse_words_or_dense_dimensions_and_a_missing_one_is_nothing():
    texts = ["good film", "good film indeed", "bad film", "bad bad film", None]
    words = features.text(texts)
    assert words.shape[0] == 5 and words[4].nnz == 0
    dense = features.text(texts, dimensions=2)
    assert dense.shape == (5, 2)
    assert dense[0] @ dense[1] > dense[0] @ dense[2]
    assert np.array_equal(dense, features.text(texts, dimensions=2))
    with pytest.raises(FatalError, match="No word comes in two of 2 texts"):
        features.text(["one", "two"])


def test_images_are_grey_pixels_of_one_size():
    white = cv2.imencode(".png", np.full((30, 50, 3), 255, np.uint8))[1].tobytes()
    black = cv2.imencode(".png", np.zeros((8, 8), np.uint8))[1].tobytes()
    made = features.images([white, black], side=4)
    assert made.tolist() == [[1.0] * 16, [0.0] * 16]
    for broken in (b"", b"no image"):
        with pytest.raises(FatalError, match="Image 1 cannot be read"):
            features.images([white, broken])


def test_an_encoder_gives_each_item_a_row_of_finite_numbers():
    assert features.encoded(["a", "bb"], lambda items: [[len(one), 1] for one in items]).tolist() == [
        [1, 1],
        [2, 1],
    ]
    for bad in ([[1.0]], [1.0, 2.0], [[1.0], [np.inf]]):
        with pytest.raises(FatalError, match="encoder made an array of shape"):
            features.encoded(["a", "bb"], lambda items, bad=bad: bad)
