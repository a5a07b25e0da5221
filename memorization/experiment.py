"""From options to a run folder: what every experiment does around its own few lines.

A run writes `<results-dir>/<experiment>/`: `run.json` (all that is needed to repeat it),
`labels.npz` (the labels of all three sets, and which were replaced), `metrics.csv` (a line per
epoch) and the parameters under the original's file name.
"""

from __future__ import annotations

import platform
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import datasets
from datasets.labelled_sets import SETS, LabelledSets
from foundations import files
from foundations.errors import UserError
from memorization import stopping
from memorization.measures import columns as measures
from memorization.options import Options
from memorization.run import console
from memorization.run import folder as run_folder
from memorization.run import state as checkpoint
from memorization.run import tensorboard as event_files
from training_loop import loop as training

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
    mode = execution_mode(options.device, options.tf32)
    folder = Path(options.results_dir) / options.experiment
    record = describe_run(options, network, data, parameters)
    report = console.Report(data.class_names, options)
    if options.tensorboard:
        event_files.writer_class()
    # Twice: what has to be refused leaves no trace, and another process may have been in the folder
    # until the lock was ours.
    _look_at(folder, record, options)
    with files.locked(folder):
        history = _look_at(folder, record, options)
        if history is not None:
            _complete(folder, history, data)
        else:
            history = _train(options, network, data, folder, record, report, penalty, testing, mode)
    report.summary(history, folder)
    return history


def _train(
    options: Options,
    network: Any,
    data: LabelledSets,
    folder: Path,
    record: dict[str, Any],
    report: console.Report,
    penalty: Any,
    testing: dict[str, bool] | None,
    mode: Any,
) -> list[dict[str, float]]:
    """Begin or resume the run in `folder`, which is locked, and bring it to its end."""
    from memorization import networks

    with report.compiling():
        functions = networks.build_functions(
            network,
            data.images,
            penalty=penalty,
            testing=testing or networks.DETERMINISTIC,
            mode=mode,
        )
        measured = _measures(options, network, data, folder, mode) if options.measure else None
    state = networks.state_variables(
        functions.train, functions.test, *(measured.functions.compiled if measured else ())
    )
    if measured:
        state += measured.state
    if options.resume:
        files.remove_leftovers(folder)
        progress = checkpoint.load(folder / checkpoint.STATE_FILE, state)
        _write_again(folder, record, network, progress)
    else:
        progress = checkpoint.Progress()
        with _new_folder(folder) as new:
            _save_labels(new / run_folder.LABELS_FILE, data)
            checkpoint.save(new / checkpoint.STATE_FILE, state, progress)
            files.save_json(new / run_folder.RUN_FILE, record)
    recorder = _Recorder(folder, state, progress, options)
    # The measured columns have to be there before the line is recorded.
    observers: list[training.Observer] = [measured] if measured else []
    observers += [recorder, report]
    with ExitStack() as during:
        if options.tensorboard:
            done = len(progress.history)
            observers.append(during.enter_context(event_files.writing(folder, done)))
        during.enter_context(report.running(progress.history))
        stop = during.enter_context(stopping.StopRequest())
        try:
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
                save_path=str(folder / record["parameters"]),
                test_batch_size=options.batch_size if options.as_in_2017 else TEST_BATCH_SIZE,
                drop_last=options.as_in_2017,
                seed=options.seed,
                history=progress.history,
                batches_done=progress.batches,
                loss_sum=progress.loss_sum,
                stop=stop,
                observer=training.Observers(*observers),
            )
        except training.Stopped as stopped:
            raise recorder.interrupted(stopped, stop.signal_number) from None
        except files.WriteError as error:
            raise UserError(f"{error}; {recorder.what_is_left()}") from error
    if history:
        draw_figures(folder, history, data)
    return history


def _measures(
    options: Options, network: Any, data: LabelledSets, folder: Path, mode: Any
) -> measures.Measures:
    from memorization.measures import functions as measure_functions

    return measures.Measures(
        folder,
        data,
        measure_functions.build_measuring_functions(network, mode),
        corruption=options.corruption,
        seed=options.seed,
    )


def draw_figures(folder: Path, history: list[dict[str, float]], data: LabelledSets) -> None:
    """The run's figures, into its folder; matplotlib is imported only now."""
    from memorization.report import figures

    figures.draw_run(folder, history, data.class_names)
    figures.draw_labels(folder, data)


def execution_mode(device: str, tf32: bool = False) -> Any:
    """The Theano mode for --device and --tf32.

    None is Theano's default, the C linker with our rewrites. Raises UserError where the device, or
    TF32 on it, is not to be had.
    """
    if tf32 and device != "cuda":
        raise UserError(f"--tf32 is for --device cuda: {device} computes in float32")
    if device == "cpu":
        return None
    from theano_engine.torch_linker import torch_mode

    return torch_mode("cpu" if device == "torch-cpu" else device, allow_tf32=tf32)


