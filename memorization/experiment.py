"""From options to a run folder: what every experiment does around its own few lines.

A run writes `<results-dir>/<experiment>/`: `run.json` (all that is needed to repeat it),
`labels.npz` (the labels of all three sets, and which were replaced), `metrics.csv` (a line per
epoch) and the parameters under the original's file name.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import datasets
from datasets.labelled_sets import SETS, LabelledSets
from foundations import files
from foundations.errors import UserError
from memorization import command_line
from memorization.measures import columns as measures
from memorization.options import Options
from memorization.run import console
from memorization.run import folder as run_folder
from memorization.run import tensorboard as event_files
from memorization.run.record import LOADERS, describe_run
from memorization.run.recorder import Recorder
from training_loop import loop, metrics
from training_loop.evaluation import Examples
from training_loop.observers import Observer

# Testing needs no gradients, so larger batches fit; they change no result.
TEST_BATCH_SIZE = 500


def load_data(name: str, options: Options) -> LabelledSets:
    """The data set `name` ("cifar10", "svhn") or, with --synthetic, drawn digits in its place."""
    return LabelledSets.of(
        datasets.load_synthetic(name) if options.synthetic else LOADERS[name](options.data_dir),
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
    from memorization import networks

    mode = execution_mode(options.device, options.tf32)
    folder = Path(options.results_dir) / options.experiment
    record = describe_run(options, networks.describe(network), data, parameters)
    report = console.Report(data.class_names, options)
    if options.tensorboard:
        event_files.writer_class()
    # Twice: what has to be refused leaves no trace, and another process may have been in the folder
    # until the lock was ours.
    how = {"resume": options.resume, "overwrite": options.overwrite}
    run_folder.finished_history(folder, record, **how)
    with files.locked(folder):
        history = run_folder.finished_history(folder, record, **how)
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
        network,
        functions.train,
        functions.test,
        *(measured.functions.compiled if measured else ()),
    )
    if measured:
        state.update(measured.state)
    recorder = Recorder(folder, record, state, lambda path: networks.save_parameters(path, network))
    if options.resume:
        recorder.resume()
    else:
        recorder.begin(data)
    progress = recorder.progress
    observers: list[Observer] = [recorder, report]
    if measured:
        observers.append(measured)
    with ExitStack() as during:
        if options.tensorboard:
            done = len(progress.history)
            observers.append(during.enter_context(event_files.writing(folder, done)))
        during.enter_context(report.running(progress.history))
        stop = during.enter_context(command_line.StopRequest())
        try:
            history = loop.train(
                functions, _examples(data), schedule(options), progress, observers, stop
            )
        except loop.Stopped:
            raise recorder.interrupted(stop.signal_number) from None
        except files.WriteError as error:
            raise recorder.unwritable(error) from error
    if history:
        draw_figures(folder, history, data)
    return history


def schedule(options: Options) -> loop.Schedule:
    """What `options` say of the course of training."""
    return loop.Schedule(
        options.epochs,
        options.batch_size,
        options.lr_start,
        options.lr_decay,
        options.seed,
        test_batch_size=options.batch_size if options.as_in_2017 else TEST_BATCH_SIZE,
        drop_last=options.as_in_2017,
    )


def _examples(data: LabelledSets) -> dict[str, Examples]:
    """The sets as the loop wants them; their inputs are image numbers."""
    names = zip(metrics.SETS, SETS)
    sets = {name: getattr(data, stored) for name, stored in names}
    return {name: Examples(labelled.numbers, labelled.labels) for name, labelled in sets.items()}


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


def _complete(folder: Path, history: list[dict[str, float]], data: LabelledSets) -> None:
    """Write what a finished run lacks that was killed after its last save."""
    files.remove_leftovers(folder)
    run_folder.save_metrics(folder / run_folder.METRICS_FILE, history)
    if not (folder / run_folder.LAST_FILE).exists():
        draw_figures(folder, history, data)
