"""The build backend of a suite that is not built: says what to do instead of `pip install .`.

A plain install would have to build Theano 1.0.5, whose setup.py does not run on Python 3.12 and
later without help, and would install no scripts.
"""

from __future__ import annotations

import sys


def _refuse(*_arguments: object, **_keywords: object) -> None:
    sys.exit(
        "binarized-memorization is not installed by pip alone: run `make venv` in its folder, or "
        "`sh tools/install.sh PYTHON` to bring it into the environment of that PYTHON"
    )


get_requires_for_build_wheel = get_requires_for_build_editable = _refuse
get_requires_for_build_sdist = build_wheel = build_editable = build_sdist = _refuse
