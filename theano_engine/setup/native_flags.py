"""The flags by which the compiler compiles for this very processor, asked for once.

In every process Theano asks the compiler for them twice, and compiles and runs a program with them:
a fifth of the time in which a script starts. They are kept beside the compile cache, by compiler
and processor; where that cannot be, each process asks.
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
    """Give Theano the kept flags; where none are, let it find them, and keep those."""
    import theano
    from theano.gof.cmodule import GCC_compiler

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
            _write(path, GCC_compiler.march_flags)
    elif GCC_compiler.march_flags is None:
        GCC_compiler.march_flags = kept


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


def _read(path: Path) -> list[str] | None:
    try:
        flags = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(flags, list) and all(isinstance(flag, str) for flag in flags)
    return flags if flags and whole else None


def _write(path: Path, flags: list[str]) -> None:
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path, "w") as file:
            json.dump(flags, file)
