"""Are the packages there that the suite stands on? Asked before the first of them is imported."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = (3, 11)
NEEDED = ("numpy", "scipy", "h5py", "six", "theano", "lasagne", "requests", "tqdm", "matplotlib")
# What predicting with a packed network takes; all else is asked for where it is needed.
NEEDED_TO_PREDICT = ("numpy", "h5py")


def check() -> None:
    """End one of the project's own commands in a line where its Python lacks packages; exit code 2.

    A program of the user's that imports the suite is told by Python itself.
    """
    started = Path(sys.argv[0] if sys.argv else "")
    if str(started) != "-m" and started.resolve().parent not in (PROJECT, PROJECT / "memorization"):
        return
    name = "python -m memorization" if str(started) == "-m" else started.name
    if sys.version_info < OLDEST_PYTHON:
        lacking = f"Python {sys.version_info[0]}.{sys.version_info[1]} is too old"
    else:
        needed = NEEDED_TO_PREDICT if sys.argv[:2] == ["-m", "predict"] else NEEDED
        missing = [package for package in needed if importlib.util.find_spec(package) is None]
        if not missing:
            return
        lacking = f"{sys.executable} has no {', '.join(missing)}"
    print(
        f"{name}: error: {lacking}: run `make venv` in {PROJECT}, then start it with "
        f"{PROJECT / '.venv' / 'bin' / 'python'}",
        file=sys.stderr,
    )
    sys.exit(2)
