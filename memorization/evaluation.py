"""The words of the evaluation script: parse, run, command."""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from datasets import SETS
from foundations import files, reading
from foundations.arrays import check_images, check_same_length, class_numbers
from foundations.errors import UserError
from foundations.reading import printable
from memorization import command_line, options, own_network
from memorization.architecture import Architecture, OwnNetwork, from_record
from memorization.export import inference, packed, scored
from memorization.parameter_files import read_parameters, widths_of
from memorization.run.folder import runs_below
from memorization.run.labels import images_and_labels
from memorization.run.record import RUN_FILE, load_record
from memorization.run.settings import completed
from training_loop import metrics
from training_loop.evaluation import Evaluation, evaluate

BATCH_SIZE = 500

# Of the networks of 2017 and of their images.
IMAGE_SHAPE, N_CLASSES = (3, 32, 32), 10


def parse(script: str, documentation: str, argv: Sequence[str] | None) -> argparse.Namespace:
    """The evaluation's options from the command line `argv`."""
    parser = command_line.ArgumentParser(Path(script).name, documentation)
    add = parser.add_argument
    add(
        "--params",
        type=Path,
        metavar="FILE",
        help="parameters, or a packed network (default: the newest SVHN run's)",
    )
    add(
        "--count",
        type=command_line.positive_int,
        metavar="N",
        default=7000,
        help="images to evaluate, from the first on (default: 7000)",
    )
    add(
        "--set",
        dest="set_name",
        type=_set_name,
        metavar="|".join(SETS),
        help="which of the run's sets (default: training)",
    )
    add(
        "--true-labels",
        action="store_true",
        help="against the true labels, whichever the run was given",
    )
    add(
        "--predictions",
        type=Path,
        metavar="FILE",
        help="write each image's label, predicted class and loss there, as CSV",
    )
    add("--images", type=Path, metavar="X.npy", help="images that a script of 2017 saved")
    add("--labels", type=Path, metavar="Y.npy", help="their labels or one-hot targets")
    add(
        "--activation",
        choices=("tanh", "sigmoid"),
        default="tanh",
        help="with --images: activations of -1 and +1 or of 0 and 1 (default: tanh)",
    )
    add(
        "--builder",
        metavar="MODULE:FUNCTION",
        help="of a run on a network of one's own: the function that built it, which is run again",
    )
    add("--data-dir", metavar="DIR", help="the data set, if it has moved since the run")
    add("--results-dir", type=Path, metavar="DIR", default=Path("results"))
    add(
        "--device",
        choices=options.DEVICES,
        default="cpu",
        help="what executes the graph (default: cpu)",
    )
    chosen = parser.parse_args(argv)
    command_line.check_process()
    if (chosen.images is None) != (chosen.labels is None):
        parser.error("--images and --labels belong together")
    if chosen.images is not None and chosen.params is None:
        parser.error("--images needs --params: which parameters are to be evaluated on them?")
    if chosen.images is not None and (chosen.set_name or chosen.true_labels):
        other = "--set" if chosen.set_name else "--true-labels"
        parser.error(f"{other} is of a run's own data, which --images puts others in the place of")
    chosen.set_name = chosen.set_name or "training"
    return chosen


def _set_name(text: str) -> str:
    """One of `SETS`, which "train" means too; ArgumentTypeError for any other."""
    name = "training" if text == "train" else text
    if name not in SETS:
        raise argparse.ArgumentTypeError(f"invalid choice: {text!r} is none of {', '.join(SETS)}")
    return name


