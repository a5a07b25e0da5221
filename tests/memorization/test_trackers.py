"""Offline runs of --wandb and --mlflow, read back by the packages: told, lost, lengthened."""

from __future__ import annotations

import json
import sys

import pytest
from support.project import run_script
from support.runs import SHORT
from support.wandb_files import read_records

from foundations.errors import UserError
from memorization.run.trackers import TRACKERS

SCRIPT = "cifar10_random_labels"
NOWHERE = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    """The folder of a run of three epochs in three processes; MLflow was lost in the second."""
    for package in ("wandb", "mlflow"):
        pytest.importorskip(package, reason=f"{package} is not installed (optional extra)")
    folder = tmp_path_factory.mktemp("tracked")
    run = folder / "results" / SCRIPT / "run"
    here = {"WANDB_MODE": "offline", "MLFLOW_TRACKING_URI": (folder / "store").as_uri()}
    more = ("--resume", run, "--epochs")
    for arguments, places, lost in (
        ((*SHORT, "--wandb", "--mlflow"), here, False),
        ((*more, 2), {**here, **NOWHERE}, True),
        ((*more, 3), here, False),
    ):
        done = run_script(f"{SCRIPT}.py", *arguments, cwd=folder, **places)
        assert done.returncode == 0, done.stderr
        assert ("warning: --mlflow failed, and the run goes on" in done.stderr) == lost, done.stderr
    return run


def rows(run):
    lines = (run / "metrics.csv").read_text().splitlines()
    names = lines[0].split(",")
    return [dict(zip(names, map(float, line.split(",")))) for line in lines[1:]]


@pytest.mark.exhaustive
def test_mlflow_has_the_whole_run(tracked, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    import mlflow

    client = mlflow.MlflowClient((tracked.parents[2] / "store").as_uri())
    experiment = client.get_experiment_by_name(SCRIPT)
    (found,) = client.search_runs([experiment.experiment_id])
    assert (found.info.run_name, found.info.status) == ("run", "FINISHED")
    assert found.data.params["corruption"] == "0.5"
    for tag, column in (("error/training", "training_error"), ("loss/test", "test_loss")):
        history = client.get_metric_history(found.info.run_id, tag)
        told = [(metric.step, metric.value) for metric in history]
        assert told == [(row["epoch"], row[column]) for row in rows(tracked)]
    assert {"class_error/3_training", "run/learning_rate"} <= found.data.metrics.keys()
    artifacts = {item.path for item in client.list_artifacts(found.info.run_id, "run")}
    assert artifacts == {"run/record.json", "run/labels.png"}


@pytest.mark.exhaustive
def test_offline_runs_of_wandb_are_one(tracked):
    files = sorted(tracked.glob("wandb/offline-run-*/*.wandb"))
    assert len(files) == 3
    runs = [read_records(path) for path in files]
    assert len({records.run_id for records in runs}) == 1
    told = [row for records in runs for row in records.history if "error/training" in row]
    for row, expected in zip(told, rows(tracked), strict=True):
        assert row["epoch"] == expected["epoch"]
        assert row["error/training"] == expected["training_error"]
        assert row["loss/test"] == expected["test_loss"]
    for path, records in zip(files, runs):
        assert records.config["corruption"] == 0.5
        assert json.loads(records.summary["run/record"])["experiment"] == SCRIPT
        pictures = [row["run/labels/path"] for row in records.history if "run/labels/path" in row]
        assert [(path.parent / "files" / name).is_file() for name in pictures] == [True]


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_missing_package_is_a_line(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError, match=f"^--{name} needs .*make venv EXTRAS={name}"):
        TRACKERS[name].check_installed()
