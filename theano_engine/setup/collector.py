"""Python's search for cycles of objects that nobody holds, kept out of the making of graphs.

A graph is made of some hundred thousand small objects that hold each other and that all live: the
search goes through them time and again while a function is compiled, for a seventh of the time
that a short run takes.
"""

from __future__ import annotations

import functools
import gc
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Two for each function; a run makes two functions, and a program of many would grow without end.
RESTS_TO_A_SEARCH = 8
_rests = itertools.count(1)


@contextmanager
def resting() -> Iterator[None]:
    """Within this context no cycle is looked for, unless somebody asks; after it, as before."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if next(_rests) % RESTS_TO_A_SEARCH == 0:
            gc.collect()
        elif not gc.get_freeze_count():
            # What was made counts as old, without a look at each object of it.
            gc.freeze()
            gc.unfreeze()
        gc.enable()


def install() -> None:
    """Let it rest while Theano makes a function; only after Theano's import."""
    from theano.compile.function_module import FunctionMaker

    for name in ("__init__", "create"):
        setattr(FunctionMaker, name, _resting_in(getattr(FunctionMaker, name)))


def _resting_in(method: Callable) -> Callable:
    @functools.wraps(method)
    def rested(*arguments, **options):
        with resting():
            return method(*arguments, **options)

    return rested
