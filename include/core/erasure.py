"""A request to erase a subject: checked where it is made, never printed, and provable without being told."""

import hashlib
from dataclasses import dataclass, field

from include.core.errors import FatalError

# What `openssl rand -hex 16` prints: too long to be guessed.
SHORTEST_RECEIPT = 32


@dataclass(frozen=True, slots=True)
class ErasureRequest:
    """Whom to erase, by the key that the source knows the subject by.

    `receipt` is the requester's own secret. It is stored nowhere: with it and the key a commitment can be checked,
    without it the key cannot even be guessed at.
    """

    id: str
    key: str = field(repr=False)
    receipt: str = field(repr=False)

    def commitment(self, *parts: str) -> str:
        """sha256 over receipt and parts, joined by the ASCII unit separator, in hex."""
        return hashlib.sha256("\x1f".join((self.receipt, *parts)).encode()).hexdigest()


def requested(id: str, *, key: str, confirmation: str, receipt: str) -> ErasureRequest:
    """The request, if it is one: a key, typed twice, and a receipt. FatalError else; it does not tell the key."""
    if not key.strip():
        raise FatalError("The key of the subject to erase is empty.", fix="name the subject's key.")
    if "\x00" in key + receipt:
        raise FatalError("No key and no receipt has a NUL character.", fix="type them anew.")
    if confirmation != key:
        raise FatalError(
            "Nothing was erased: the confirmation must be the subject's key, it was another text.",
            fix="ask again and type the key twice.",
        )
    if len(receipt) < SHORTEST_RECEIPT:
        raise FatalError(
            f"A receipt has {SHORTEST_RECEIPT} characters or more, this one has {len(receipt)}.",
            fix="make one with `openssl rand -hex 32`, and keep it: the erasure is checked with it.",
        )
    return ErasureRequest(id, key, receipt)
