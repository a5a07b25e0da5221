"""Every library of every side held to AVX2, and the check that it is.

What each reports of itself is compared with what is wanted; MKL, PyTorch's library for matrix
products, reports nothing, and takes its plainest path on processors of other makers than Intel.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent

AVX2 = {
    "ENGINE_INSTRUCTION_SET": "avx2",
    "OPENBLAS_CORETYPE": "Haswell",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    # Of ATen's own kernels, and of those that torch.compile writes.
    "ATEN_CPU_CAPABILITY": "avx2",
}
# Of the C code of Theano's own Ops.
COMPILER_FLAGS = "gcc.cxxflags=-march=haswell"

_OURS = """
import json
from theano_engine import machine
told = machine.describe()
print(json.dumps([told["instruction set"], told["BLAS"]]))
"""
_PYTORCH = """
import torch
print(torch.backends.cpu.get_cpu_capability())
with torch.backends.mkldnn.verbose(torch.backends.mkldnn.VERBOSE_ON):
    torch.nn.functional.conv2d(torch.ones(2, 8, 8, 8), torch.ones(8, 8, 3, 3))
"""


def hold_to_avx2() -> None:
    """Hold the processes that this one starts from now on; SystemExit where something is not."""
    flags = filter(None, [os.environ.get("THEANO_FLAGS"), COMPILER_FLAGS])
    os.environ.update(AVX2, THEANO_FLAGS=",".join(flags))
    # What torch.compile once wrote for AVX-512 it takes again, and its pooling then fails.
    compiled = tempfile.TemporaryDirectory()
    atexit.register(compiled.cleanup)
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = compiled.name
    instruction_set, blas = json.loads(_answer(_OURS).splitlines()[-1])
    pytorch = _answer(_PYTORCH)
    wanted = {
        f"the project's kernels ({instruction_set})": instruction_set == "avx2",
        f"OpenBLAS ({blas})": "Haswell" in blas,
        "ATen": pytorch.startswith("AVX2\n"),
        "oneDNN": "cpu,isa:Intel AVX2\n" in pytorch,
    }
    others = [name for name, held in wanted.items() if not held]
    if others:
        sys.exit(f"not held to AVX2: {', '.join(others)}")


def is_held() -> bool:
    """Whether this process and those that it starts are held to AVX2."""
    return AVX2.items() <= os.environ.items()


def _answer(program: str) -> str:
    command = [sys.executable, "-c", program]
    environment = {**os.environ, "ONEDNN_VERBOSE": "1"}
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=PROJECT, env=environment
    )
    return done.stdout
