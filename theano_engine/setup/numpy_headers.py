"""numpy 2's C headers, as Theano 1.0.5's generated code needs them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from theano_engine.setup.numpy_names import NUMPY_2

HEADER = Path(__file__).with_name("include") / "theano_numpy2.h"


def compiler_flags() -> list[str]:
    """Flags that put `HEADER` before the text of every module; none are needed with numpy 1."""
    if not NUMPY_2:
        return []
    # By search path rather than by name, since Theano splits its flags at spaces.
    folder = str(HEADER.parent)
    folders = os.environ.get("CPATH", "").split(os.pathsep)
    if folder not in folders:
        os.environ["CPATH"] = os.pathsep.join(filter(None, [folder, *folders]))
    # Theano's cache knows modules by their flags, not by the headers that they include.
    digest = hashlib.sha256(HEADER.read_bytes()).hexdigest()[:16]
    return ["-include", HEADER.name, f"-DTHEANO_NUMPY2_TEXT=0x{digest}"]
