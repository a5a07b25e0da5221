"""Reading a pickle from the internet: arrays and lists of numbers, dicts, strings.

A pickle is a program. The reader here knows only the instructions that build such data, so that
there is nothing in it that a hostile file could call or change; it is in Python, for a damaged memo
index makes the reader in C allocate, and touch, as many entries as the index says.
"""

from __future__ import annotations

import io
import pickle
import re
import struct
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np


class ForbiddenError(pickle.UnpicklingError):
    """The pickle asks for something that is not data; the message says what."""


class _Marker:
    """Stands in the pickle for a function or class of numpy; not callable, without attributes."""

    __slots__ = ("name",)

    def __init__(self, name: str):
        self.name = name


class _Array:
    """An array that the pickle has begun; its `content` comes later."""

    __slots__ = ("content",)

    def __init__(self) -> None:
        self.content: np.ndarray | None = None


class _Dtype:
    """A dtype of plain numbers or text; the pickle tells the order of its bytes later."""

    __slots__ = ("dtype",)

    def __init__(self, name: str):
        self.dtype = np.dtype(name)


# Kind and size alone, as numpy's picklers name them.
_DTYPE_NAME = re.compile(r"[biufSU][0-9]{1,6}", re.ASCII)
_BYTE_ORDERS = {"<", ">", "=", "|"}

_NDARRAY = _Marker("ndarray")
_RECONSTRUCT = _Marker("_reconstruct")
_FROM_BUFFER = _Marker("_frombuffer")
_SCALAR = _Marker("scalar")
_DTYPE = _Marker("dtype")
_ENCODE = _Marker("encode")
_BYTES = _Marker("bytes")

# What the picklers of Python 2 and 3, numpy 1 and 2 refer to for an array, its numbers and bytes.
_GLOBALS = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy.core.numeric", "_frombuffer"): _FROM_BUFFER,
    ("numpy._core.numeric", "_frombuffer"): _FROM_BUFFER,
    ("numpy.core.multiarray", "scalar"): _SCALAR,
    ("numpy._core.multiarray", "scalar"): _SCALAR,
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _DTYPE,
    ("_codecs", "encode"): _ENCODE,
    ("__builtin__", "bytes"): _BYTES,
}

_INSTRUCTIONS = (
    *("PROTO", "FRAME", "STOP", "MARK", "MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "GET", "BINGET"),
    *("LONG_BINGET", "GLOBAL", "STACK_GLOBAL", "NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT"),
    *("BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT", "STRING", "BINSTRING"),
    *("SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "UNICODE", "BINUNICODE"),
    *("SHORT_BINUNICODE", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "LIST"),
    *("EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT"),
)


class _Unpickler(pickle._Unpickler):  # type: ignore[name-defined, misc]
    stack: list[Any]
    pop_mark: Callable[[], list[Any]]
    read: Callable[[int], bytes]
    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        code: pickle._Unpickler.dispatch[code]  # type: ignore[attr-defined]
        for code in (getattr(pickle, name)[0] for name in _INSTRUCTIONS)
    }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _GLOBALS[module, name]
        except KeyError:
            raise ForbiddenError(f"{module}.{name}") from None

    def load_reduce(self) -> None:
        arguments = self.stack.pop()
        function = self.stack[-1]
        if function is _RECONSTRUCT and arguments[0] is _NDARRAY and arguments[1] == (0,):
            self.stack[-1] = _Array()
        elif function is _FROM_BUFFER:
            content, dtype, shape, order, *axes = arguments
            array = _array(content, dtype, shape, order == "F")
            # Since numpy 2.3 an array of which another order of axes is contiguous.
            self.stack[-1] = array.transpose(*axes) if order == "K" else array
        elif function is _SCALAR:
            dtype, content = arguments
            self.stack[-1] = _array(content, dtype, (1,), False)[0]
        elif function is _DTYPE and type(arguments[0]) in (str, bytes):
            self.stack[-1] = _begun_dtype(arguments[0])
        elif function is _ENCODE and arguments[1] in ("latin1", b"latin1"):
            self.stack[-1] = arguments[0].encode("latin1")
        elif function is _BYTES and arguments == ():
            self.stack[-1] = b""
        else:
            raise ForbiddenError(f"a call of {getattr(function, 'name', type(function).__name__)}")

    dispatch[pickle.REDUCE[0]] = load_reduce

    def load_build(self) -> None:
        state = self.stack.pop()
        begun = self.stack[-1]
        if isinstance(begun, _Dtype):
            order: Any = state[1].decode("ascii") if type(state[1]) is bytes else state[1]
            if order not in _BYTE_ORDERS:
                raise ForbiddenError("a dtype of more than numbers or text")
            begun.dtype = begun.dtype.newbyteorder(order)
            return
        if not isinstance(begun, _Array):
            raise ForbiddenError(f"a change of {type(begun).__name__}")
        _, shape, dtype, column_major, content = state
        begun.content = _array(content, dtype, shape, bool(column_major))

    dispatch[pickle.BUILD[0]] = load_build

    def load_bytearray8(self) -> None:
        (size,) = struct.unpack("<Q", self.read(8))
        # Python's own allocates what the pickle announces before it has seen any of it.
        self.stack.append(self.read(size))

    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8

    def load_dict(self) -> None:
        items = self.pop_mark()
        target: dict[str | bytes, Any] = {}
        self._set(target, items[::2], items[1::2])
        self.stack.append(target)

    dispatch[pickle.DICT[0]] = load_dict

    def load_setitems(self) -> None:
        items = self.pop_mark()
        self._set(self.stack[-1], items[::2], items[1::2])

    dispatch[pickle.SETITEMS[0]] = load_setitems

    def load_setitem(self) -> None:
        value = self.stack.pop()
        key = self.stack.pop()
        self._set(self.stack[-1], [key], [value])

    dispatch[pickle.SETITEM[0]] = load_setitem

    @staticmethod
    def _set(target: Any, keys: list, values: list) -> None:
        if type(target) is not dict or not all(type(key) in (str, bytes) for key in keys):
            # Hashing a tuple nested deeply enough would overflow the interpreter's own stack.
            raise ForbiddenError("a dict whose keys are not strings")
        target.update(zip(keys, values))


def _begun_dtype(name: str | bytes) -> _Dtype:
    text = name.decode("ascii") if isinstance(name, bytes) else name
    if not _DTYPE_NAME.fullmatch(text):
        raise ForbiddenError("an array of something other than numbers or text")
    return _Dtype(text)


def _array(content: Any, dtype: Any, shape: Any, column_major: bool) -> np.ndarray:
    if type(dtype) is not _Dtype:
        raise ForbiddenError("an array of something other than numbers or text")
    flat = np.frombuffer(content, dtype.dtype)
    return flat.reshape(shape, order="F" if column_major else "C")


def loads(data: bytes) -> dict[str | bytes, Any]:
    """The dict in `data`; its values are arrays (read-only), lists, str, bytes, int, ...

    Of any protocol, from 0 to 5; arrays are of numbers or text. Strings that Python 2 wrote come as
    bytes. Raises ForbiddenError for what is not data, before anything comes of it, and whatever
    damaged bytes lead to (ValueError, KeyError, EOFError, ...).
    """
    content = _Unpickler(io.BytesIO(data), encoding="bytes").load()
    if type(content) is not dict:
        raise ValueError(f"{type(content).__name__} instead of a dict")
    return {
        key: value.content if isinstance(value, _Array) else value for key, value in content.items()
    }