def run(chosen: argparse.Namespace, default_data: str) -> Evaluation:
    """Evaluate as `parse` was told, print the error and how long it took to find, return it.

    Without --params it is the newest run on the data set `default_data`.
    """
    loaded = load(chosen, default_data)
    params, labels = loaded.params, loaded.labels
    test = _test_of(loaded, chosen)
    start = time.perf_counter()
    result = evaluate(test, np.arange(len(labels)), labels, BATCH_SIZE)
    run_time = time.perf_counter() - start
    print(f"{printable(params, reading.MOST_OF_A_PATH)}: {len(labels)} images")
    print(f"run_time = {run_time:.3f}s")
    # Of images from elsewhere nobody knows what they were to a run.
    named = metrics.clean_error if chosen.true_labels else metrics.error
    name = "error" if chosen.images is not None else named(chosen.set_name)
    wrong = round(result.error * len(labels))
    print(f"{name} = {100 * result.error:.2f}% ({wrong} of {len(labels)} images)")
    if chosen.predictions is not None:
        _save_predictions(chosen.predictions, result)
    return result


def _save_predictions(path: Path, result: Evaluation) -> None:
    """Write as CSV, a line an image: its place in the set, label, predicted class and loss."""
    with files.replacing(path, "w") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("image", "label", "prediction", "loss"))
        columns = (result.labels, result.predictions, result.losses)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        writer.writerows((number, *row) for number, row in enumerate(rows))


def command(main: Callable[[], Any]) -> NoReturn:
    """Run the script's `main` on the command line's arguments and exit."""
    command_line.run_command(main)


@dataclass(frozen=True)
class Loaded:
    """What is evaluated: saved parameters, images (n, *image shape), labels (n,).

    `architecture` is the network's, None for a packed file, which needs no Theano; `margin` that of
    the run's loss.
    """

    params: Path
    images: np.ndarray
    labels: np.ndarray
    architecture: Architecture | OwnNetwork | None
    margin: float = 1.0


def _test_of(loaded: Loaded, chosen: argparse.Namespace) -> Callable:
    """What gives losses and predictions of image numbers and labels, as `evaluate` asks."""
    params, images, margin = loaded.params, loaded.images, loaded.margin
    architecture = loaded.architecture
    if architecture is None:
        network = packed.load(params)
        return scored.test_of(lambda x: inference.scores(network, x), images, margin)
    # Late, since they import Theano.
    from memorization import functions, networks

    if isinstance(architecture, OwnNetwork):
        network = own_network.rebuilt(architecture, chosen.builder)
    else:
        network = networks.build(architecture)
    networks.set_parameters(network, read_parameters(params), str(params))
    networks.replace_weights_by_sign(network)
    if chosen.device == "cpu" and architecture.binary:
        # Bit for bit what exported networks compute.
        return scored.test_of(functions.build_scores(network), images, margin)
    mode = functions.execution_mode(chosen.device, mixed=architecture.mixed)
    pool = functions.shared_pool(images)
    return functions.build_test(network, pool, margin=margin, mode=mode)


def load(chosen: argparse.Namespace, default_data: str) -> Loaded:
    """What the options name: without --params the newest run on the data set `default_data`.

    The network never draws its weights: of binary ones the evaluation sees the signs alone, float
    ones stay as they are.
    """
    if chosen.params is not None and not chosen.params.exists():
        raise UserError(f"{chosen.params}: no such file; --params names saved parameters")
    exported = chosen.params is not None and packed.is_packed(chosen.params)
    if exported and chosen.device != "cpu":
        raise UserError(f"{chosen.params}: a packed network runs on the CPU alone (--device)")
    if chosen.images is not None:
        return _load_files_of_2017(chosen)
    folder = (
        newest_run(chosen.results_dir, default_data)
        if chosen.params is None
        else chosen.params.parent
    )
    if not (folder / RUN_FILE).exists():
        raise UserError(
            f"{chosen.params}: no {RUN_FILE} beside it says what it was trained on; for "
            "files of 2017 give --images and --labels"
        )
    record = load_record(folder)
    margin = completed(record["options"])["margin"]
    params = chosen.params or folder / record["parameters"]
    if exported:
        if differing := _other_run(packed.load(params).record, record):
            raise UserError(
                f"{params}: not exported from the run whose {RUN_FILE} lies beside it: its "
                f"{differing} is another"
            )
        return Loaded(params, *_images_and_labels(chosen, folder, record), None, margin)
    architecture = from_record(record["network"])
    if isinstance(architecture, OwnNetwork):
        return Loaded(params, *_images_and_labels(chosen, folder, record), architecture, margin)
    if chosen.builder is not None:
        raise UserError(f"--builder: the suite itself built the network of {params}; leave it out")
    arrays = read_parameters(params)
    convolutions = architecture.convolutions
    dense = len(architecture.widths) - convolutions + 1
    widths = widths_of(arrays, str(params), convolutions, dense)
    if widths != list(architecture.widths):
        raise UserError(
            f"{params}: layers of {widths}, but {RUN_FILE} beside it tells of "
            f"{list(architecture.widths)}; were these parameters saved by another run?"
        )
    images, labels = _images_and_labels(chosen, folder, record)
    return Loaded(params, images, labels, replace(architecture, stochastic=False), margin)


