"""What the CPU benchmarks measured, kept in docs/performance.json for `render.py`."""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib import metadata
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from benchmarks import held  # noqa: E402 - found by the line above
from theano_engine import processor  # noqa: E402

RESULTS = PROJECT / "docs" / "performance.json"
# What kernels and libraries choose their paths by.
INSTRUCTIONS = ("avx2", "avx512f", "avx512_vpopcntdq", "avx512_bf16", "amx_bf16", "amx_int8")


def put(key: str, result) -> None:
    """Keep `result` under `key`, beside the other results of this machine; an earlier one goes."""
    machine = describe_machine()
    results = load()
    # The machine measured last stands last.
    of_machine = results.pop(name_of(machine), {})
    results[name_of(machine)] = {**of_machine, "machine": machine, key: result}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def load() -> dict[str, dict]:
    """All results: for each machine's name its description, and its results by their keys."""
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}


def name_of(machine: dict) -> str:
    """What tells a kind of machine, and what it is held to, from others."""
    held = ", held to AVX2" if machine["held_to_avx2"] else ""
    return f"{machine['processor']}, {machine['cores']} cores{held}"


def describe_machine() -> dict:
    """Processor, what it is capable of, cores and versions."""
    return {
        "processor": processor.model(),
        "instructions": [name for name in INSTRUCTIONS if name in processor.flags()],
        "held_to_avx2": held.is_held(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in ("numpy", "theano", "torch")},
    }
