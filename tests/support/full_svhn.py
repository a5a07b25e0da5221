"""A SVHN of full size in its real format, trained on narrowly: python full_svhn.py FOLDER

Writes train_32x32.mat and test_32x32.mat (73,257 and 26,032 images of noise, 305 MB) into
FOLDER/svhn, runs svhn_random_labels.py for an epoch, twice: from the .mat files, and from the cache
that the first run made. Prints as JSON: megabytes at the peak of either run and of a process that
only imports Theano.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import scipy.io

from support.project import PROJECT

SIZES = {"train": 73_257, "test": 26_032}


def write(folder: Path) -> None:
    """The two files, as Matlab 5 writes them."""
    generator = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for name, count in SIZES.items():
        pixels = generator.integers(0, 256, (32, 32, 3, count), dtype=np.uint8)
        labels = generator.integers(1, 11, (count, 1), dtype=np.uint8)
        scipy.io.savemat(folder / f"{name}_32x32.mat", {"X": pixels, "y": labels})


def peak_megabytes(*command: str, cwd: Path) -> float:
    """The most resident memory that the command had; it has to succeed."""
    process = subprocess.Popen(
        [sys.executable, *command], cwd=cwd, env={**os.environ, "PYTHONPATH": str(PROJECT)}
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return usage.ru_maxrss / 1e3


def main(folder: Path) -> None:
    # In another process: what a process once held counts for all that it starts.
    writer = multiprocessing.get_context("spawn").Process(target=write, args=(folder / "svhn",))
    writer.start()
    writer.join()
    training = (
        *(str(PROJECT / "svhn_random_labels.py"), "--data-dir", str(folder), "--quiet"),
        *("--width", "0.0625", "--epochs", "1", "--batch-size", "500", "--overwrite"),
    )
    result = {
        "importing Theano": peak_megabytes("-c", "from theano_engine import theano", cwd=folder)
    }
    for what in ("from the files", "from the cache"):
        result[what] = peak_megabytes(*training, cwd=folder)
    print(json.dumps({name: round(value, 3) for name, value in result.items()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
