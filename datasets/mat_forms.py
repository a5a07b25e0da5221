"""What the variables of a MATLAB 5 file are, told from its tags before any of them is read.

scipy's reader looks the type in an array's tag up without checking it, so that a damaged byte there
ends the process (a bus error), and allocates what a header announces. What passes here is a plain
numeric array, whose type exists and whose sizes agree; other variables are passed over unread.

Source: MAT-File Format, The MathWorks, "Level 5 MAT-File Format".
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Collection
from typing import BinaryIO, NamedTuple

import numpy as np

_INT8, _INT32, _UINT32, _MATRIX, _COMPRESSED = 1, 5, 6, 14, 15
# Types of stored data, by numpy's names.
_STORED = {
    **{1: "int8", 2: "uint8", 3: "int16", 4: "uint16", 5: "int32", 6: "uint32"},
    **{7: "float32", 9: "float64", 12: "int64", 13: "uint64"},
}
# Classes of arrays of numbers, from double to uint64; of what is no array (a table, a date).
_CLASSES, _OPAQUE = range(6, 16), 17
_COMPLEX_OR_LOGICAL = 0x0A00
# All that comes before the data of an array of few dimensions with a short name.
_MOST_HEADER = 1024
_MOST_VARIABLES = 100


class Form(NamedTuple):
    """A variable as its tags describe it; `dtype` is that of the stored numbers, as scipy's is."""

    dtype: str
    shape: tuple[int, ...]


def is_version_5(stream: BinaryIO) -> bool:
    """Whether `stream` begins as a little-endian MATLAB 5 file does; leaves it at its beginning."""
    header = stream.read(128)
    stream.seek(0)
    return len(header) == 128 and header[124:] == b"\x00\x01IM" and 0 not in header[:4]


def forms(stream: BinaryIO, wanted: Collection[str]) -> dict[str, Form | None]:
    """The forms of the variables `wanted` in the MATLAB 5 file `stream`; None of each other one.

    Raises ValueError (or zlib.error, struct.error) for a damaged file and where a variable that is
    wanted is not a plain numeric array.
    """
    stream.seek(128)
    found: dict[str, Form | None] = {}
    while True:
        tag = stream.read(8)
        if not tag:
            return found
        kind, size = struct.unpack("<II", tag)
        start = stream.tell()
        element = stream.read(min(size, _MOST_HEADER))
        if kind == _COMPRESSED:
            element = zlib.decompressobj().decompress(element, _MOST_HEADER)
            kind, matrix_size = struct.unpack_from("<II", element)
            element = element[8:]
        else:
            matrix_size = size
        if kind != _MATRIX:
            raise ValueError(f"an element of type {kind}")
        name, form = _described(element, matrix_size, wanted)
        if name in found or len(found) == _MOST_VARIABLES:
            raise ValueError(f"the variable {name!r} twice, or too many variables")
        found[name] = form
        if stream.seek(0, 2) < start + size:
            raise ValueError(f"the variable {name!r} is cut off")
        stream.seek(start + size)


def _described(element: bytes, size: int, wanted: Collection[str]) -> tuple[str, Form | None]:
    at, kind, length = _tag(element, 0)
    if (kind, length) != (_UINT32, 8):
        raise ValueError("a variable without flags")
    flags, _ = struct.unpack_from("<II", element, at)
    at, kind, length = _tag(element, _padded(at + length))
    shape: tuple[int, ...] = ()
    if flags & 0xFF != _OPAQUE:
        if kind != _INT32 or length % 4:
            raise ValueError("a variable without dimensions")
        shape = struct.unpack_from(f"<{length // 4}i", element, at)
        at, kind, length = _tag(element, _padded(at + length))
    if kind != _INT8 or at + length > len(element):
        raise ValueError("a variable without a name")
    name = element[at : at + length].decode("ascii")
    if name not in wanted:
        return name, None
    if flags & _COMPLEX_OR_LOGICAL or flags & 0xFF not in _CLASSES:
        raise ValueError(f"the variable {name!r} is not an array of numbers")
    at, kind, length = _tag(element, _padded(at + length))
    if min(shape, default=-1) < 0 or kind not in _STORED:
        raise ValueError(f"the variable {name!r} has shape {shape} and data of type {kind}")
    if length != math.prod(shape) * np.dtype(_STORED[kind]).itemsize or at + length > size:
        raise ValueError(f"the variable {name!r} of shape {shape} has {length} bytes of data")
    return name, Form(_STORED[kind], shape)


def _tag(element: bytes, at: int) -> tuple[int, int, int]:
    """Where the data of the subelement at `at` begins, its type, its length in bytes."""
    kind, length = struct.unpack_from("<II", element, at)
    if kind >> 16:
        # A small element: both numbers in the first four bytes, up to four bytes of data after.
        if kind >> 16 > 4:
            raise ValueError(f"a small element of {kind >> 16} bytes")
        return at + 4, kind & 0xFFFF, kind >> 16
    return at + 8, kind, length


def _padded(at: int) -> int:
    return -(-at // 8) * 8
