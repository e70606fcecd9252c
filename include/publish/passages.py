"""Texts as sets of passages, and sets as short sketches by which alike ones are found: pure functions.

MinHash with one permutation (P. Li, A. Owen, C.-H. Zhang, NIPS 2012) and densification by rotation (A.
Shrivastava, P. Li, ICML 2014): the hashes of a set fall into bins by their first bits, each bin keeps the
smallest, an empty one borrows from the next. Two sets agree in a bin with the probability of their Jaccard
similarity J. Bins are cut into bands; texts that agree in one band are candidates, with the probability
1 - (1 - J^ROWS)^BANDS, which is 0.9999999 at J = 0.8.
"""

import hashlib
import re
import unicodedata

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.publish)

# Characters of a passage by which alike texts are found, and of one that is so long that it is rarely repeated.
SHINGLE, PASSAGE = 8, 20
# A phrase in use: more rows than these have it (the two compared included), and it is no longer than that.
COMMON, LONG = 7, 200
BANDS, ROWS = 32, 4
BIN_BITS = 7

_BINS = BANDS * ROWS
_FACTOR, _MIX_1, _MIX_2 = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def canonical(text: str) -> str:
    """The text as it is compared: Unicode's NFKC, no case, white space as single blanks."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text).casefold()).strip()


def digest(canonical_text: str) -> int:
    """64 bits of the text's SHA-256, signed, as Postgres' bigint."""
    return int.from_bytes(hashlib.sha256(canonical_text.encode()).digest()[:8], "big", signed=True)


def passages(canonical_text: str, length: int) -> np.ndarray:
    """The hashes of all passages of `length` characters, in the text's order; of a shorter text there is none."""
    codes = np.frombuffer(canonical_text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    count = max(0, len(codes) - length + 1)
    hashes = np.zeros(count, np.uint64)
    for place in range(length if count else 0):
        hashes = hashes * _FACTOR + codes[place : place + count]
    return _mixed(hashes)


def shingles(canonical_text: str) -> np.ndarray:
    """The text as a set: the distinct hashes of its short passages, sorted."""
    return np.unique(passages(canonical_text, SHINGLE))


def bands(hashed: np.ndarray) -> np.ndarray:
    """BANDS hashes (int64) of a sorted set of hashes; none of an empty set."""
    if not hashed.size:
        return np.empty(0, np.int64)
    shift = np.uint64(64 - BIN_BITS)
    numbers = np.arange(_BINS, dtype=np.uint64)
    place = np.minimum(np.searchsorted(hashed, numbers << shift), hashed.size - 1)
    filled = np.flatnonzero(hashed[place] >> shift == numbers)
    lender = filled[np.searchsorted(filled, np.arange(_BINS)) % filled.size]
    distance = ((lender - np.arange(_BINS)) % _BINS).astype(np.uint64)
    smallest = _mixed(hashed[place[lender]] + distance * _FACTOR).reshape(BANDS, ROWS)
    hashes = np.arange(1, BANDS + 1, dtype=np.uint64)
    for column in smallest.T:
        hashes = _mixed(hashes * _FACTOR + column)
    return hashes.view(np.int64)


def jaccard(first: np.ndarray, second: np.ndarray) -> float:
    """The share of two sorted sets' union that both hold; 0 for two empty ones."""
    shared = np.intersect1d(first, second, assume_unique=True).size
    union = first.size + second.size - shared
    return shared / union if union else 0.0


class Unseen:
    """How much of some texts' passages no other text has, but for their copies.

    A text holds the hashes of its long passages in their order, and which of them count (`shared`). Another text
    that has most of these and little else is a copy, and its passages are not looked at, unless there are more
    than `COMMON` copies of fewer than `LONG` passages: a phrase in use.
    """

    def __init__(self, texts: list[tuple[np.ndarray, np.ndarray]], copy: float) -> None:
        self._texts = texts
        self._sizes = np.array([np.count_nonzero(shared) for _, shared in texts], dtype=np.intp)
        owners = np.repeat(np.arange(len(texts)), [hashes.size for hashes, _ in texts])
        hashes = np.concatenate([*(hashes for hashes, _ in texts), np.empty(0, np.uint64)])
        self._order = np.argsort(hashes, kind="stable")
        self._hashes, self._owners = hashes[self._order], owners[self._order]
        self._counting = np.concatenate([*(shared for _, shared in texts), np.empty(0, bool)])[self._order]
        self._seen = np.zeros(len(hashes), dtype=bool)
        self._copies = np.zeros(len(texts), dtype=np.intp)
        self._copy = copy

    def see(self, other: np.ndarray) -> None:
        """Take notice of another text's passages."""
        other = np.unique(other)
        low, high = (np.searchsorted(self._hashes, other, side) for side in ("left", "right"))
        if not (met := high - low).any():
            return
        entries = np.repeat(low, met) + np.arange(met.sum()) - np.repeat(np.cumsum(met) - met, met)
        overlap = np.bincount(self._owners[entries[self._counting[entries]]], minlength=len(self._sizes))
        copies = (overlap >= self._copy * self._sizes) & (overlap >= self._copy * other.size)
        self._copies += copies
        self._seen[entries[~copies[self._owners[entries]]]] = True

    def counts(self) -> np.ndarray:
        """For each text, the passages that count and were not seen, in runs, less those that end a run: where two
        known passages meet, there are as many as a passage is long, less one, that no other text has."""
        seen = np.empty(len(self._seen), dtype=bool)
        seen[self._order] = self._seen
        found, begin = [], 0
        for (hashes, shared), copies in zip(self._texts, self._copies, strict=True):
            new = shared & ~seen[begin : begin + hashes.size]
            begin += hashes.size
            in_use = copies > COMMON and hashes.size < LONG
            found.append(0 if in_use else int(np.maximum(0, _runs(new) - (PASSAGE - 1)).sum()))
        return np.array(found, dtype=np.float64)


def _runs(flags: np.ndarray) -> np.ndarray:
    """The lengths of the runs of true ones."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return edges[1::2] - edges[::2]


def _mixed(hashes: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser: every bit of the result depends on every bit of the hash."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * _MIX_1
    hashes = (hashes ^ (hashes >> np.uint64(27))) * _MIX_2
    return np.asarray(hashes ^ (hashes >> np.uint64(31)))
