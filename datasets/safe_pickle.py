"""Reading a pickle from the internet: arrays of bytes, lists, dicts, strings and whole numbers.

A pickle is a program. The reader here knows only the instructions that build such data, so that
there is nothing in it that a hostile file could call or change; it is in Python, for a damaged memo
index makes the reader in C allocate, and touch, as many entries as the index says.
"""

from __future__ import annotations

import io
import pickle
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
    """The dtype of bytes, the only one admitted."""

    __slots__ = ()


_NDARRAY = _Marker("ndarray")
_RECONSTRUCT = _Marker("_reconstruct")
_DTYPE = _Marker("dtype")
_ENCODE = _Marker("encode")
_BYTES = _Marker("bytes")

# What Python 2's and Python 3's picklers, numpy 1 and numpy 2 refer to for an array and for bytes.
_GLOBALS = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _DTYPE,
    ("_codecs", "encode"): _ENCODE,
    ("__builtin__", "bytes"): _BYTES,
}

_INSTRUCTIONS = (
    *("PROTO", "FRAME", "STOP", "MARK", "MEMOIZE", "BINPUT", "LONG_BINPUT", "BINGET"),
    *("LONG_BINGET", "GLOBAL", "STACK_GLOBAL", "NONE", "NEWTRUE", "NEWFALSE", "BININT"),
    *("BININT1", "BININT2", "LONG1", "BINSTRING", "SHORT_BINSTRING", "BINBYTES"),
    *("SHORT_BINBYTES", "BINUNICODE", "SHORT_BINUNICODE", "EMPTY_TUPLE", "TUPLE", "TUPLE1"),
    *("TUPLE2", "TUPLE3", "EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT"),
)


class _Unpickler(pickle._Unpickler):  # type: ignore[name-defined, misc]
    stack: list[Any]
    pop_mark: Callable[[], list[Any]]
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
        elif function is _DTYPE and arguments[0] in ("u1", b"u1"):
            self.stack[-1] = _Dtype()
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
            return
        if not isinstance(begun, _Array):
            raise ForbiddenError(f"a change of {type(begun).__name__}")
        _, shape, dtype, column_major, content = state
        if not isinstance(dtype, _Dtype):
            raise ForbiddenError("an array of something other than bytes")
        flat = np.frombuffer(content, np.uint8)
        begun.content = flat.reshape(shape, order="F" if column_major else "C")

    dispatch[pickle.BUILD[0]] = load_build

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


def loads(data: bytes) -> dict[str | bytes, Any]:
    """The dict in `data`; its values are arrays of uint8 (read-only), lists, str, bytes, int, ...

    Strings that Python 2 wrote come as bytes. Raises ForbiddenError for what is not data, before
    anything comes of it, and whatever damaged bytes lead to (ValueError, KeyError, EOFError, ...).
    """
    content = _Unpickler(io.BytesIO(data), encoding="bytes").load()
    if type(content) is not dict:
        raise ValueError(f"{type(content).__name__} instead of a dict")
    return {
        key: value.content if isinstance(value, _Array) else value for key, value in content.items()
    }
