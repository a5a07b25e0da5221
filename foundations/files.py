"""Files that are either whole or not there: written aside, flushed, then renamed."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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

    After an error, or a crash at any moment, `path` is what it was before. The stream's `name` is
    the temporary file's path. Raises WriteError, which names `path`, where the system refuses.
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
    os.close(handle)
    try:
        with open(name, mode, encoding=encoding) as stream:
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


# What a file system answers that cannot exchange two names in one step (NFS, for one).
_NO_EXCHANGE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def exchange(one: Path, other: Path) -> bool:
    """Let the files or folders `one` and `other` swap names in one step.

    False, and nothing done, where the system or the file system cannot. Raises OSError where it can
    but refuses.
    """
    try:
        # Linux's alone; another system's C library has no such function.
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    names = [os.fsencode(path) for path in (one, other)]
    if renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NO_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number), str(one), None, str(other))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes out of `folder` for the length of the block.

    Whatever name it goes by: the lock lies beside the folder itself, not beside a link to it, and
    goes when the block ends, with the folders above that were made for it and are still empty.
    Raises InUseError where another process is in it, UserError where nothing can be written beside
    it.
    """
    real = Path(os.path.realpath(folder))
    path = real.with_name(f".{real.name}.lock")
    made = _missing_folders(path.parent)
    try:
        with _locked_file(path, folder):
            yield
    finally:
        for above in made:
            with suppress(OSError):
                above.rmdir()


def _missing_folders(folder: Path) -> list[Path]:
    """`folder` and the folders above it that are not there, the deepest first."""
    return [above for above in (folder, *folder.parents) if not above.exists()]


@contextmanager
def _locked_file(path: Path, folder: Path) -> Iterator[None]:
    import fcntl

    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = open(path, "w")  # noqa: SIM115 - closed below
        except FileNotFoundError:
            # Whoever else made the folder above has just taken it away again.
            continue
        except OSError as error:
            raise UserError(
                f"{folder.parent}: no run can be written there ({error.strerror}); give another "
                "--results-dir"
            ) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise InUseError(
                    f"{folder}: another process is running there; give another --name"
                ) from error
            # The one who held it may have deleted it between our two calls.
            if not _is_open_there(file, path):
                continue
            try:
                yield
            finally:
                if _is_open_there(file, path):
                    with suppress(OSError):
                        path.unlink()
            return


def _is_open_there(file: IO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except OSError:
        return False
