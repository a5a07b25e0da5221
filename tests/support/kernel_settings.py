"""Instruction set and number of threads of the kernels, changed within a process."""

from __future__ import annotations

import ctypes
import os
from contextlib import contextmanager

from theano_engine import processor

INSTRUCTION_SETS = [name for name in processor.LEVELS if processor.supports(name)]


@contextmanager
def kernels_with(instruction_set: str, threads: int):
    """Kernels compiled here are capped to `instruction_set`; all run with `threads` threads."""
    openmp = ctypes.CDLL("libgomp.so.1")
    threads_before = openmp.omp_get_max_threads()
    cap_before = os.environ.get(processor.VARIABLE)
    os.environ[processor.VARIABLE] = instruction_set
    openmp.omp_set_num_threads(threads)
    try:
        yield
    finally:
        openmp.omp_set_num_threads(threads_before)
        if cap_before is None:
            del os.environ[processor.VARIABLE]
        else:
            os.environ[processor.VARIABLE] = cap_before
