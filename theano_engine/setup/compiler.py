"""The C++ compiler that Theano is given: there, and new enough."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from theano_engine.setup.errors import SetupError

# The first that knows all instructions of the kernels.
OLDEST_GCC = 8


def check(compiler: str) -> None:
    """Raise `SetupError` where `compiler` is not on the PATH, or is a g++ that is too old."""
    # Theano takes an empty name for the wish to compile nothing.
    if not compiler:
        return
    if shutil.which(compiler) is None:
        raise SetupError(
            f"no C++ compiler: Theano compiles its graphs with {compiler}, which is not on the "
            "PATH (Debian and Ubuntu: apt install g++; Fedora: dnf install gcc-c++)"
        )
    if Path(compiler).name.startswith("g++"):
        asked = subprocess.run([compiler, "-dumpversion"], capture_output=True, text=True)
        major = asked.stdout.partition(".")[0].strip()
        if major.isdigit() and int(major) < OLDEST_GCC:
            raise SetupError(
                f"{compiler} is version {asked.stdout.strip()}, too old: install g++ {OLDEST_GCC} "
                "or later, or name one with THEANO_FLAGS=cxx=/path/to/g++"
            )
