"""Which instruction sets the kernels may use: what the processor has, capped by the user.

`ENGINE_INSTRUCTION_SET` is `portable`, `avx2` or `avx512`; kernels that need more than it names are
left unused, and slower ones that give the same results take their place.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

VARIABLE = "ENGINE_INSTRUCTION_SET"
_LEVELS = ("portable", "avx2", "avx512")
_NEEDED = {
    "portable": frozenset[str](),
    "avx2": frozenset({"avx2", "fma"}),
    "avx512": frozenset({"avx2", "fma", "avx512f", "avx512dq", "avx512bw", "avx512vl"}),
}


class InstructionSetError(ValueError):
    """The environment names an instruction set that does not exist."""


def supports(level: str) -> bool:
    """Whether kernels of `level` ("portable", "avx2" or "avx512") may run here."""
    cap = os.environ.get(VARIABLE, _LEVELS[-1])
    if cap not in _LEVELS:
        raise InstructionSetError(f"{VARIABLE}={cap}: choose one of {', '.join(_LEVELS)}")
    return _LEVELS.index(level) <= _LEVELS.index(cap) and _NEEDED[level] <= flags()


@cache
def flags() -> frozenset[str]:
    """The processor's feature flags as Linux names them; none where they cannot be read."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.split() for line in lines if line.startswith("flags")), []))
