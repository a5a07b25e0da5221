"""A run as its own recorder writes it, of functions that learn nothing: no network, no Theano."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from memorization import experiment
from memorization.architecture import WIDTHS, Architecture
from memorization.run.record import describe_run
from memorization.run.recorder import Recorder
from training_loop import loop
from training_loop.stopwatch import Stopwatch

EXPERIMENT = "cifar10_random_labels"


class TwoParameters:
    """What the run keeps of its network after an epoch: a matrix and a vector."""

    def epoch_ends(self, row):
        pass

    def save(self, path):
        np.savez(path, np.ones((2, 3), np.float32), np.zeros(2))


def record_run(folder: Path, options: tuple[str, ...], variables: Mapping[str, Any]) -> None:
    """Make `folder` that of a whole run with these `options`, whose state has `variables`."""
    chosen = experiment.options(f"{EXPERIMENT}.py", "", options)
    data = experiment.load("cifar10", chosen)
    architecture = Architecture(WIDTHS["cifar10"]).scaled(chosen.width)
    environment = {"python": platform.python_version()}
    record = describe_run(chosen, architecture, data, "model_parameters", environment, {})

    recorder = Recorder(folder, record, variables, TwoParameters(), chosen.command)
    recorder.begin(data)
    functions = loop.Functions(
        train=lambda inputs, labels, learning_rate: 0.5,
        test=lambda inputs, labels: (np.ones(len(inputs)), np.zeros(len(inputs), int)),
    )
    loop.train(
        functions,
        experiment.examples(data),
        experiment.schedule(chosen),
        recorder.progress,
        [recorder, Stopwatch(recorder.progress)],
    )
    recorder.ended()
