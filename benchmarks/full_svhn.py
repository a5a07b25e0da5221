"""Peak memory of training narrowly on a SVHN of full size, in its real format.

    python benchmarks/full_svhn.py FOLDER [--images true gaussian ...] [--extra] [-- OPTION ...]

Writes train_32x32.mat and test_32x32.mat (73,257 and 26,032 images of noise, 305 MB) into
FOLDER/svhn, and with --extra extra_32x32.mat (531,131 images, 1.6 GB). Runs svhn_random_labels.py
for an epoch: from the .mat files, from the cache that this run made, and from the cache with each
kind of --images; always with the OPTIONs of the script. Prints as JSON: megabytes at the peak of
each run, and of a process that only imports Theano.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import scipy.io

PROJECT = Path(__file__).resolve().parent.parent
SIZES = {"train": 73_257, "test": 26_032}
EXTRA = {"extra": 531_131}


def write(folder: Path, sizes: Mapping[str, int]) -> None:
    """Files of so many images, as Matlab 5 writes them."""
    generator = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for name, count in sizes.items():
        pixels = generator.integers(0, 256, (32, 32, 3, count), dtype=np.uint8)
        labels = generator.integers(1, 11, (count, 1), dtype=np.uint8)
        scipy.io.savemat(folder / f"{name}_32x32.mat", {"X": pixels, "y": labels})


def peak_megabytes(*command: str, cwd: Path) -> float:
    """The most resident memory that the command had; it has to succeed."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "BINARYNET_CACHE": str(cwd / "cache")}
    process = subprocess.Popen([sys.executable, *command], cwd=cwd, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return usage.ru_maxrss / 1e3


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", nargs="+", default=[], metavar="KIND")
    parser.add_argument("--extra", action="store_true", help="with extra_32x32.mat as well")
    parser.add_argument("options", nargs="*", metavar="OPTION")
    chosen = parser.parse_args(arguments)
    folder = chosen.folder.absolute()
    sizes = {**SIZES, **(EXTRA if chosen.extra else {})}
    # In another process: what a process once held counts for all that it starts.
    spawning = multiprocessing.get_context("spawn")
    writer = spawning.Process(target=write, args=(folder / "svhn", sizes))
    writer.start()
    writer.join()
    training = (
        *(str(PROJECT / "svhn_random_labels.py"), "--data-dir", str(folder), "--quiet"),
        *("--width", "0.0625", "--epochs", "1", "--batch-size", "500"),
        *("--overwrite", "--results-dir", str(folder / "results"), *chosen.options),
    )
    result = {
        "importing Theano": peak_megabytes("-c", "from theano_engine import theano", cwd=folder)
    }
    for what in ("from the files", "from the cache"):
        result[what] = peak_megabytes(*training, cwd=folder)
    for kind in chosen.images:
        result[f"--images {kind}"] = peak_megabytes(*training, "--images", kind, cwd=folder)
    print(json.dumps({name: round(value, 3) for name, value in result.items()}))


if __name__ == "__main__":
    main()
