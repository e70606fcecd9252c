"""In which order rows take their turn where chance decides: by a hash of seed and key, never as they come."""

import hashlib
from collections.abc import Sequence

import numpy as np  # noqa: TID253  (imported lazily, by pipeline.label)

from include.core.errors import FatalError


def shuffled(keys: Sequence[str], seed: int) -> np.ndarray:
    """(n,) int64: the places of the keys in an order that is random, and the same for every order of the keys.

    A key's hash is the first eight bytes of SHA-256 of the seed, the ASCII unit separator and the key. Raises
    FatalError for a key that comes twice.
    """
    names = np.asarray(keys, dtype=object)
    if twice := len(names) - len(set(names.tolist())):
        raise FatalError(f"{twice} of {len(names)} keys come twice.", fix="give each row a key of its own.")
    prefix = f"{seed}\x1f".encode()
    hashes = np.array(
        [int.from_bytes(hashlib.sha256(prefix + name.encode()).digest()[:8], "big") for name in names.tolist()],
        dtype=np.uint64,
    )
    return np.argsort(hashes, kind="stable")
