"""What the CPU benchmarks measured, kept in docs/performance.json for `render.py`."""

from __future__ import annotations

import json
import os
import platform
from importlib import metadata
from pathlib import Path

RESULTS = Path(__file__).resolve().parent.parent / "docs" / "performance.json"


def put(key: str, result) -> None:
    """Keep `result` under `key`, with the machine that it was measured on."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results["machine"] = describe_machine()
    results[key] = result
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


def describe_machine() -> dict:
    """Processor, cores and versions."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "processor": names[0],
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in ("numpy", "theano", "torch")},
    }
