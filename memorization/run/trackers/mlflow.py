"""A run in MLflow (`--mlflow`), where MLFLOW_TRACKING_URI says, or in `<results-dir>/mlruns`."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foundations.errors import UserError
from foundations.reading import printable
from memorization.run.trackers.described import RECORD, record_text

FOLDER = "mlruns"
# What a server takes in one request.
MOST_PARAMETERS, MOST_METRICS = 100, 1000
# What every epoch has; it tells how far a run has come.
ALWAYS = "error/training"


def check_installed() -> None:
    """Raise UserError where the package is not installed."""
    _package()


def open_run(
    folder: Path, record: Mapping[str, Any], identity: str | None, epochs_done: int
) -> _Run:
    """The run `identity` where it is to be found, or a new one, with the options as parameters.

    Parameters never change in MLflow: of a lengthened run, the record, an artifact, has the new
    ones.
    """
    mlflow = _package()
    place = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else _own_place(folder)
    if "://" not in place or place.startswith("file:"):
        # Recent versions refuse folders, the one store that needs neither server nor database.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    client = mlflow.MlflowClient(place)
    experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", record["experiment"])
    known = identity is not None and _is_there(mlflow, client, identity)
    if not known:
        created = client.create_run(_experiment(mlflow, client, experiment), run_name=folder.name)
        identity = created.info.run_id
    run = _Run(mlflow, client, str(identity), f"{place}, experiment {experiment}")
    if known:
        client.update_run(run.identity, status="RUNNING")
        told = client.get_metric_history(run.identity, ALWAYS)
        run.epochs = max((metric.step for metric in told), default=0)
    else:
        run.add_parameters(record["options"])
    directory, _, name = RECORD.partition("/")
    client.log_text(run.identity, record_text(record), f"{directory}/{name}.json")
    return run


class _Run:
    def __init__(self, mlflow: Any, client: Any, identity: str, place: str):
        self._entities, self._client = mlflow.entities, client
        self.identity, self.place, self.epochs = identity, place, 0

    def add_parameters(self, options: Mapping[str, Any]) -> None:
        all_of_them = [
            self._entities.Param(name, printable(value)) for name, value in options.items()
        ]
        for start in range(0, len(all_of_them), MOST_PARAMETERS):
            self._client.log_batch(
                self.identity, params=all_of_them[start : start + MOST_PARAMETERS]
            )

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        now = int(time.time() * 1000)
        logged = [
            self._entities.Metric(name, value, now, epoch)
            for name, value in values.items()
            if name != ALWAYS
        ]
        # Last: an epoch that was cut off is told anew.
        logged += [self._entities.Metric(ALWAYS, values[ALWAYS], now, epoch)]
        for start in range(0, len(logged), MOST_METRICS):
            self._client.log_batch(self.identity, metrics=logged[start : start + MOST_METRICS])

    def add_picture(self, tag: str, path: Path) -> None:
        self._client.log_artifact(self.identity, str(path), tag.rpartition("/")[0])

    def close(self, finished: bool) -> None:
        self._client.set_terminated(self.identity, "FINISHED" if finished else "KILLED")


def _package() -> Any:
    try:
        import mlflow
    except ImportError:
        raise UserError(
            "--mlflow needs mlflow-skinny or mlflow: make venv EXTRAS=mlflow, or "
            "pip install mlflow-skinny"
        ) from None
    return mlflow


def _own_place(folder: Path) -> str:
    """Beside the folders of all experiments, so that MLflow compares their runs."""
    return (folder.parent.parent / FOLDER).resolve().as_uri()


def _is_there(mlflow: Any, client: Any, identity: str) -> bool:
    try:
        return client.get_run(identity).info.lifecycle_stage == "active"
    except mlflow.exceptions.MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return False


def _experiment(mlflow: Any, client: Any, name: str) -> str:
    """The number of the experiment `name`, which another process may be making as well."""
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return client.create_experiment(name)
        except mlflow.exceptions.MlflowException:
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return found.experiment_id
