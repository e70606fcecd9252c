"""What a picture looks like, in 63 bits and in a thumbnail, and how alike pictures are by chance: pure functions.

The 63 bits are a perceptual hash (C. Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions,
2010): which of the lowest 8 × 8 frequencies of the thumbnail's cosine transform, but for its mean, exceed their
median. Pictures that differ by little differ in few bits; their thumbnails' correlation says how alike they are.
"""

from dataclasses import dataclass

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.publish)

SIDE = 32
# Grey levels by which a thumbnail must vary to show anything.
LEAST_CONTRAST = 2.0
# The shares of the pairs, and their least number, from which it is learnt how alike pictures are at most.
TAILS, LEAST_TAIL = (0.01, 0.002), 20


def thumbnail(data: bytes) -> np.ndarray | None:
    """The picture as SIDE × SIDE grey levels (float32); None for bytes that are no picture."""
    import cv2

    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE) if data else None
    if picture is None:
        return None
    return np.asarray(cv2.resize(picture.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA))


def shows_nothing(small: np.ndarray) -> bool:
    return bool(small.std() < LEAST_CONTRAST)


def perceptual_hash(small: np.ndarray) -> int:
    import cv2

    frequencies = cv2.dct(small)[:8, :8].ravel()[1:]
    return int("".join("01"[bit] for bit in (frequencies > np.median(frequencies)).astype(int)), 2)


def normal(small: np.ndarray) -> np.ndarray:
    """The thumbnail as a vector of mean 0 and length 1: products of two are their correlation."""
    vector = (small - small.mean()).ravel()
    return vector / max(float(np.linalg.norm(vector)), 1e-12)


def likeness(correlation: np.ndarray) -> np.ndarray:
    """Fisher's z of a correlation, in which alike pictures' tail is about exponential; 10.7 for equal ones."""
    # In 32 bits, 1 - 1e-9 is 1, of which z is infinite.
    return np.arctanh(np.clip(correlation.astype(np.float64), 1e-9 - 1, 1 - 1e-9))


@dataclass(frozen=True, slots=True)
class Tail:
    """A likeness' tail: it exceeds `threshold` by more than x with the probability `share` · exp(-x / `scale`)."""

    share: float
    threshold: float
    scale: float

    def of(self, value: float) -> float:
        return min(1.0, self.share * float(np.exp(-max(0.0, value - self.threshold) / self.scale)))


@dataclass(frozen=True, slots=True)
class Looks:
    """How alike two pictures of different groups are by chance, by tails of several sizes; without any, always."""

    tails: tuple[Tail, ...] = ()

    def of(self, value: float) -> float:
        """The probability that two pictures are as alike as that, or more: the largest that a tail gives."""
        return max((tail.of(value) for tail in self.tails), default=1.0)


def learn(vectors: np.ndarray, hashes: np.ndarray, groups: np.ndarray, bits: int) -> Looks:
    """Learn from a sample of n pictures: normal thumbnails (n, d), hashes (n,), groups (n,).

    A tail's scale is the median excess over its threshold / ln 2, which some copies in the sample do not sway; its
    share is of pairs that differ in no more than `bits` bits, too, since others are not candidates.
    """
    first, second = np.triu_indices(len(vectors), 1)
    _, family = np.unique(groups, return_inverse=True)
    apart = family[first] != family[second]
    first, second = first[apart], second[apart]
    if first.size < LEAST_TAIL:
        return Looks()
    values = likeness((vectors @ vectors.T)[first, second])
    order = np.argsort(values, kind="stable")
    near = np.bitwise_count(hashes[first] ^ hashes[second]) <= bits
    tails = []
    for part in TAILS:
        top = order[-max(LEAST_TAIL, round(part * values.size)) :]
        threshold = float(values[top[0]])
        share = top.size / values.size * (np.count_nonzero(near[top]) + 1) / (top.size + 1)
        scale = float(np.median(values[top] - threshold)) / np.log(2)
        tails.append(Tail(float(share), threshold, max(scale, 1e-3)))
    return Looks(tuple(tails))
