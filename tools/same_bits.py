"""Does every script still train to the same bits? Metrics and parameters, held to a record.

    python tools/same_bits.py                     compare with tests/data/same_bits.json
    python tools/same_bits.py --record            write that file anew
    python tools/same_bits.py --against REVISION  compare with the code of another git revision
    python tools/same_bits.py --only SCRIPT ...   of these scripts alone

The eight training scripts run at narrow width on drawn digits. Sums of floats differ between
instruction sets and BLAS builds, so that the record holds one entry per processor; where none is
held for this machine, `--against` runs the other revision here. Exit code 1 where anything differs,
each script and file named.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from training_loop.metrics import reproducible  # noqa: E402 - found by the line above

RECORD = PROJECT / "tests" / "data" / "same_bits.json"
OPTIONS = (
    *("--synthetic", "--width", "0.0625", "--epochs", "2", "--train-size", "130"),
    *("--batch-size", "25", "--corruption", "0.5", "--measure", "--quiet", "--no-figures"),
)


def experiments(project: Path) -> list[str]:
    """The names of all training scripts of `project`."""
    found = {path.stem for kind in ("cifar10", "svhn") for path in project.glob(f"{kind}_*.py")}
    return sorted(found - {"svhn_evaluation_random_labels"})


def machine() -> str:
    """What the bits may depend on besides the code."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    fields = dict(line.replace("\t", "").split(":", 1) for line in reversed(lines) if ":" in line)
    processor = "/".join(fields[name].strip() for name in ("vendor_id", "cpu family", "model"))
    kernel = os.environ.get("OPENBLAS_CORETYPE", "chosen")
    cap = os.environ.get("ENGINE_INSTRUCTION_SET", "all")
    return f"{processor}, OpenBLAS kernel {kernel}, instruction sets {cap}"


def hashes(project: Path, names: list[str]) -> dict[str, dict[str, str]]:
    """For every named script of `project` the hash of its metrics and of its parameters' values."""
    with tempfile.TemporaryDirectory() as results, ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda name: _run(project, name, Path(results) / name), names)
        return dict(zip(names, found))


def _run(project: Path, name: str, results: Path) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, project / f"{name}.py", *OPTIONS, "--results-dir", results],
        # One thread: OpenBLAS sums differently with another number of them. And no package of the
        # project that this environment has installed, which may be that of another revision.
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"{name}: {done.stderr.strip() or done.stdout.strip()}")
    (metrics,) = results.rglob("metrics.csv")
    (parameters,) = results.rglob("model_parameters*.npz")
    digest = hashlib.sha256()
    with np.load(parameters) as arrays:
        for array in map(arrays.get, arrays.files):
            digest.update(f"{array.dtype.str}{array.shape}".encode() + array.tobytes())
    return {
        "metrics": hashlib.sha256(reproducible(metrics.read_text()).encode()).hexdigest(),
        "parameters": digest.hexdigest(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--record", action="store_true", help="write the record anew")
    choice.add_argument("--against", metavar="REVISION", help="compare with this git revision")
    names = experiments(PROJECT)
    parser.add_argument("--only", nargs="+", choices=names, metavar="SCRIPT", default=names)
    chosen = parser.parse_args()
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    if chosen.against:
        with tempfile.TemporaryDirectory() as folder:
            git = ["git", "-C", str(PROJECT), "worktree"]
            subprocess.run([*git, "add", "--detach", folder, chosen.against], check=True)
            try:
                expected = hashes(Path(folder), chosen.only)
            finally:
                subprocess.run([*git, "remove", "--force", folder], check=True)
    elif chosen.record:
        record.setdefault(machine(), {}).update(hashes(PROJECT, chosen.only))
        RECORD.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
        return 0
    elif machine() in record:
        expected = record[machine()]
    else:
        sys.exit(f"nothing recorded for {machine()}; give --against REVISION")
    found = hashes(PROJECT, chosen.only)
    differing = [
        f"{name}: {part} differ"
        for name in chosen.only
        for part in ("metrics", "parameters")
        if expected.get(name, {}).get(part) != found[name][part]
    ]
    print("\n".join(differing) or f"{len(found)} scripts, same bits ({platform.python_version()})")
    return bool(differing)


if __name__ == "__main__":
    sys.exit(main())