def describe_run(
    options: Options, network: Any, data: LabelledSets, parameters: str
) -> dict[str, Any]:
    """What it takes to repeat the run and to rebuild its network, ready for JSON."""
    from memorization import networks

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


# Options in which a resumed run may differ from its record.
FREE_OPTIONS = (
    "data_dir",
    "results_dir",
    "overwrite",
    "resume",
    "save_every",
    "quiet",
    "tensorboard",
)


def _look_at(
    folder: Path, record: dict[str, Any], options: Options
) -> list[dict[str, float]] | None:
    """Refuse what must not be overwritten or resumed; the metrics of a run that is complete."""
    exists = (folder / run_folder.RUN_FILE).exists()
    if not options.resume:
        if exists and not options.overwrite:
            raise UserError(
                f"{folder} holds a run already; give --resume to go on with it, --overwrite to "
                "start over, or another --results-dir"
            )
        return None
    if not exists:
        raise UserError(f"{folder}: no run there to resume; leave out --resume to start one")
    earlier = run_folder.load_run(folder)
    checkpoint.same_settings(earlier["options"], record["options"], FREE_OPTIONS)
    if earlier["data"]["fingerprint"] != record["data"]["fingerprint"]:
        raise UserError(f"{folder}: the data set is not the one that this run began with")
    if not (folder / record["parameters"]).exists():
        return None
    state = folder / checkpoint.STATE_FILE
    rows = (
        checkpoint.read_progress(state).history
        if state.exists()
        # Of a finished run the state may have been deleted: it is large and needed no more.
        else run_folder.load_metrics(folder / run_folder.METRICS_FILE)
    )
    return rows if rows and len(rows) >= options.epochs else None


def _complete(folder: Path, history: list[dict[str, float]], data: LabelledSets) -> None:
    """Write what a finished run lacks that was killed after its last save."""
    files.remove_leftovers(folder)
    run_folder.save_metrics(folder / run_folder.METRICS_FILE, history)
    if not (folder / run_folder.LAST_FILE).exists():
        draw_figures(folder, history, data)


def _write_again(
    folder: Path, record: dict[str, Any], network: Any, progress: checkpoint.Progress
) -> None:
    """Metrics and, at the end of an epoch, parameters from the state: it wins where they differ."""
    if progress.history:
        run_folder.save_metrics(folder / run_folder.METRICS_FILE, progress.history)
        if not progress.batches:
            training.save_parameters(str(folder / record["parameters"]), network)


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """A folder for the block to fill, which then takes the place of `folder`.

    An earlier run there goes only when the new one is whole.
    """
    new, old = (folder.with_name(f".{folder.name}.{kind}") for kind in ("new", "old"))
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        new.mkdir(parents=True)
        yield new
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    except BaseException:
        if old.exists() and not folder.exists():
            old.rename(folder)
        shutil.rmtree(new, ignore_errors=True)
        raise
    shutil.rmtree(old, ignore_errors=True)


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
    """Writes metrics and state after every epoch, and the state of a run that is stopped."""

    def __init__(
        self, folder: Path, state: list[Any], progress: checkpoint.Progress, options: Options
    ):
        self._folder = folder
        self._state = state
        self._options = options
        self._rows = list(progress.history)

    def epoch_ends(self, row, evaluations):
        self._rows.append(row)
        run_folder.save_metrics(self._folder / run_folder.METRICS_FILE, self._rows)
        last = len(self._rows) == self._options.epochs
        if last or len(self._rows) % self._options.save_every == 0:
            self._save(checkpoint.Progress(self._rows))

    def interrupted(
        self, stopped: training.Stopped, signal_number: int | None
    ) -> stopping.Interrupted:
        """Save where `stopped` left the run; the exception that tells the user how to go on."""
        try:
            self._save(checkpoint.Progress(self._rows, stopped.batches, stopped.loss_sum))
        except files.WriteError as error:
            raise UserError(f"{error}; {self.what_is_left()}") from error
        return stopping.Interrupted(
            f"stopped after {len(self._rows)} epochs and {stopped.batches} batches; nothing is "
            f"lost, go on with: {_resuming_command()}",
            signal_number or signal.SIGINT,
        )

    def what_is_left(self) -> str:
        """What a run that can no longer write has saved, and how to go on from there."""
        state = self._folder / checkpoint.STATE_FILE
        if not state.exists():
            return f"nothing of the run is left in {self._folder}: start it again"
        epochs = len(checkpoint.read_progress(state).history)
        return (
            f"what was saved after {epochs} epochs is whole: when there is room, go on with: "
            f"{_resuming_command()}"
        )

    def _save(self, progress: checkpoint.Progress) -> None:
        checkpoint.save(self._folder / checkpoint.STATE_FILE, self._state, progress)


def _resuming_command() -> str:
    words = [word for word in sys.argv if word not in ("--overwrite", "--resume")]
    return f"python {shlex.join([*words, '--resume'])}"
