"""Freed memory stays with the process, unless its user has told malloc otherwise."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from conftest import PROJECT

# malloc and free themselves: numpy asks the kernel for huge pages, which hide the count.
FAULTS_OF_THE_SECOND_USE = """
import engine
import ctypes, resource

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
size = 24 << 20


def use():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    memory = libc.malloc(size)
    ctypes.memset(memory, 1, size)
    libc.free(memory)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


use()
print(use() * resource.getpagesize() / size)
"""


def share_touched_anew(**environment) -> float:
    done = subprocess.run(
        [sys.executable, "-c", FAULTS_OF_THE_SECOND_USE],
        cwd=PROJECT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


@pytest.mark.skipif(not os.confstr("CS_GNU_LIBC_VERSION"), reason="a setting of glibc's malloc")
def test_memory_that_was_freed_is_used_again():
    assert share_touched_anew() < 0.1


@pytest.mark.skipif(not os.confstr("CS_GNU_LIBC_VERSION"), reason="a setting of glibc's malloc")
@pytest.mark.parametrize(
    "environment",
    [
        {"MALLOC_MMAP_THRESHOLD_": "1000000"},
        {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=1000000"},
    ],
)
def test_what_the_user_told_malloc_stands(environment):
    assert share_touched_anew(**environment) > 0.9
