"""Seeds that depend on names alone, so that order, shard and worker never change a result."""

import hashlib


def seed_of(*parts: object) -> int:
    """A 32-bit seed from the given parts, for example (dataset, seed, row key, copy).

    The parts are joined with the ASCII unit separator, hashed with SHA-256, and the first four bytes
    are read as a big-endian integer: the same on every machine and Python version.
    """
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
