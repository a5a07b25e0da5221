"""Environment variables that hold a value for a while."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def changed_environment(name: str, value: str) -> Iterator[None]:
    """Within this context the environment variable `name` is `value`.

    A child process of later on would take it for its user's.
    """
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before
