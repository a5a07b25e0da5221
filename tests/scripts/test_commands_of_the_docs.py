"""The commands of README and docs: every option in them exists, and in their order they run.

Every line of every block is run, scaled down, or stands in `LEFT_OUT` with the reason.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.docs_commands import (
    EVALUATION,
    PYTHONS,
    blocks,
    calls,
    linked_project,
    pages,
    shortened,
    words_of,
)
from support.project import PROJECT
from support.runs import finished_epochs, until

import datasets
from memorization import evaluation, options

INSTALLS = "makes an environment: tests/test_installation.py, and .ci/run in a clean clone"
TESTS = "runs tests"
TIMES = "times for minutes, on a machine that does nothing else"
CARD = "needs a CUDA GPU"
FORMULA = "a formula"
# The page and how the block, or the line, begins.
BLOCKS_LEFT_OUT = {
    ("README.md", "cifar-10-batches-py/"): "a list of files",
    ("README.md", "binary_net.py "): "a list of files",
    ("README.md", "@inproceedings"): "BibTeX",
    ("docs/compatibility.md", "python -m pip install"): INSTALLS,
    ("docs/compatibility.md", "debootstrap"): "needs root and Debian's archive",
    ("docs/compatibility.md", "python3 tools/try_dockerfile.py"): "needs root and Debian's archive",
    ("docs/export.md", "y = fl("): FORMULA,
    ("docs/export.md", "int network_predict("): "C: tests/memorization/export/test_c.py",
    ("docs/export.md", "2^-24"): FORMULA,
    ("docs/gpu.md", "pip install"): CARD,
    ("docs/gpu.md", "from theano_engine import theano"): CARD,
    ("docs/gpu.md", "TEST_DEVICE=cuda"): CARD,
    ("docs/measures.md", "memorised_bits ="): FORMULA,
    ("docs/measures.md", "(1/n) * sum_i"): FORMULA,
    ("docs/measures.md", "d/dx binary(x)"): FORMULA,
    ("docs/measures.md", "argmax f(x')"): FORMULA,
    ("docs/measures.md", "x' <- clip("): FORMULA,
    ("docs/own.md", "chosen = experiment.options("): (
        "lines of examples/own_network.py: tests/scripts/test_examples.py"
    ),
    ("docs/performance.md", "make venv"): TIMES,
    ("docs/reliability.md", "make full"): TESTS,
    ("docs/sweeps.md", "# narrow networks"): (
        "lines of a file of --cells: tests/memorization/sweep/test_sweep.py"
    ),
    ("docs/sweeps.md", ".venv/bin/python -m memorization sweep --slurm"): (
        "needs Slurm: tests/memorization/sweep/test_sweep_slurm.py"
    ),
}
LINES_LEFT_OUT = {
    ("README.md", "make test "): TESTS,
    ("README.md", "make venv "): INSTALLS,
    ("README.md", ".venv/bin/python cifar10_random_labels.py --device cuda"): CARD,
    ("docs/compatibility.md", ".venv/bin/python tools/same_bits.py"): (
        "trains for minutes: tests/tools/test_same_bits.py"
    ),
    ("docs/compatibility.md", "sh tools/install.sh"): INSTALLS,
    ("docs/experiments.md", "make results"): "trains for an hour or two",
    ("docs/export.md", "make venv "): INSTALLS,
    ("docs/export.md", ".venv/bin/python benchmarks/packed_networks.py"): TIMES,
    ("docs/images.md", "python benchmarks/full_svhn.py"): (
        "trains on as many images as SVHN has: tests/scripts/test_memory.py"
    ),
}
# Pressing Ctrl-C is what gives `--resume` something to do.
STOPPED = ".venv/bin/python cifar10_random_labels.py"
# What commands need of the optional extras: the package, by what stands in the line.
EXTRAS = {"memorization sweep": "ray", "--to onnx": "onnxruntime"}
# What a make that these tests run under hands on, which a reader's terminal has not.
OF_THE_OUTER_MAKE = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "PYTHON", "EXTRAS", "VENV")


def left_out(listed, page, line):
    return any(page == where and line.startswith(begins) for where, begins in listed)


def what_runs(page):
    """What is typed of the blocks of `page`: each command's line, and Python as a whole."""
    for block in blocks(page):
        if left_out(BLOCKS_LEFT_OUT, page, block.lines[0]):
            continue
        lines = [line for line in block.lines if not left_out(LINES_LEFT_OUT, page, line)]
        if is_python(block.lines[0]):
            yield "\n".join(lines)
        else:
            yield from lines


def is_python(line):
    return line.startswith(("import ", "from "))


def program_of(line):
    """The first word of the command, behind the variables that it sets."""
    return next(word for word in words_of(line) if "=" not in word)


@pytest.mark.parametrize("page", pages())
def test_every_line_is_run_or_left_out_for_a_reason(page):
    for line in what_runs(page):
        assert is_python(line) or program_of(line) in (*PYTHONS, "make"), (
            f"{page}: neither run here nor left out for a reason: {line}"
        )
    first = [block.lines[0] for block in blocks(page)]
    lines = [line for block in blocks(page) for line in block.lines]
    for listed, found in ((BLOCKS_LEFT_OUT, first), (LINES_LEFT_OUT, lines)):
        for where, begins in listed:
            assert where != page or any(line.startswith(begins) for line in found), begins


