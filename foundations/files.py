"""Files that are either whole or not there: written aside, flushed, then renamed."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from foundations.errors import UserError


class WriteError(UserError, OSError):
    """A file could not be written: no space left, a read-only or a vanished folder."""


class InUseError(UserError):
    """Another process holds a folder."""


@contextmanager
def replacing(path: str | os.PathLike, mode: str = "wb") -> Iterator[IO]:
    """Open a temporary file beside `path` that takes its place when the block ends well.

    After an error, or a crash at any moment, `path` is what it was before. Raises WriteError, which
    names `path`, where the system refuses.
    """
    path = Path(path)
    try:
        with _written_aside(path, mode) as stream:
            yield stream
    except UserError:
        raise
    except OSError as error:
        raise WriteError(f"{path}: cannot be written ({error.strerror or error})") from error


@contextmanager
def _written_aside(path: Path, mode: str) -> Iterator[IO]:
    encoding = None if "b" in mode else "utf-8"
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, mode, encoding=encoding) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes files that their owner alone can read.
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def remove_leftovers(folder: Path) -> None:
    """Delete what processes that were killed while writing left in `folder`; nobody may write."""
    for path in folder.glob(".*.part"):
        path.unlink(missing_ok=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def save_arrays(path: str | os.PathLike, *arrays: np.ndarray, **named: np.ndarray) -> None:
    """What `numpy.savez` writes, to `path`, whole or not at all.

    `numpy.savez` itself, when the disk is full, leaves an archive behind that complains on its own
    when it is collected.
    """
    numbered = {f"arr_{number}": array for number, array in enumerate(arrays)}
    with replacing(path) as stream, zipfile.ZipFile(stream, "w") as archive:
        for name, array in {**numbered, **named}.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


def save_json(path: str | os.PathLike, value: Any) -> None:
    """`value` as indented JSON in `path`, whole or not at all."""
    with replacing(path, "w") as stream:
        json.dump(value, stream, indent=2, sort_keys=False)
        stream.write("\n")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes out of `folder` for the length of the block.

    Raises InUseError where another process is in it, UserError where nothing can be written beside
    it, where the lock lies, which vanishes with the process that holds it.
    """
    import fcntl

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        file = open(folder.parent / f".{folder.name}.lock", "w")  # noqa: SIM115 - closed below
    except OSError as error:
        raise UserError(
            f"{folder.parent}: no run can be written there ({error.strerror}); give another "
            "--results-dir"
        ) from error
    with file as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InUseError(
                f"{folder}: another process is running there; give another --results-dir"
            ) from error
        yield
