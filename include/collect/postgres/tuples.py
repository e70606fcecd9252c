"""Turn many of pgoutput's messages at once into tuples of COPY BINARY, column by column over all of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from include.core.batch import head

if TYPE_CHECKING:
    import numpy as np

# Kind, oid, kind of tuple, number of columns.
MESSAGE_HEAD = 8
NULL, DELETE = ord("n"), ord("D")


def tuples(payloads: list[bytes], numbers: Sequence[int], columns: int, kind: int) -> tuple[bytes, list[int]]:
    """The tuples of messages that hold one row each, and the places of those that this cannot do.

    `payloads` are Insert, Delete, and Update messages without an old row; `kind` is that of a sent field.
    A field is framed alike in both protocols but for the byte before it, which goes, or which
    becomes a length of -1 if the field is NULL. A message that leaves a value out is not done.
    """
    import numpy as np

    lengths = np.fromiter(map(len, payloads), np.int64, len(payloads))
    data = np.frombuffer(bytearray(b"".join(payloads)), np.uint8)
    starts = np.cumsum(lengths) - lengths
    # How often each byte is repeated in the result.
    repeats = np.ones(len(data), np.int64)
    at = starts + MESSAGE_HEAD
    for _ in range(columns):
        kinds = data[at]
        sent = kinds == kind
        if sent.all():
            repeats[at] = 0
            at = at + 5 + _length(data, at + 1)
            continue
        if not (plain := sent | (kinds == NULL)).all():
            return _without(np.flatnonzero(~plain), payloads, numbers, columns, kind)
        repeats[at] = np.where(sent, 0, 4)
        data[at[~sent]] = 0xFF
        sizes = np.ones(len(at), np.int64)
        sizes[sent] = 5 + _length(data, at[sent] + 1)
        at = at + sizes

    sample = np.frombuffer(head(columns, 0, b"u"), np.uint8)
    heads = np.tile(sample, (len(payloads), 1))
    heads[:, 6:14] = np.array(numbers, ">i8").view(np.uint8).reshape(-1, 8)
    heads[data[starts] == DELETE, 18] = ord("d")
    # The tuple's longer head takes the place of the message's.
    repeats[starts + MESSAGE_HEAD - 1] = len(sample) - MESSAGE_HEAD + 1
    sizes = np.add.reduceat(repeats, starts)
    result = np.repeat(data, repeats)
    result[(np.cumsum(sizes) - sizes)[:, None] + np.arange(len(sample))] = heads
    return result.tobytes(), []


def _length(data: "np.ndarray", at: "np.ndarray") -> "np.ndarray":
    import numpy as np

    return data[at[:, None] + np.arange(4)].view(">i4").ravel().astype(np.int64)


def _without(
    odd: "np.ndarray", payloads: list[bytes], numbers: Sequence[int], columns: int, kind: int
) -> tuple[bytes, list[int]]:
    """The tuples of the others, and the places of all that are odd."""
    places = set(odd.tolist())
    others = [place for place in range(len(payloads)) if place not in places]
    if not others:
        return b"", sorted(places)
    done, more = tuples([payloads[p] for p in others], [numbers[p] for p in others], columns, kind)
    return done, sorted(places | {others[place] for place in more})
