"""Runs that differ in their seeds, trained in one compiled function into folders of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import datasets
from foundations import files
from foundations.errors import UserError
from memorization import experiment, functions, networks, signals
from memorization.kept_parameters import KEPT
from memorization.measures.replaced import ReplacedLabels
from memorization.networks.replicas import OfReplica, side_by_side
from memorization.rehearsal import Prepared
from memorization.replicas.allowed import check_options
from memorization.replicas.functions import build_functions
from memorization.report import draw_figures
from memorization.run import environment, state
from memorization.run.folder import complete, finished_history, place_of, recover
from memorization.run.record import describe_run
from memorization.run.recorder import Kept, Recorder, same_command
from training_loop import loop, metrics
from training_loop.progress import Progress
from training_loop.stopwatch import Stopwatch


class Replica:
    """One of the runs: its folder, its record, its network, and what it keeps of the training."""

    def __init__(self, prepared: Prepared):
        self.chosen, self.network, self.data = prepared.chosen, prepared.network, prepared.data
        self.testing = prepared.testing
        self.folder = place_of(self.chosen)
        self.counts = networks.parameter_counts(self.network.output)
        self.record = describe_run(
            self.chosen,
            self.network.architecture,
            self.data,
            prepared.parameters,
            environment.describe(self.chosen.device),
            self.counts,
            self.network.initial,
            datasets.folder_of(self.data.name, self.chosen.data_dir),
        )

    def finished(self) -> list[metrics.Row] | None:
        """Its metrics where it has been trained to its end; UserError where it may not begin."""
        how = {"resume": bool(self.chosen.resume), "overwrite": self.chosen.overwrite}
        return finished_history(self.folder, self.record, **how)

    def draw(self, history: Sequence[metrics.Row]) -> None:
        """Draw the figures of the run, whose last files they are, where they are wanted."""
        if not self.chosen.no_figures:
            draw_figures(self.folder, history, self.data)

    def point(self) -> tuple[int, int]:
        """Epochs and batches that are done and saved."""
        if not self.chosen.resume:
            return (0, 0)
        progress = state.read_progress(self.folder / state.STATE_FILE)
        return (len(progress.history), progress.batches)

    def recorder(self, variables: dict[str, OfReplica]) -> Recorder:
        """What writes the run's folder; `variables` are its part of the state, by name."""
        names = networks.parameter_names(self.network.output)
        saved = KEPT[self.chosen.keep](self.network.output)

        def fetch() -> None:
            for parameter, name in names.items():
                parameter.set_value(variables[name].get_value())

        return Recorder(
            self.folder,
            self.record,
            {**variables, **saved.state},
            _Fetched(saved, fetch),
            self.chosen.command,
        )


def run_together(prepared: Sequence[Prepared]) -> list[Path]:
    """Train the runs `prepared`, which differ in their seeds alone; their folders, in order.

    Those that are finished are left alone; of the others those that have come equally far train
    together. Raises UserError where a run cannot be one of several, or its folder is taken, and
    Interrupted where a signal stopped them: each can then go on by itself, or all together.
    """
    _check(prepared)
    replicas = [Replica(of) for of in prepared]
    advice = f"nothing has changed; start again with: {same_command(replicas[0].chosen.command)}"
    with signals.StopRequest(advice) as stop, ExitStack() as held:
        for replica in replicas:
            held.enter_context(files.locked(replica.folder))
            recover(replica.folder)
        groups: dict[tuple[int, int], list[Replica]] = {}
        for replica in replicas:
            history = replica.finished()
            if history is None:
                groups.setdefault(replica.point(), []).append(replica)
            elif not complete(replica.folder, history, replica.data):
                replica.draw(history)
        for _, group in sorted(groups.items()):
            _train(group, stop)
    return [replica.folder for replica in replicas]


def _check(prepared: Sequence[Prepared]) -> None:
    check_options(prepared[0].chosen)
    sizes = {tuple(len(of) for of in experiment.examples(p.data).values()) for p in prepared}
    if len(sizes) > 1:
        raise UserError("replicas train on equally many images; train one run at a time")
    if len({place_of(p.chosen) for p in prepared}) < len(prepared):
        raise UserError("replicas have folders of their own: name each seed once")


def _train(group: Sequence[Replica], stop: signals.StopRequest) -> None:
    first = group[0]
    network = side_by_side([replica.network.output for replica in group])
    mixed = first.network.architecture.mixed
    optimizer = {"optimizer": first.chosen.optimizer, **first.chosen.optimizer_options}
    if "seed" in optimizer:
        optimizer["seed"] = [replica.chosen.seed for replica in group]
    compiled = build_functions(
        network,
        [replica.data.images for replica in group],
        optimizer=optimizer,
        margin=first.chosen.margin,
        testing=first.testing or functions.DETERMINISTIC,
        mode=functions.execution_mode(first.chosen.device, mixed=mixed),
    )
    shared = functions.state_variables(network, compiled.train, compiled.test)
    recorders = [
        replica.recorder({name: OfReplica(v, n, len(group)) for name, v in shared.items()})
        for n, replica in enumerate(group)
    ]
    stopping = _Stopping(stop)
    with stop.noting():
        for replica, recorder in zip(group, recorders):
            if replica.chosen.resume:
                recorder.resume()
            else:
                recorder.begin(replica.data)
        stop.advice = "what was saved last is whole; the same command with --resume goes on"
        courses = [_course(*of, stopping) for of in zip(group, recorders)]
        watched = loop.Functions(stopping.after(compiled.train), stopping.after(compiled.test))
        try:
            histories = loop.train_together(watched, courses)
        except loop.Stopped:
            # Each saves where it stands.
            interruptions = [recorder.interrupted(stop.signal_number) for recorder in recorders]
            raise interruptions[0] from None
        except files.WriteError as error:
            raise recorders[0].unwritable(error) from error
        for recorder in recorders:
            recorder.ended()
    for replica, history in zip(group, histories):
        replica.draw(history)


class _Fetched:
    """What a run keeps, of a network whose parameters `fetch` brings from those side by side."""

    def __init__(self, kept: Kept, fetch: Callable[[], None]):
        self._kept, self._fetch = kept, fetch

    def epoch_ends(self, row: metrics.Row) -> None:
        self._fetch()
        self._kept.epoch_ends(row)

    def save(self, path: Path) -> None:
        self._fetch()
        self._kept.save(path)


class _Stopping:
    """Whether a stop has been asked for: one answer to all courses, so that none goes on alone."""

    def __init__(self, stop: Callable[[], bool]):
        self._stop, self._asked = stop, False

    def __call__(self) -> bool:
        return self._asked

    def after(self, function: Callable) -> Callable:
        """`function`, after each call of which the answer may be another."""

        def called(*arguments: Any) -> Any:
            told = function(*arguments)
            self._asked = self._stop()
            return told

        return called


def _course(replica: Replica, recorder: Recorder, stop: Callable[[], bool]) -> loop.Course:
    progress: Progress = recorder.progress
    always = [ReplacedLabels(replica.data, replica.counts)] if replica.data.any_replaced else []
    return loop.course(
        experiment.examples(replica.data),
        experiment.schedule(replica.chosen),
        progress,
        [recorder, *always, Stopwatch(progress)],
        stop,
    )
