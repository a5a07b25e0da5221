"""The lock on the folder of compiled modules; stands in for `theano.gof.compilelock`.

Theano's own lock is a folder that a process makes: it outlives a process that is killed, is broken
by force after two minutes, and is waited for in steps of five to ten seconds. This one is the
system's lock on a file, which ends with its holder and is waited for in hundredths of a second. The
names and their meanings are those that Theano's other modules ask for.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from foundations.errors import UserError

NAME = "lock_file"

_PAUSE = 0.02
_SILENT_FOR = 20.0

_held: IO[str] | None = None


def get_lock() -> None:
    """Take the lock, or count one more holder in this process, which alone may then compile.

    Raises UserError where the file system has no locks.
    """
    global _held
    if get_lock.n_lock == 0:  # type: ignore[attr-defined]
        _held = _take()
    get_lock.n_lock += 1  # type: ignore[attr-defined]


# Theano reads the count from the function itself.
get_lock.n_lock = 0  # type: ignore[attr-defined]


def release_lock() -> None:
    """Undo one `get_lock`; the last one lets other processes in."""
    global _held
    assert get_lock.n_lock > 0, "the compile lock is not held"  # type: ignore[attr-defined]
    get_lock.n_lock -= 1  # type: ignore[attr-defined]
    if get_lock.n_lock == 0 and _held is not None:  # type: ignore[attr-defined]
        _held.close()
        _held = None


@contextmanager
def lock_ctx(keep_lock: bool = False) -> Iterator[None]:
    """Hold the lock for the length of the block; `keep_lock` leaves it held after a good end."""
    get_lock()
    try:
        yield
    except BaseException:
        release_lock()
        raise
    if not keep_lock:
        release_lock()


def force_unlock() -> None:
    """Nothing: the lock of a process that has ended is gone, and that of another is in use."""


def _take() -> IO[str]:
    import fcntl

    # Theano imports this module before it has read its configuration.
    from theano import config

    path = Path(config.compiledir) / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    file = open(path, "a+", encoding="utf-8")  # noqa: SIM115 - closed by release_lock
    tell_at = time.monotonic() + _SILENT_FOR
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > tell_at:
                file.seek(0)
                print(f"waiting for process {file.read()}, which holds {path}", file=sys.stderr)
                tell_at = float("inf")
            time.sleep(_PAUSE)
        except OSError as error:
            file.close()
            raise UserError(
                f"{path}: the file system cannot lock files ({error.strerror}); keep the compile "
                "cache elsewhere with THEANO_FLAGS=base_compiledir=/path"
            ) from error
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
