"""What the tests share: the project as a user has it, run in real subprocesses."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))


def run_script(name: str, *arguments: str, cwd: Path, **environment: str):
    """Run a top-level script as a user does; returns the finished process, output captured."""
    return subprocess.run(
        [sys.executable, str(PROJECT / name), *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.fixture(scope="session")
def oracle():
    """The recorded training of the original, arrays by name (see `tests/data/README.md`)."""
    import numpy as np

    with np.load(PROJECT / "tests" / "data" / "original_tanh.npz") as stored:
        return dict(stored)


@pytest.fixture
def omp_threads():
    """A function that sets OpenMP's number of threads for the rest of the test."""
    openmp = ctypes.CDLL("libgomp.so.1")
    before = openmp.omp_get_max_threads()
    yield openmp.omp_set_num_threads
    openmp.omp_set_num_threads(before)
