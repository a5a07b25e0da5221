"""A sweep on a Ray cluster of two nodes, one of which is lost under way."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from support.project import PROJECT

from foundations.errors import UserError
from memorization.report.runs import read_run

pytestmark = pytest.mark.exhaustive

EPOCHS = 30


@pytest.fixture
def cluster(monkeypatch):
    """Two nodes, each with room for one run."""
    pytest.importorskip("ray", reason="Ray is not installed (optional extra [sweep])")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 100 << 20}
    started = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    started.second = started.add_node(**node)
    yield started
    started.shutdown()


def epochs_done(folder):
    try:
        return read_run(folder).epochs
    except UserError:
        return 0


def test_what_ran_on_a_lost_machine_runs_on_another(tmp_path, cluster):
    runs = [tmp_path / f"results/sweep/cifar10_random_labels/seed-{seed}" for seed in range(2)]
    tiny = ("--synthetic", "--width", "0.0625", "--train-size", "60", "--epochs", str(EPOCHS))
    tiny += ("--no-figures",)
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "memorization", "sweep", "--vary", "seed=0,1"),
            *("--address", cluster.address, "--", "cifar10_random_labels", *tiny),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as sweep:
        while not all(map(epochs_done, runs)):
            assert sweep.poll() is None, sweep.stdout.read()
            time.sleep(0.1)
        cluster.remove_node(cluster.second, allow_graceful=False)
        # Both were under way, so that one of them is lost.
        assert max(map(epochs_done, runs)) < EPOCHS
        output, _ = sweep.communicate(timeout=3600)
    assert sweep.returncode == 0, output
    assert [epochs_done(run) for run in runs] == [EPOCHS, EPOCHS]
    assert (tmp_path / "results" / "sweep" / "report" / "report.csv").exists()
