"""Which instruction sets the kernels may use: what the processor has, capped by the user.

This is the only judge. Its verdict is handed to every kernel when that is compiled (`KernelOp`),
and asked for by every rewrite whose kernel has no slower form. `ENGINE_INSTRUCTION_SET` names the
highest level that may be used; the slower kernels that take over compute the same up to the order
of sums. AMX needs the operating system's leave and a compiler that knows it, too; its kernels take
floats apart into as many bfloat16 as `ENGINE_GRADIENT_PARTS` says.
"""

from __future__ import annotations

import ctypes
import os
import platform
from functools import cache
from pathlib import Path

from foundations.errors import UserError
from theano_engine.setup import compiler

VARIABLE = "ENGINE_INSTRUCTION_SET"
PARTS_VARIABLE = "ENGINE_GRADIENT_PARTS"
MOST_PARTS = 3

# The level whose kernels multiply tiles.
TILES = "amx"

# Each level includes those before it; the flags are those that it adds, as Linux names them. The
# numbers of the levels are those that kernels/common/instruction_set.h knows.
_X86: dict[str, tuple[str, ...]] = {
    "portable": (),
    "avx2": ("avx2", "fma"),
    "avx512": ("avx512f", "avx512dq", "avx512bw", "avx512vl"),
    "avx512_popcount": ("avx512_vpopcntdq", "avx512_vbmi2"),
    TILES: ("amx_tile", "amx_bf16"),
}
# No processor of 64 bits is without it.
_ARM: dict[str, tuple[str, ...]] = {"portable": (), "neon": ()}
ARCHITECTURES = {"x86_64": _X86, "aarch64": _ARM, "arm64": _ARM}

_added = ARCHITECTURES.get(platform.machine(), {"portable": ()})
LEVELS = tuple(_added)


class InstructionSetError(UserError, ValueError):
    """The environment names an instruction set, or a number of parts, that does not exist."""


def cap() -> str:
    """The highest level that the user allows; raises InstructionSetError where it is none."""
    named = os.environ.get(VARIABLE) or LEVELS[-1]
    if named not in LEVELS:
        raise InstructionSetError(f"{VARIABLE}={named}: choose one of {', '.join(LEVELS)}")
    return named


def level() -> str:
    """The verdict: the highest level that the processor has and the user allows."""
    allowed = LEVELS[: LEVELS.index(cap()) + 1]
    had = "portable"
    for name in allowed:
        if not flags().issuperset(_added[name]) or (name == TILES and tiles_refused()):
            break
        had = name
    return had


def told() -> str:
    """The verdict, and why it is not `TILES` where the processor and the user's cap would do."""
    verdict = level()
    wanted = cap() == TILES and flags().issuperset(n for added in _added.values() for n in added)
    return f"{verdict} ({TILES}: {tiles_refused()})" if wanted and verdict != TILES else verdict


def gradient_parts() -> int:
    """How many bfloat16 stand for a float in products of tiles: all that it takes, or fewer.

    Three are exact; two leave out at most 2^-16 of each term, one leaves out 2^-8. Raises
    InstructionSetError where the environment names another number.
    """
    named = os.environ.get(PARTS_VARIABLE) or str(MOST_PARTS)
    allowed = [str(count) for count in range(1, MOST_PARTS + 1)]
    if named not in allowed:
        raise InstructionSetError(f"{PARTS_VARIABLE}={named}: choose one of {', '.join(allowed)}")
    return int(named)


@cache
def tiles_refused() -> str | None:
    """Why a processor's tiles may not be used here; None where they may, which is asked for once.

    Linux keeps the tiles of a process only where it has asked for them.
    """
    if not compiler.knows("-mamx-bf16"):
        return "the compiler does not know it"
    arch_prctl, request_permission, tile_data = 158, 0x1023, 18
    if ctypes.CDLL(None).syscall(arch_prctl, request_permission, tile_data) != 0:
        return "the operating system refuses it"
    return None


def supports(name: str) -> bool:
    """Whether kernels of the level `name` may run here."""
    return name in LEVELS and LEVELS.index(name) <= LEVELS.index(level())


def contracts() -> bool:
    """Whether compilers contract products and sums where they are told of this processor."""
    return "fma" in flags() or "neon" in LEVELS


@cache
def model() -> str:
    """The processor as Linux names it, with its family and model; its architecture elsewhere."""
    fields = _fields()
    if "model name" not in fields:
        return platform.machine() or "unknown"
    numbers = [f"{name} {fields[name]}" for name in ("cpu family", "model") if name in fields]
    return ", ".join([fields["model name"], *numbers])


@cache
def flags() -> frozenset[str]:
    """The processor's feature flags as Linux names them; none where they cannot be read."""
    return frozenset(_fields().get("flags", "").split())


def _fields() -> dict[str, str]:
    """What Linux says of the first processor, by name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().partition("\n\n")[0].splitlines()
    except OSError:
        return {}
    return {name.strip(): value.strip() for name, _, value in (n.partition(":") for n in lines)}
