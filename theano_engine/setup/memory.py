"""Freed memory stays with the process, so that a training step meets no page of it anew.

Theano frees every intermediate result as soon as it is used, and glibc hands arrays of more than
32 MB, and a heap that ends in free memory, back to the kernel. A step of the CIFAR-10 network then
touches some eight thousand new pages, each of which the kernel has to find and clear.
`benchmarks/cpu.py --only settings` has the ratio; the peak of resident memory stays the same.
"""

from __future__ import annotations

import ctypes
import os

# From glibc's malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3

_USERS_OWN = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_")


def keep_freed() -> bool:
    """Tell glibc's malloc to keep what is freed; says whether it was told.

    What the user sets by `MALLOC_*_` or by malloc's GLIBC_TUNABLES stands; other C libraries have
    no such setting.
    """
    if any(name in os.environ for name in _USERS_OWN):
        return False
    if "glibc.malloc." in os.environ.get("GLIBC_TUNABLES", ""):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    # Before version 2.35 glibc refuses more than 32 MB.
    told = mallopt(_M_MMAP_THRESHOLD, 1 << 30) or mallopt(_M_MMAP_THRESHOLD, 1 << 25)
    return bool(mallopt(_M_TRIM_THRESHOLD, 2**31 - 1) and told)
