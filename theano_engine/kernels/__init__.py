"""The C++ kernels under the Ops, as header files, and the reading of them.

A header belongs to one family of Ops and includes others of this folder by their bare names.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent
_INCLUDE = re.compile(r'^#include "([a-z0-9_]+\.h)"$', re.MULTILINE)


@cache
def source(name: str) -> str:
    """The text of the kernel header `name` with what it includes of this folder in its place.

    Theano's cache key holds an Op's code but not the text of files which that code includes; with
    all text in one place a changed kernel is compiled anew.
    """
    return _INCLUDE.sub(lambda match: source(match[1]), (_FOLDER / name).read_text())
