"""Run folders, `<results-dir>/<experiment>/`: the names of their files, and reading them back."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import datasets
from datasets.labelled_sets import SETS, LabelledSet, LabelledSets
from foundations import files, reading
from foundations.errors import UserError

RUN_FILE = "run.json"
LABELS_FILE = "labels.npz"
METRICS_FILE = "metrics.csv"
# What a run writes last of all.
LAST_FILE = "labels.png"

N_CLASSES = 10
ACTIVATIONS = ("tanh", "sigmoid")
LOADERS = {"cifar10": datasets.load_cifar10, "svhn": datasets.load_svhn}


def save_metrics(path: Path, rows: list[dict[str, float]]) -> None:
    """One line per epoch, CSV, every float with all its digits."""
    with files.replacing(path, "w") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def load_metrics(path: Path) -> list[dict[str, float]]:
    """The lines that `save_metrics` wrote, at least one; whole numbers as int, the rest as float.

    Raises UserError where there is no such file, or it holds anything else.
    """
    with reading.told_in_a_line(
        path,
        "no readable metrics of a run",
        missing="no such file; has the run finished its first epoch?",
    ):
        with open(path, encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            rows = [{name: _parsed(text) for name, text in row.items()} for row in reader]
        if not rows:
            raise ValueError("no epoch in it")
        reading.check_metrics(rows)
    return rows


def _parsed(text: str) -> float:
    return int(text) if text.isdigit() else float(text)


def load_run(folder: Path) -> dict[str, Any]:
    """The record of the run in `folder`; UserError where there is none or it cannot be read."""
    path = folder / RUN_FILE
    with reading.told_in_a_line(path, "no readable record of a run"):
        record = json.loads(path.read_text(encoding="utf-8"))
        _check_record(record)
    return record


def _check_record(record: Any) -> None:
    parts = {"experiment": str, "parameters": str, "options": dict, "network": dict, "data": dict}
    reading.check_fields(record, parts)
    options, network, data = record["options"], record["network"], record["data"]
    reading.check_fields(options, {"synthetic": bool, "data_dir": (str, type(None))})
    network_parts = {"widths": list, "activation": str, "stochastic": bool, "dropout": list}
    reading.check_fields(network, network_parts)
    if not all(type(width) is int and width > 0 for width in network["widths"]):
        raise ValueError(f"widths are {reading.first_line(network['widths'])}")
    if network["activation"] not in ACTIVATIONS:
        raise ValueError(f"activation is {reading.first_line(network['activation'])}")
    if not all(type(p) in (int, float) and 0 <= p < 1 for p in network["dropout"]):
        raise ValueError(f"dropout is {reading.first_line(network['dropout'])}")
    reading.check_fields(
        data, {"name": str, "fingerprint": str, "noise": (list, type(None)), "class_names": list}
    )
    if data["name"].removeprefix("synthetic-") not in LOADERS:
        raise ValueError(f"the data set's name is {reading.first_line(data['name'])}")
    if data["noise"] is not None:
        seed, variance = data["noise"]
        reading.check_fields(
            {"seed": seed, "variance": variance}, {"seed": int, "variance": (int, float)}
        )
        if not (0 <= seed < 2**32 and 0 <= variance < float("inf")):
            raise ValueError(f"noise is {reading.first_line(data['noise'])}")
    if len(data["class_names"]) != N_CLASSES:
        raise ValueError(f"{len(data['class_names'])} names of classes")
    # It is looked for in the run's folder, and nowhere else.
    if Path(record["parameters"]).name != record["parameters"]:
        raise ValueError(f"parameters is {reading.first_line(record['parameters'])}")


def load_labels(folder: Path, images: int) -> dict[str, np.ndarray]:
    """The arrays of the run's labels file: numbers below `images`, and labels of theirs.

    Raises UserError where the file cannot be read or holds anything else.
    """
    path = folder / LABELS_FILE
    with reading.opened_arrays(path, "no readable labels") as stored:
        arrays = dict(stored)
        for name in SETS:
            numbers = arrays[f"{name}_numbers"]
            reading.check_vector(f"{name}_numbers", numbers, "iu", 0, images - 1)
            for kind in ("labels", "true_labels", "corrupted"):
                array = arrays[f"{name}_{kind}"]
                of_dtype, most = ("b", 1) if kind == "corrupted" else ("iu", N_CLASSES - 1)
                reading.check_vector(f"{name}_{kind}", array, of_dtype, 0, most)
                if len(array) != len(numbers):
                    raise ValueError(f"{len(array)} {name}_{kind} for {len(numbers)} images")
    return arrays


def labelled_sets_of(
    folder: Path, record: dict[str, Any], data_dir: str | None = None
) -> LabelledSets:
    """The data as the run in `folder` had them: noise for images, labels that it was given.

    `data_dir` replaces the one that the run was given. Raises UserError where the data set is not
    the run's.
    """
    settings = record["options"]
    name = record["data"]["name"]
    if settings["synthetic"]:
        data = LabelledSets.of(datasets.load_synthetic(name.rpartition("-")[2]))
    else:
        data = LabelledSets.of(LOADERS[name.rpartition("-")[2]](data_dir or settings["data_dir"]))
    if data.fingerprint != record["data"]["fingerprint"]:
        raise UserError(
            f"{folder}: the data set {name} is not the one that this run trained on; "
            "--data-dir names another folder"
        )
    arrays = load_labels(folder, len(data.images))
    sets: dict[str, Any] = {
        name: LabelledSet(
            numbers=arrays[f"{name}_numbers"],
            labels=arrays[f"{name}_labels"],
            true_labels=arrays[f"{name}_true_labels"],
            corrupted=arrays[f"{name}_corrupted"],
        )
        for name in SETS
    }
    data = replace(data, **sets)
    return data.with_noise_images(*record["data"]["noise"]) if record["data"]["noise"] else data


def training_images(
    folder: Path, record: dict[str, Any], data_dir: str | None, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """The first `count` training images (n, 3, 32, 32) of a run and the labels it trained on.

    Raises what `labelled_sets_of` raises.
    """
    data = labelled_sets_of(folder, record, data_dir)
    return data.images[data.train.numbers[:count]], data.train.labels[:count]
