"""Tuples of COPY's binary format and Arrow's columns, turned into each other a column at a time.

A tuple is the number of its fields in two bytes, then each field's length in four (-1: NULL) and its bytes, all
big-endian (PostgreSQL's manual, "COPY", "Binary Format").
"""

from collections.abc import Mapping, Sequence

import numpy as np  # noqa: TID253  (imported lazily, by bulk)
import pyarrow as pa  # noqa: TID253
import pyarrow.compute as pc  # noqa: TID253

from include.core.errors import FatalError

# How a value of fixed width is sent.
SENT: Mapping[pa.DataType, np.dtype] = {
    pa.float64(): np.dtype(">f8"),
    pa.int64(): np.dtype(">i8"),
    pa.bool_(): np.dtype("u1"),
}
BIGINTS, BIGINT_OID = pa.list_(pa.int64()), 20


class Decoder:
    """Tuples with the fields of an Arrow schema, in its order."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema

    def batch(self, tuples: Sequence[bytes]) -> pa.RecordBatch:
        """The tuples as columns. Raises FatalError for a field whose width is not its type's."""
        data = b"".join(tuples)
        lengths = np.fromiter(map(len, tuples), np.int64, len(tuples))
        at = np.cumsum(lengths) - lengths + 2
        columns = []
        for field in self._schema:
            size = _unaligned(data, np.dtype(">i4"))[at].astype(np.int64)
            at += 4
            columns.append(_texts(data, at, size) if field.type == pa.string() else _fixed(data, at, size, field))
            at += np.maximum(size, 0)
        return pa.record_batch(columns, schema=self._schema)


def refuse_unsent(schema: pa.Schema) -> None:
    """Raise FatalError for a column of a type that `encode` does not know."""
    for field in schema:
        if field.type not in (*SENT, BIGINTS, pa.string()):
            raise FatalError(
                f"Column {field.name} has the Arrow type {field.type}, which is not written to Postgres.",
                fix="cast it to string, double, int64, bool or a list of int64.",
            )


def encode(batch: pa.RecordBatch) -> bytes:
    """The batch's rows as tuples."""
    fields = [_field(column) for column in batch.columns]
    lengths = 2 + sum(4 + np.maximum(size, 0) for size, _ in fields)
    at = np.cumsum(lengths) - lengths
    out = np.empty(int(lengths.sum()), dtype=np.uint8)
    _unaligned(out, np.dtype(">i2"))[at] = len(fields)
    at = at + 2
    for size, values in fields:
        _unaligned(out, np.dtype(">i4"))[at] = size
        at += 4
        there = size >= 0
        if values.dtype == np.uint8:
            out[_spread(at, np.maximum(size, 0))] = values
        elif there.all():
            _unaligned(out, values.dtype)[at] = values
        else:
            _unaligned(out, values.dtype)[at[there]] = values[there]
        at += np.maximum(size, 0)
    return out.tobytes()


def _field(column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Each value's length, -1 for NULL, and the values: one each, or all their bytes one after another."""
    there = column.is_valid().to_numpy(zero_copy_only=False)
    if sent := SENT.get(column.type):
        values = column.fill_null(False if column.type == pa.bool_() else 0).to_numpy(zero_copy_only=False)
        # One byte each is no different from the bytes of a text.
        values = values[there].astype(np.uint8) if sent.itemsize == 1 else values.astype(sent)
        return np.where(there, sent.itemsize, -1), values
    if column.type == BIGINTS:
        column = pa.array([None if row is None else _array(row) for row in column.to_pylist()], pa.binary())
    texts = column.cast(pa.large_binary())
    size = pc.binary_length(texts).fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    joined = b"".join(text for text in texts.to_pylist() if text is not None)
    return size, np.frombuffer(joined, dtype=np.uint8)


def _array(numbers: Sequence[int]) -> bytes:
    """A bigint[]: dimensions, whether there are NULLs, the elements' type, the one's size and first place."""
    head = np.array([1, 0, BIGINT_OID, len(numbers), 1], dtype=">i4") if len(numbers) else _NO_ELEMENTS
    elements = np.empty(len(numbers), dtype=[("size", ">i4"), ("value", ">i8")])
    elements["size"], elements["value"] = 8, numbers
    return head.tobytes() + elements.tobytes()


_NO_ELEMENTS = np.array([0, 0, BIGINT_OID], dtype=">i4")


def _texts(data: bytes, at: np.ndarray, size: np.ndarray) -> pa.Array:
    """The texts that begin at `at`. Arrow copies them: every second piece of `data` cut before and after each."""
    there = size >= 0
    cuts = np.stack([at, at + np.maximum(size, 0)], axis=1).ravel()
    pieces = pa.Array.from_buffers(
        pa.large_binary(), len(cuts) - 1, [None, pa.py_buffer(cuts), pa.py_buffer(data)]
    )
    places = pa.array(np.arange(0, len(cuts), 2), mask=~there)
    return pieces.take(places).cast(pa.string())


def _fixed(data: bytes, at: np.ndarray, size: np.ndarray, field: pa.Field) -> pa.Array:
    sent = SENT[field.type]
    there = size >= 0
    if (size[there] != sent.itemsize).any():
        raise FatalError(
            f"Column {field.name} is not sent as {field.type}, which has {sent.itemsize} bytes.",
            fix="cast it in the query: to float8, bigint, boolean or text.",
        )
    values = np.zeros(len(at), dtype=sent.newbyteorder("="))
    values[there] = _unaligned(data, sent)[at[there]]
    if field.type == pa.bool_():
        values = values.astype(np.bool_)
    return pa.array(values, field.type, mask=None if there.all() else ~there)


def _unaligned(data: bytes | np.ndarray, dtype: np.dtype) -> np.ndarray:
    """A view in which element i is the value that begins at byte i."""
    return np.ndarray(max(0, len(data) - dtype.itemsize + 1), dtype, data, strides=(1,))


def _spread(at: np.ndarray, size: np.ndarray) -> np.ndarray:
    """The places of all bytes of pieces that begin at `at` and have `size` bytes."""
    ends = np.cumsum(size)
    return np.repeat(at - (ends - size), size) + np.arange(ends[-1] if len(ends) else 0)
