"""From options to a run folder: what every experiment does around its own few lines.

A run writes `<results-dir>/<experiment>/`: `run.json` (all that is needed to repeat it),
`labels.npz` (the labels of all three sets, and which were replaced), `metrics.csv` (a line per
epoch) and the parameters under the original's file name.
"""

from __future__ import annotations

import platform
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

import console
import datasets
import files
import run_folder
import training
from errors import UserError
from labelled_sets import SETS, LabelledSets
from options import Options

# Testing needs no gradients, so larger batches fit; they change no result.
TEST_BATCH_SIZE = 500


def load_data(name: str, options: Options) -> LabelledSets:
    """The data set `name` ("cifar10", "svhn") or, with --synthetic, drawn digits in its place."""
    return LabelledSets.of(
        datasets.load_synthetic(name)
        if options.synthetic
        else run_folder.LOADERS[name](options.data_dir),
        options.train_size,
    )


def run(
    options: Options,
    network: Any,
    data: LabelledSets,
    *,
    parameters: str,
    penalty: Any = None,
    testing: dict[str, bool] | None = None,
) -> list[dict[str, float]]:
    """Train `network` on `data` as `options` say, into the run folder; returns the metrics.

    `parameters` is the original's name for the saved parameters, without its ending. `penalty` and
    `testing` are those of `networks.build_functions`.
    """
    import networks

    mode = execution_mode(options.device)
    folder = _new_run_folder(Path(options.results_dir) / options.experiment, options.overwrite)
    record = describe_run(options, network, data, parameters)
    files.save_json(folder / run_folder.RUN_FILE, record)
    _save_labels(folder / run_folder.LABELS_FILE, data)

    report = console.Report(folder.name, data.class_names, options)
    with report.compiling():
        functions = networks.build_functions(
            network,
            data.images,
            penalty=penalty,
            testing=testing or networks.DETERMINISTIC,
            mode=mode,
        )
    with report:
        history = training.train(
            functions.train,
            functions.test,
            network,
            options.batch_size,
            options.lr_start,
            options.lr_decay,
            options.epochs,
            data.train.numbers,
            data.train.labels,
            data.valid.numbers,
            data.valid.labels,
            data.test.numbers,
            data.test.labels,
            save_path=str(folder / f"{parameters}.npz"),
            test_batch_size=options.batch_size if options.as_in_2017 else TEST_BATCH_SIZE,
            drop_last=options.as_in_2017,
            seed=options.seed,
            observer=_Recorder(folder / run_folder.METRICS_FILE, report),
        )
    draw_figures(folder, history, data)
    report.summary(history, folder)
    return history


def draw_figures(folder: Path, history: list[dict[str, float]], data: LabelledSets) -> None:
    """The run's figures, into its folder; matplotlib is imported only now."""
    import figures

    figures.draw_run(folder, history, data.class_names)
    figures.draw_labels(folder, data)


def execution_mode(device: str) -> Any:
    """The Theano mode for --device; None is Theano's default, the C linker with our rewrites."""
    if device == "cpu":
        return None
    from engine.torch_linker import torch_mode

    return torch_mode("cpu" if device == "torch-cpu" else device)


def describe_run(
    options: Options, network: Any, data: LabelledSets, parameters: str
) -> dict[str, Any]:
    """What it takes to repeat the run and to rebuild its network, ready for JSON."""
    import networks

    packages = ("numpy", "scipy", "h5py", "theano", "lasagne")
    return {
        "experiment": options.experiment,
        "parameters": f"{parameters}.npz",
        "options": vars(options),
        "seed": options.seed,
        "network": networks.describe(network),
        "data": {
            "name": data.name,
            "fingerprint": data.fingerprint,
            "class_names": data.class_names,
            "noise": data.noise,
            **{name: len(getattr(data, name).numbers) for name in SETS},
        },
        "versions": {
            "python": platform.python_version(),
            **{package: metadata.version(package) for package in packages},
        },
    }


def _new_run_folder(folder: Path, overwrite: bool) -> Path:
    if (folder / run_folder.RUN_FILE).exists():
        if not overwrite:
            raise UserError(
                f"{folder} holds a run already; give --overwrite to start over, "
                "or another --results-dir"
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _save_labels(path: Path, data: LabelledSets) -> None:
    arrays = {}
    for name in SETS:
        labelled = getattr(data, name)
        arrays[f"{name}_labels"] = labelled.labels
        arrays[f"{name}_true_labels"] = labelled.true_labels
        arrays[f"{name}_corrupted"] = labelled.corrupted
        arrays[f"{name}_numbers"] = labelled.numbers
    files.save_arrays(path, **arrays)


class _Recorder(training.Observer):
    """Writes the metrics file anew after every epoch and passes everything on to the report."""

    def __init__(self, path: Path, report: console.Report):
        self._path = path
        self._report = report
        self._rows: list[dict[str, float]] = []

    def epoch_begins(self, epoch, learning_rate, images):
        self._report.epoch_begins(epoch, learning_rate, images)

    def batch_ends(self, images, loss):
        self._report.batch_ends(images, loss)

    def testing_begins(self, set_name, images):
        self._report.testing_begins(set_name, images)

    def testing_batch_ends(self, images):
        self._report.testing_batch_ends(images)

    def epoch_ends(self, row, evaluations):
        self._rows.append(row)
        run_folder.save_metrics(self._path, self._rows)
        self._report.epoch_ends(row, evaluations)
