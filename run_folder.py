"""Run folders, `<results-dir>/<experiment>/`: the names of their files, and reading them back."""

from __future__ import annotations

import csv
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import datasets
import files
from errors import UserError
from labelled_sets import SETS, LabelledSet, LabelledSets

RUN_FILE = "run.json"
LABELS_FILE = "labels.npz"
METRICS_FILE = "metrics.csv"

LOADERS = {"cifar10": datasets.load_cifar10, "svhn": datasets.load_svhn}


def save_metrics(path: Path, rows: list[dict[str, float]]) -> None:
    """One line per epoch, CSV, every float with all its digits."""
    with files.replacing(path, "w") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def load_metrics(path: Path) -> list[dict[str, float]]:
    """The lines that `save_metrics` wrote; whole numbers as int, the rest as float.

    Raises UserError where there is no such file, or it holds anything else.
    """
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            return [
                {name: _parsed(text) for name, text in row.items()}
                for row in csv.DictReader(stream, strict=True)
            ]
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file; has the run finished its first epoch?") from error
    except (OSError, ValueError, TypeError, AttributeError, csv.Error) as error:
        raise UserError(f"{path}: no readable metrics of a run ({error})") from error


def _parsed(text: str) -> float:
    return int(text) if text.isdigit() else float(text)


def load_run(folder: Path) -> dict[str, Any]:
    """The record of the run in `folder`; UserError where there is none or it cannot be read."""
    path = folder / RUN_FILE
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: no readable record of a run ({error})") from error


def load_labels(folder: Path) -> dict[str, np.ndarray]:
    """The arrays of the run's labels file."""
    path = folder / LABELS_FILE
    try:
        with np.load(path, allow_pickle=False) as stored:
            return dict(stored)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: no readable labels ({error})") from error


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
        data = LabelledSets.of(LOADERS[name](data_dir or settings["data_dir"]))
    if data.fingerprint != record["data"]["fingerprint"]:
        raise UserError(
            f"{folder}: the data set {name} is not the one that this run trained on; "
            "--data-dir names another folder"
        )
    arrays = load_labels(folder)
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