def _images_and_labels(chosen, folder, record) -> tuple[np.ndarray, np.ndarray]:
    """Those of the run in `folder` that the options choose."""
    which = (chosen.count, chosen.set_name, chosen.true_labels)
    return images_and_labels(folder, record, chosen.data_dir, *which)


def _other_run(exported: dict[str, Any], record: dict[str, Any]) -> str | None:
    """In what the record that was exported differs from that of the run; None where in nothing."""
    parts = ("experiment", "network", "data", "seed")
    return next((part for part in parts if exported.get(part) != record.get(part)), None)


def newest_run(results_dir: Path, data_name: str) -> Path:
    """The folder of the run on `data_name`, or its synthetic stand-in, that was saved last."""
    found = []
    for folder in runs_below(results_dir):
        try:
            record = load_record(folder)
        except UserError as error:
            # One broken run does not hide the others.
            print(printable(f"{error}; left out", command_line.MOST_OF_A_LINE), file=sys.stderr)
            continue
        parameters = folder / record["parameters"]
        named = "file" not in record["data"] and record["data"]["name"].endswith(data_name)
        if named and parameters.is_file():
            found.append((parameters.stat().st_mtime_ns, folder))
    if not found:
        raise UserError(
            f"{results_dir}: no saved {data_name} run there; train one (svhn_random_labels.py), or "
            "name one with --params or --results-dir"
        )
    return max(found)[1]


def _load_files_of_2017(chosen):
    labels = class_numbers(
        _read_array(chosen.labels, "--labels"), N_CLASSES, f"--labels {chosen.labels}"
    )
    images = _read_array(chosen.images, "--images")
    check_same_length(images, labels, f"--images {chosen.images} and --labels {chosen.labels}")
    images, labels = images[: chosen.count], labels[: chosen.count]
    if images.shape[1:] == (3072,):
        images = images.reshape(-1, *IMAGE_SHAPE)
    check_images(images, IMAGE_SHAPE, -1, 1, f"--images {chosen.images}")
    images = np.asarray(images, np.float32)
    if packed.is_packed(chosen.params):
        exported = packed.load(chosen.params)
        if (exported.image_shape, len(exported.class_names)) != (IMAGE_SHAPE, N_CLASSES):
            raise UserError(f"{chosen.params}: a network for other images or classes (--images)")
        return Loaded(chosen.params, images, labels, None)
    arrays = read_parameters(chosen.params)
    widths = widths_of(arrays, str(chosen.params))
    architecture = Architecture(tuple(widths), activation=chosen.activation)
    return Loaded(chosen.params, images, labels, architecture)


def _read_array(path: Path, option: str) -> np.ndarray:
    """A `.npy` file, mapped into memory rather than read: the originals are 1.8 GB."""
    with reading.file_errors(
        path, f"not a readable .npy file ({option})", missing=f"no such file ({option})"
    ):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise UserError(f"{path}: {option} wants a .npy file with one array")
    return array
