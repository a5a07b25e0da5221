"""Reading a pickle from the internet: arrays, containers, strings and numbers, nothing else."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np


class ForbiddenError(pickle.UnpicklingError):
    """The pickle asks for something that is not data."""


def _reconstruct(subtype: Any, shape: tuple, typecode: bytes) -> np.ndarray:
    if subtype is not np.ndarray or shape != (0,):
        raise ForbiddenError(f"an array of type {subtype!r}")
    return np.ndarray(shape, "b")


def _dtype(name: Any, align: Any = False, copy: Any = True) -> np.dtype:
    # Only images: dtypes with fields or objects have a state of their own to be abused.
    if name not in ("u1", b"u1", "uint8", b"uint8", "|u1", b"|u1"):
        raise ForbiddenError(f"an array of dtype {name!r}")
    return np.dtype(np.uint8)


def _encode(text: str, encoding: str = "latin1") -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise ForbiddenError(f"text in the encoding {encoding!r}")
    return text.encode("latin1")


# What a CIFAR-10 batch holds besides dict, list, str, bytes and int, as Python 2's and Python 3's
# picklers wrote it.
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _encode,
}


# The unpickler in Python, not the one in C: a damaged memo index makes the latter allocate, and
# touch, as many entries as the index says.
class _Unpickler(pickle._Unpickler):  # type: ignore[name-defined, misc]
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise ForbiddenError(f"{module}.{name}") from None

    def persistent_load(self, pid: Any) -> Any:
        raise ForbiddenError("a persistent object")


def loads(data: bytes) -> Any:
    """The object in `data`; strings that Python 2 wrote come as bytes.

    Raises ForbiddenError before anything but data is made, and whatever damaged bytes lead to
    (ValueError, EOFError, IndexError, ...).
    """
    return _Unpickler(io.BytesIO(data), encoding="bytes").load()
