"""Kernels built with the address and undefined-behaviour sanitizers, and run."""

from __future__ import annotations

import subprocess
from pathlib import Path

from support.project import PROJECT
from theano_engine import processor

SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
THREADING = {"one thread": ["-fopenmp-simd"], "two threads": ["-fopenmp"]}


def run_sanitized(source: Path, folder: Path, *flags: str) -> str:
    """What the C++ program `source` prints, built in `folder`; AssertionError where it fails."""
    program = folder / "sanitized"
    command = [
        "g++",
        f"-DKERNEL_INSTRUCTION_SET={processor.LEVELS.index(processor.level())}",
        "-DKERNEL_CONTRACTS=1",
        "-std=c++11",
        "-O1",
        "-g1",
        "-ffp-contract=off",
        *SANITIZERS,
        *flags,
    ]
    kernels = PROJECT / "theano_engine" / "kernels"
    subprocess.run([*command, f"-I{kernels}", str(source), "-o", str(program)], check=True)
    finished = subprocess.run([str(program)], capture_output=True, text=True, timeout=3600)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout
