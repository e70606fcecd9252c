"""Tuples of COPY's binary format and Arrow's columns, turned into each other a column at a time.

A tuple is the number of its fields in two bytes, then each field's length in four (-1: NULL) and its bytes, all
big-endian (PostgreSQL's manual, "COPY", "Binary Format").
"""

import struct
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TypeAlias

import numpy as np  # noqa: TID253  (imported lazily, by bulk)
import pyarrow as pa  # noqa: TID253
import pyarrow.compute as pc  # noqa: TID253

from include.core.batch import NULL_FRAME
from include.core.errors import FatalError

# How a value of fixed width is sent.
SENT: Mapping[pa.DataType, np.dtype] = {
    pa.float64(): np.dtype(">f8"),
    pa.float32(): np.dtype(">f4"),
    pa.int64(): np.dtype(">i8"),
    pa.int32(): np.dtype(">i4"),
    pa.int16(): np.dtype(">i2"),
    pa.bool_(): np.dtype("u1"),
}
# The oids of the elements of arrays, and what a jsonb begins with.
ARRAYS: Mapping[pa.DataType, int] = {pa.list_(pa.int64()): 20, pa.list_(pa.string()): 25}
JSON, JSONB_VERSION = pa.json_(pa.string()), b"\x01"

# One part of every row: a matrix (rows, bytes) where all are equally long, else binary values.
Part: TypeAlias = "np.ndarray | pa.Array"


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
        if field.type not in (*SENT, *ARRAYS, pa.string(), JSON):
            raise FatalError(
                f"Column {field.name} has the Arrow type {field.type}, which is not written to Postgres.",
                fix="cast it to string, double, int64, bool, JSON, or a list of int64 or string.",
            )


def encode(batch: pa.RecordBatch) -> bytes:
    """The batch's rows as tuples."""
    if not len(batch):
        return b""
    parts: list[Part] = [_bytes(np.full(len(batch), batch.num_columns, dtype=">i2"))]
    for column in batch.columns:
        parts += _field(column)
    # One value after another is what Arrow's binary values are in memory.
    return _joined(parts).buffers()[2].to_pybytes()


def _field(column: pa.Array) -> list[Part]:
    """Each value after its length, which is -1 for NULL."""
    if sent := SENT.get(column.type):
        return [_fixed_field(column, sent)]
    values = (_arrays(column) if column.type in ARRAYS else column).cast(pa.large_binary())
    if column.type == JSON:
        values = pc.binary_join_element_wise(_large(JSONB_VERSION), values, _large(b""))
    size = pc.binary_length(values).fill_null(-1).to_numpy(zero_copy_only=False)
    return [_bytes(size.astype(">i4")), values.fill_null(b"")]


def _fixed_field(column: pa.Array, sent: np.dtype) -> Part:
    there = column.is_valid()
    values = column.fill_null(False if column.type == pa.bool_() else 0) if column.null_count else column
    rows = np.empty(len(column), [("size", ">i4"), ("value", sent)])
    rows["size"], rows["value"] = sent.itemsize, values.to_numpy(zero_copy_only=False)
    return pc.if_else(there, _binary(_bytes(rows)), _large(NULL_FRAME)) if column.null_count else _bytes(rows)


def _arrays(lists: pa.Array) -> pa.Array:
    """Lists as arrays: the number of dimensions, whether there are NULLs, the elements' type; the one dimension's
    size and first place, if there are elements; the elements."""
    kind, count = ARRAYS[lists.type], pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
    heads = np.empty((len(lists), 5), dtype=">i4")
    heads[:] = 1, 0, kind, 0, 1
    heads[:, 3] = count
    head: Part = _bytes(heads)
    if not count.all():
        head = pc.if_else(pa.array(count > 0), _binary(head), _large(struct.pack("!3i", 0, 0, kind)))
    if not count.any():
        return pc.if_else(lists.is_valid(), _joined([head]), None)
    elements = _joined(_field(lists.flatten()))
    _, starts, data = elements.buffers()
    firsts = np.frombuffer(starts, np.int64)[np.concatenate([[0], np.cumsum(count)])]
    whole = pa.Array.from_buffers(pa.large_binary(), len(lists), [None, pa.py_buffer(firsts), data])
    return pc.if_else(lists.is_valid(), _joined([head, whole]), None)


def _joined(parts: Sequence[Part]) -> pa.Array:
    """The parts of each row one after another."""
    columns: list[pa.Array] = []
    for fixed, group in groupby(parts, lambda part: isinstance(part, np.ndarray)):
        together = list(group)
        columns += [_binary(np.hstack(together))] if fixed else together
    return pc.binary_join_element_wise(*columns, _large(b""))


def _bytes(rows: np.ndarray) -> np.ndarray:
    return rows.view(np.uint8).reshape(len(rows), -1)


def _binary(matrix: np.ndarray) -> pa.Array:
    rows, width = matrix.shape
    starts = np.arange(rows + 1, dtype=np.int64) * width
    return pa.Array.from_buffers(pa.large_binary(), rows, [None, pa.py_buffer(starts), pa.py_buffer(matrix)])


def _large(data: bytes) -> pa.Scalar:
    return pa.scalar(data, pa.large_binary())


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
