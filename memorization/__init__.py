"""What the experiments' scripts stand on."""

import importlib.util
import sys
from pathlib import Path

from foundations import packages

packages.check()

# A program may have imported another package of this name, such as Hugging Face's, before; or it
# would find that one first. Ours is not imported here: it takes longer than a prediction.
_found = sys.modules.get("datasets") or importlib.util.find_spec("datasets")
_place = getattr(_found, "__file__", None) or getattr(_found, "origin", None)
if _place is None or Path(_place).resolve().parent.parent != packages.PROJECT:
    raise ImportError(
        f"another package called datasets was imported first ({_place}): import "
        "memorization before it, or in a process of its own"
    )
