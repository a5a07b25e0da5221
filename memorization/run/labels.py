"""`labels.npz`: which images the three sets of a run are, and the labels they were given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import datasets
from datasets import SETS, DataSet, own
from datasets.labelled_sets import LabelledSet, LabelledSets
from datasets.transformations import replayed
from foundations import files, reading
from foundations.errors import UserError
from foundations.reading import MOST_OF_A_PATH, printable
from memorization.run.record import OWN_DATA_FILE, RUN_FILE, format_of

LABELS_FILE = "labels.npz"
KINDS = ("labels", "true_labels", "replaced")


def save_labels(folder: Path, data: LabelledSets) -> None:
    """Write the numbers and labels of `data` as those of the run in `folder`, and data to keep."""
    arrays = {}
    for name in SETS:
        labelled = getattr(data, name)
        arrays[f"{name}_labels"] = labelled.labels
        arrays[f"{name}_true_labels"] = labelled.true_labels
        arrays[f"{name}_replaced"] = labelled.replaced
        arrays[f"{name}_numbers"] = labelled.numbers
    files.save_arrays(folder / LABELS_FILE, **arrays)
    if data.kept is not None:
        own.save(folder / OWN_DATA_FILE, data.kept)


def _name_today(name: str) -> str:
    """What an array of format 1 is called now; names of today stay."""
    of, _, what = name.partition("_")
    of = {"train": "training", "valid": "validation"}.get(of, of)
    return f"{of}_{'replaced' if what == 'corrupted' else what}"


def load_labels(folder: Path, images: int, n_classes: int) -> dict[str, np.ndarray]:
    """The arrays of the run's labels file: numbers below `images`, labels below `n_classes`.

    Raises UserError where the file cannot be read or holds anything else.
    """
    path = folder / LABELS_FILE
    with reading.open_npz(path, "no readable labels") as stored:
        arrays = {_name_today(name): array for name, array in stored.items()}
        for name in SETS:
            numbers = arrays[f"{name}_numbers"]
            reading.check_vector(f"{name}_numbers", numbers, "iu", 0, images - 1)
            for kind in KINDS:
                array = arrays[f"{name}_{kind}"]
                of_dtype, most = ("b", 1) if kind == "replaced" else ("iu", n_classes - 1)
                reading.check_vector(f"{name}_{kind}", array, of_dtype, 0, most)
                if len(array) != len(numbers):
                    raise ValueError(f"{len(array)} {name}_{kind} for {len(numbers)} images")
    return arrays


def labelled_sets_of(
    folder: Path, record: dict[str, Any], data_dir: str | None = None
) -> LabelledSets:
    """The data as the run in `folder` had them: what was done to them, the labels it was given.

    `data_dir` replaces the one that the run was given. Raises UserError where the data set is not
    the run's, or what its files say contradicts them.
    """
    settings, recorded = record["options"], record["data"]
    drawn = settings["synthetic"] or recorded.get("noise")
    if format_of(record) == 1 and drawn:
        raise UserError(
            f"{folder}: a run of version 1.0.0, whose images were drawn from other random streams; "
            "only that version can draw them again"
        )
    if "file" in recorded:
        loaded = _own_data(folder, recorded["file"], data_dir)
    else:
        source = datasets.source(recorded["name"], **recorded.get("parameters", {}))
        loaded = source.load(data_dir or settings["data_dir"])
    data = LabelledSets.of(loaded, settings["train_size"])
    data = replayed(data, recorded.get("recipe", []))
    if data.fingerprint != recorded["fingerprint"]:
        raise UserError(
            f"{folder}: the data set {recorded['name']} is not the one that this run trained on; "
            "--data-dir names another folder"
        )
    arrays = load_labels(folder, len(data.images), data.form.n_classes)
    sets: dict[str, Any] = {
        name: LabelledSet(**{kind: arrays[f"{name}_{kind}"] for kind in ("numbers", *KINDS)})
        for name in SETS
    }
    for name, labelled in sets.items() if data.recipe else ():
        expected = getattr(data, name)
        if not all(
            np.array_equal(getattr(labelled, kind), getattr(expected, kind)) for kind in KINDS
        ):
            raise UserError(
                f"{folder / LABELS_FILE}: not the {name} labels that {RUN_FILE} beside it tells of"
            )
    return replace(data, **sets)


def _own_data(folder: Path, recorded: str, data_dir: str | None) -> DataSet:
    """The data of one's own that the run in `folder` has, or that lie in the file `recorded`.

    `data_dir` is where that file is now. Raises UserError where it is not there or is damaged.
    """
    path = Path(recorded)
    if recorded == OWN_DATA_FILE:
        path = folder / recorded
    elif data_dir is not None:
        path = Path(data_dir) / path.name
    if not path.exists():
        raise UserError(
            f"{printable(path, MOST_OF_A_PATH)}: no such file, which this run trained on; "
            "--data-dir names the folder in which it is now"
        )
    return own.source(path).load(None)


def images_and_labels(
    folder: Path,
    record: dict[str, Any],
    data_dir: str | None,
    count: int,
    set_name: str = "training",
    true_labels: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """The first `count` images (n, *image shape) of a set of a run, and labels (n,) int64.

    These are the labels that it was given, or its `true_labels`. Raises what `labelled_sets_of`
    raises, and UserError where the set is empty.
    """
    data = labelled_sets_of(folder, record, data_dir)
    chosen: LabelledSet = getattr(data, set_name).first(count)
    if not len(chosen.numbers):
        raise UserError(f"{folder}: the {set_name} set of this run has no image (--set)")
    return data.images[chosen.numbers], chosen.true_labels if true_labels else chosen.labels
