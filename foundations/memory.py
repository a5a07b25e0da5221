"""How much memory this process may use."""

from __future__ import annotations

import os
import resource


def address_space() -> float:
    """The limit on this process's addresses in bytes (`ulimit -v`), or infinity."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return float("inf") if limit == resource.RLIM_INFINITY else limit


def available() -> float:
    """The machine's memory in bytes, or what the limit on addresses leaves of it."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(physical, address_space())
