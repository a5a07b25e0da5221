"""SBPI through a run's life: it solves what one epoch does not, and goes on with its draws."""

from __future__ import annotations

import numpy as np
import pytest
from support.project import run_script
from support.runs import assert_same_run, killed_after_an_epoch, made_once, metrics, run_in

pytestmark = pytest.mark.slow

ARGUMENTS = (
    *("svhn_random_labels.py", "--data", "patterns", "--patterns", "40", "101", "--classes", "2"),
    *("--network", "mlp", "--norm", "none", "--bias", "no", "--batch-size", "1", "--epochs", "40"),
    *("--optimizer", "sbpi", "--margin", "4", "--quiet"),
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing stopped; to be read only."""

    def run(folder):
        done = run_script(*ARGUMENTS, cwd=folder)
        assert done.returncode == 0, done.stderr

    return run_in(made_once(tmp_path_factory, "sbpi", run))


def test_it_solves_what_one_epoch_does_not(whole):
    first, *_, last = (float(row["training_error"]) for row in metrics(whole))
    assert first > 0 and last == 0


def test_its_hidden_states_are_odd(whole):
    with np.load(whole / "state.npz") as state:
        hidden = state["layer_01/W"]
        assert state["layer_01/W/sbpi_stream"].shape == (1, 6)
    assert np.all(hidden % 2 == 1) and abs(hidden).max() > 1


@pytest.mark.exhaustive
def test_it_goes_on_after_a_kill_with_the_same_bits(whole, tmp_path):
    killed_after_an_epoch(ARGUMENTS, tmp_path)
    resumed = run_script(*ARGUMENTS, "--resume", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert_same_run(run_in(tmp_path), whole)
