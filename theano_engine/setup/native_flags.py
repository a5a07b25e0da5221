"""The flags by which the compiler compiles for this very processor, asked for once.

In every process Theano asks the compiler for them twice, and compiles and runs a program with them:
a fifth of the time in which a script starts; and it compiles another to learn whether the compiler
knows OpenMP. Both answers are kept beside the compile cache, by compiler and processor; where that
cannot be, each process asks.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

from foundations.files import replacing

# What /proc/cpuinfo tells of the kind of processor, and not of its state: on x86-64, on aarch64.
_KIND = (
    *("vendor_id", "cpu family", "model", "model name", "stepping", "cache size", "flags"),
    *("CPU implementer", "CPU architecture", "CPU variant", "CPU part", "CPU revision", "Features"),
)


def install() -> None:
    """Give Theano the kept answers; where none are, let it ask, and keep what it was told."""
    import theano
    from theano.gof.cmodule import GCC_compiler
    from theano.gof.op import OpenMPOp

    processor = _processor()
    own = theano.config.gcc.cxxflags
    # Theano leaves it to the user who names a processor.
    if "march=" in own or processor is None:
        return
    identity = json.dumps([processor, _compiler(theano.config.cxx), own])
    digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
    path = Path(theano.config.base_compiledir) / f"native-flags-{digest}.json"
    kept = _read(path)
    if kept is None:
        GCC_compiler.compile_args()
        if GCC_compiler.march_flags:
            openmp = OpenMPOp.test_gxx_support()
            kept = {"march": GCC_compiler.march_flags, "openmp": openmp}
            _write(path, kept)
    elif GCC_compiler.march_flags is None:
        GCC_compiler.march_flags = kept["march"]
    # Of a compiler without OpenMP Theano warns when it finds out.
    if kept and kept["openmp"]:
        OpenMPOp.gxx_support_openmp = True


def _processor() -> list[str] | None:
    """The lines about the first processor that tell its kind; None where nobody lists them."""
    try:
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0]
    except (OSError, ValueError):
        return None
    lines = [line for line in first.splitlines() if line.partition("\t")[0].strip() in _KIND]
    return lines or None


def _compiler(name: str) -> list:
    """What changes when another compiler comes under the same name."""
    from theano.gof.cmodule import gcc_version

    path = os.path.realpath(shutil.which(name) or name)
    with suppress(OSError):
        file = os.stat(path)
        return [path, file.st_size, file.st_mtime_ns, gcc_version()]
    return [path, gcc_version()]


def _read(path: Path) -> dict | None:
    """What `_write` has kept; None where nothing is, or something else."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        march, openmp = kept["march"], kept["openmp"]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    whole = isinstance(march, list) and all(isinstance(flag, str) for flag in march)
    return kept if march and whole and isinstance(openmp, bool) else None


def _write(path: Path, answers: dict) -> None:
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path, "w") as file:
            json.dump(answers, file)
