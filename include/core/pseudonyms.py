"""Pseudonyms: what stands in for a personal value, so that equal values stay equal and none can be read."""

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Final, Literal, NoReturn, Self
from unicodedata import normalize

from include.core.errors import FatalError

CanonicalForm = Literal["exact", "casefold"]

LABEL: Final = b"sluice pii v1"
CHECK_LABEL: Final = b"sluice pii v1 key check"
SEPARATOR: Final = b"\x1f"
SHORTEST_KEY: Final = 32
KEY_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
BLOCK_BYTES: Final = 64  # SHA-256's, which HMAC pads its key to
NEW_ID = "give the key an id of 1 to 32 letters, digits, dots, hyphens or underscores, such as 2026-11"
NEW_KEY = "make one with `openssl rand -base64 32`"


class PseudonymKey:
    """The key of one key domain, under its id: it turns canonical values into pseudonyms and shows itself nowhere.

    A pseudonym is `<key id>:<64 hex digits>`, the digits being HMAC-SHA256 (RFC 2104) of
    `sluice pii v1`, 0x1F, the domain, 0x1F and the value. `check` tells two keys apart that bear one id.

    No dataclass on purpose: those are printed field by field, and Airflow serialises one that a task returns.
    """

    __slots__ = ("_head", "_inner", "_outer", "check", "domain", "id")

    def __init__(self, domain: str, key_id: str, secret: bytes) -> None:
        """Raises FatalError for an id that no pseudonym can begin with, and for fewer than 32 bytes."""
        if not KEY_ID.fullmatch(key_id):
            raise FatalError(f"The key of domain {domain!r} has the unusable id {key_id!r}.", fix=f"{NEW_ID}.")
        if len(secret) < SHORTEST_KEY:
            raise FatalError(
                f"The key {key_id!r} of domain {domain!r} has {len(secret)} bytes; {SHORTEST_KEY} are needed.",
                fix=f"{NEW_KEY}.",
            )
        self.domain, self.id, self._head = domain, key_id, f"{key_id}:".encode()
        short = secret if len(secret) <= BLOCK_BYTES else hashlib.sha256(secret).digest()
        padded = short.ljust(BLOCK_BYTES, b"\0")
        # Both hashes begin with the key alone, so they are kept as they stand after it: half the work for a value.
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))
        self.check = self._mac(SEPARATOR.join((CHECK_LABEL, domain.encode(), b"")))[:32]
        self._inner.update(SEPARATOR.join((LABEL, domain.encode(), b"")))

    @classmethod
    def from_text(cls, domain: str, key_id: str, text: str) -> Self:
        """The key whose bytes are given in base64, URL-safe or not. Raises FatalError if they are not."""
        plain = text.strip().replace("-", "+").replace("_", "/")
        try:
            secret = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        except ValueError:
            secret = None
        if secret is None:
            raise FatalError(f"The key {key_id!r} of domain {domain!r} is not in base64.", fix=f"{NEW_KEY}.")
        return cls(domain, key_id, secret)

    def pseudonym(self, canonical: bytes) -> bytes:
        return self._head + self._mac(canonical).encode()

    def _mac(self, value: bytes) -> str:
        inner = self._inner.copy()
        inner.update(value)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest()

    def __repr__(self) -> str:
        return f"<key {self.id} of domain {self.domain}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A pseudonym key stays in the process that read it.")


def exact(text: bytes) -> bytes:
    """The text in Unicode's composed form (NFC), so that é is é however it was typed. It must be UTF-8."""
    return text if text.isascii() else normalize("NFC", text.decode()).encode()


def casefold(text: bytes) -> bytes:
    """The text without regard to upper and lower case: Unicode's canonical caseless matching, composed again."""
    return (
        text.lower() if text.isascii() else normalize("NFC", normalize("NFD", text.decode()).casefold()).encode()
    )


CANONICAL: Final[dict[CanonicalForm, Callable[[bytes], bytes]]] = {"exact": exact, "casefold": casefold}