@pytest.mark.parametrize("page", pages())
def test_every_option_in_a_command_exists(page):
    for script, arguments in calls(page):
        assert (PROJECT / script).exists(), script
        # What stands for something of the reader's own.
        words = [word for word in arguments if word != "..." and "--resume" not in arguments]
        if script == EVALUATION:
            evaluation.parse(script, "", words)
        elif "--help" not in words:
            options.parse(script, None, words)


def test_the_commands_are_found():
    found = [script for script, _ in calls("README.md")]
    assert len(found) >= 14 and {EVALUATION, "svhn_random_labels.py"} <= set(found)


class Reader:
    """Somebody who types the lines of a page in their order, in the project's folder.

    `given` has what the page's words in capitals stand for.
    """

    def __init__(self, folder, environment, given=()):
        self.folder = linked_project(folder)
        inherited = {k: v for k, v in os.environ.items() if k not in OF_THE_OUTER_MAKE}
        self.environment = {**inherited, "PYTHONPATH": str(self.folder), **environment}
        self.given = dict(given)

    def type(self, line):
        if is_python(line):
            return self._run([sys.executable, "-c", line], line)
        for word, value in self.given.items():
            line = line.replace(word, value)
        # The first of "packed|c|binarynet".
        self._command(re.sub(r"([\w-]+)(?:\|[\w-]+)+", r"\1", line))

    def _command(self, line):
        words = words_of(line)
        variables = {}
        while "=" in words[0]:
            name, _, variables[name] = words.pop(0).partition("=")
        if words[0] == "make":
            return self._make(words)
        if line.startswith(STOPPED) and words[2:] == []:
            return self._stop_after_an_epoch(shortened(words))
        if "--params model_parameters_random_labels_svhn.npz" in line:
            files_of_2017(self.folder)
        words = [found for word in shortened(words) for found in self._files(word)]
        return self._run([sys.executable, *words[1:]], line, variables)

    def _stop_after_an_epoch(self, words):
        words[words.index("--epochs") + 1] = "3"
        # Whoever is slow to press it finds the figures being drawn.
        words.remove("--no-figures")
        run = self.folder / "results" / Path(words[1]).stem / words[words.index("--name") + 1]
        process = subprocess.Popen(
            [sys.executable, *words[1:]],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        until(process, lambda: finished_epochs(run) >= 1)
        process.send_signal(signal.SIGINT)
        process.communicate()
        assert process.returncode == 128 + signal.SIGINT

    def _make(self, words):
        """What make would run, with the environment as it should be."""
        environment = ("--old-file", ".venv/.installed")
        told = subprocess.run(
            [words[0], "--no-print-directory", "--dry-run", *environment, *words[1:]],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for line in re.sub(r"\\\n\s*", "", told).splitlines():
            self._command(line)

    def _files(self, word):
        return sorted(glob.glob(word, root_dir=self.folder)) if "*" in word else [word]

    def _run(self, command, line, variables=()):
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**self.environment, **dict(variables)},
            capture_output=True,
            text=True,
            timeout=3600,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        return done


def files_of_2017(folder):
    """The three files that the SVHN script of 2017 left in the folder, made of a run of today."""
    run = folder / "results" / "svhn_random_labels" / "seed-0"
    shutil.copy(run / "model_parameters_random_labels_svhn.npz", folder)
    with np.load(run / "labels.npz") as stored:
        numbers, labels = stored["training_numbers"], stored["training_labels"]
    images = datasets.load_svhn(os.environ["BINARYNET_DATA"]).images[numbers]
    np.save(folder / "X_values_SVHN.npy", (2.0 / 255 * images - 1).astype(np.float64))
    np.save(folder / "Y_values_SVHN.npy", 2 * np.eye(10)[labels] - 1)


@pytest.fixture
def reader(tmp_path, data_dir, short_run, monkeypatch):
    """A reader who has data, images of the own, and a trained run."""
    monkeypatch.setenv("BINARYNET_DATA", str(data_dir))
    monkeypatch.chdir(tmp_path)
    drawn = datasets.load_synthetic("cifar10", n_train=100, n_test=20)
    (tmp_path / "images").mkdir()
    for number in range(3):
        picture = Image.fromarray(np.moveaxis(drawn.images[number], 0, 2))
        picture.save(tmp_path / "images" / f"{number}.png")
    np.save(tmp_path / "images.npy", drawn.images[:5])
    np.savez(tmp_path / "mine.npz", images=drawn.images, labels=drawn.labels)
    shutil.copytree(short_run, tmp_path / "trained")
    given = {
        "FILE.npz": "mine.npz",
        "RUN": "trained",
        "NETWORK": "trained",
        "IMAGE...": "images/0.png images.npy",
        "<experiment>": "cifar10_random_labels",
        "--train-size M": "--train-size 500",
        "--epochs N": "--epochs 40",
    }
    return Reader(tmp_path, {"BINARYNET_DATA": str(data_dir)}, given)


WITH_COMMANDS = [page for page in pages() if any(what_runs(page))]


@pytest.mark.exhaustive
@pytest.mark.parametrize("page", WITH_COMMANDS)
def test_the_commands_of_a_page_in_their_order_scaled_down(page, reader):
    lacking = set()
    for line in what_runs(page):
        needed = {package for words, package in EXTRAS.items() if words in line}
        if absent := {package for package in needed if find_spec(package) is None}:
            lacking |= absent
        else:
            reader.type(line)
    if lacking:
        pytest.skip(f"all but what needs {', '.join(sorted(lacking))} was run")
