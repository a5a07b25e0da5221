"""The number of threads: what OpenMP makes of OMP_NUM_THREADS, and one after a fork."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from theano_engine.setup.environment import changed_environment
from theano_engine.setup.errors import SetupError

VARIABLE = "OMP_NUM_THREADS"

# A number for every level of nested threads.
_LIST = re.compile(r"\s*\+?0*[1-9]\d*\s*(,\s*\+?0*[1-9]\d*\s*)*")


@contextmanager
def theano_reads_threads() -> Iterator[None]:
    """Within this context OMP_NUM_THREADS holds one number, the only form that Theano reads.

    Raises SetupError for a value that OpenMP does not know either.
    """
    value = os.environ.get(VARIABLE, "")
    if not value:
        yield
        return
    if not _LIST.fullmatch(value):
        raise SetupError(
            f"{VARIABLE}={value}: not a number of threads; name one, such as 4, or unset {VARIABLE}"
        )
    with changed_environment(VARIABLE, value.partition(",")[0].strip()):
        yield


def count() -> int:
    """How many threads OpenMP gives to a parallel region; 1 where GNU's OpenMP is not installed."""
    try:
        return ctypes.CDLL("libgomp.so.1").omp_get_max_threads()
    except OSError:
        return 1


def use_one_after_fork() -> None:
    """Let a forked child compute on one thread: the others of its team stay with the parent.

    GNU's OpenMP would wait for them for ever.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_use_one)


def _use_one() -> None:
    for library in _loaded_gnu_openmp():
        library.omp_set_num_threads(1)


def _loaded_gnu_openmp() -> list[ctypes.CDLL]:
    """Every copy of GNU's OpenMP in this process: the system's, and PyTorch's own."""
    try:
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return []
    paths = {line.split(maxsplit=5)[-1] for line in maps.splitlines() if "libgomp" in line}
    return [ctypes.CDLL(path) for path in sorted(paths)]
