"""Reading files that anybody may have written: what is wrong becomes one line, naming the file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from foundations.errors import UserError

# No run stores as much; an archive of zeros that claims more would fill the memory.
MOST_BYTES = 8 << 30


@contextmanager
def told_in_a_line(
    path: str | os.PathLike, problem: str, *, missing: str = "no such file", advice: str = ""
) -> Iterator[None]:
    """Whatever the block raises over the file `path` becomes one UserError.

    Its line names `path`, then `missing` where there is no such file, or else `problem`, the error
    in short, and `advice`.
    """
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError as error:
        raise UserError(f"{path}: {missing}") from error
    except Exception as error:
        # Damaged bytes lead readers of zip, npy, CSV and JSON to anything, MemoryError too.
        raise UserError(
            f"{path}: {problem} ({type(error).__name__}: {first_line(error)})"
            + (f"; {advice}" if advice else "")
        ) from error


def first_line(value: Any) -> str:
    """The first line of what `value` says, cut to a length that suits a message."""
    return next(iter(str(value).splitlines()), "")[:200]


@contextmanager
def opened_arrays(path: str | os.PathLike, problem: str, **told: str) -> Iterator[Any]:
    """The arrays of the `.npz` file `path`, by name; never unpickles.

    Every checksum is compared before anything is parsed: a flipped bit may leave an array of
    another shape behind, whose own end is never reached. `problem` and `told` are those of
    `told_in_a_line`, which holds for the block too.
    """
    with told_in_a_line(path, problem, **told):
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise ValueError("not an archive of arrays")
        with loaded as stored:
            size = sum(member.file_size for member in stored.zip.infolist())
            if size > MOST_BYTES:
                raise ValueError(f"claims to hold {size:,} bytes")
            damaged = stored.zip.testzip()
            if damaged is not None:
                raise ValueError(f"{damaged} is damaged")
            yield stored


def check_vector(name: str, array: np.ndarray, kinds: str, least: int, most: int) -> None:
    """Raise ValueError unless `array` is (n,), its dtype's kind in `kinds`, `least` to `most`."""
    if array.ndim != 1 or array.dtype.kind not in kinds:
        raise ValueError(f"{name} is {array.dtype} of shape {array.shape}")
    if len(array) and not (least <= array.min() and array.max() <= most):
        raise ValueError(f"{name} runs from {array.min()} to {array.max()}")


def check_fields(value: Any, kinds: Mapping[str, type | tuple[type, ...]]) -> None:
    """Raise ValueError unless `value` is a dict whose entries are of the `kinds`, by name."""
    if not isinstance(value, dict):
        raise ValueError(f"a {type(value).__name__} where names and values should be")
    for name, kind in kinds.items():
        if name not in value:
            raise ValueError(f"no {name}")
        if not isinstance(value[name], kind) or (
            isinstance(value[name], bool) and kind is not bool
        ):
            raise ValueError(f"{name} is {first_line(repr(value[name]))}")
