"""What the tests share: the project as a user has it, run in real subprocesses."""

from __future__ import annotations

import collections
import ctypes
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from support.project import PROJECT, run_script
from support.runs import SCRIPT, SHORT, WITH_FIGURES, made_once


def pytest_collection_modifyitems(items):
    """Files of long tests come first: one that is begun last leaves the other workers idle."""
    weights = collections.Counter()
    for item in items:
        marks = {mark.name for mark in item.iter_markers()}
        # A single exhaustive test can take as long as a file of others.
        weights[item.path] += 1000 if "exhaustive" in marks else 10 if "slow" in marks else 0.01
    items.sort(key=lambda item: -weights[item.path])


@pytest.fixture(scope="session", autouse=True)
def signals_that_reach_scripts():
    """What a shell ignores for its background jobs, and nohup, would be ignored by all scripts."""
    defaults = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    for number, handler in defaults.items():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.fixture(scope="session", autouse=True)
def own_data_caches(tmp_path_factory):
    """Data sets of the tests are cached in a folder of theirs, not in the user's."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("BINARYNET_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def oracle():
    """The recorded training of the original, arrays by name (see `tests/data/README.md`)."""
    with np.load(PROJECT / "tests" / "data" / "original_tanh.npz") as stored:
        return dict(stored)


@pytest.fixture(scope="session")
def short_run(tmp_path_factory):
    """The folder of a run of a single epoch, on 130 drawn digits with half of the labels random.

    Made once for all workers: to be read only.
    """

    def run(folder):
        done = run_script("cifar10_random_labels.py", *SHORT, cwd=folder)
        assert done.returncode == 0, done.stderr

    return made_once(tmp_path_factory, "short", run) / "results" / "cifar10_random_labels" / "run"


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """The folder of a run of SCRIPT that nothing stopped, with figures; what it printed is in
    `printed` beside the results. Made once for all workers: to be read only."""

    def run(folder):
        done = run_script(f"{SCRIPT}.py", *WITH_FIGURES, cwd=folder)
        assert done.returncode == 0, done.stderr
        (folder / "printed").write_text(done.stdout + done.stderr, encoding="utf-8")

    return made_once(tmp_path_factory, "undisturbed", run) / "results" / SCRIPT / "run"


@pytest.fixture
def omp_threads():
    """A function that sets OpenMP's number of threads for the rest of the test."""
    openmp = ctypes.CDLL("libgomp.so.1")
    before = openmp.omp_get_max_threads()
    yield openmp.omp_set_num_threads
    openmp.omp_set_num_threads(before)


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory):
    """A folder with CIFAR-10 and SVHN in their own formats.

    The real images where $BINARYNET_DATA has them; drawn digits in the same formats elsewhere.
    """
    if os.environ.get("BINARYNET_DATA"):
        return Path(os.environ["BINARYNET_DATA"])
    import pickle

    import scipy.io

    import datasets

    folder = tmp_path_factory.mktemp("data")
    drawn = datasets.load_synthetic("cifar10", n_train=1000, n_test=200)
    (folder / "cifar-10-batches-py").mkdir()
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    for name, numbers in zip(names, np.split(np.arange(1200), 6)):
        batch = {
            b"data": drawn.images[numbers].reshape(len(numbers), -1),
            b"labels": drawn.labels[numbers].tolist(),
        }
        (folder / "cifar-10-batches-py" / name).write_bytes(pickle.dumps(batch, protocol=2))
    (folder / "svhn").mkdir()
    for name, numbers in {"train_32x32": range(160), "test_32x32": range(160, 210)}.items():
        scipy.io.savemat(
            folder / "svhn" / f"{name}.mat",
            {
                "X": drawn.images[list(numbers)].transpose(2, 3, 1, 0),
                "y": np.where(drawn.labels[list(numbers)] == 0, 10, drawn.labels[list(numbers)]),
            },
        )
    return folder


@pytest.fixture(scope="session")
def mode():
    """The Theano mode that runs in PyTorch on the device in TEST_DEVICE, by default the CPU."""
    pytest.importorskip("torch", reason="PyTorch is not installed (optional extra [cuda])")
    from theano_engine.torch_linker import torch_mode

    device = os.environ.get("TEST_DEVICE", "cpu")
    return torch_mode(device, execution="eager" if device == "cpu" else "graphs")
