"""One side in a process of its own, started as its user would start it.

Two OpenMP libraries and two allocators in one process get in each other's way, and what this
project sets for a process would help or harm the others. A process waits for a line of JSON on its
standard input, computes, and answers with one; while it waits it takes no processor time.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping

import inputs
import numpy as np


class Worker:
    """The process of the side called `name` on the first `count` images of a network.

    `start` is the file of the parameters of the `network`, one of `inputs.NETWORKS`. `train` and
    `test` are an `inputs.Side`'s; `environment` is added to this process's own. `real`: the
    folder of the images and the seed of their labels, where they are not drawn. A context manager:
    leaving it ends the process.
    """

    def __init__(
        self,
        name: str,
        network: str,
        start: str,
        count: int,
        environment: Mapping[str, str] | None = None,
        real: tuple[str, int] | None = None,
    ):
        self._complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115 - __exit__ closes it
        self._started = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, __file__, name, network, start, str(count), *map(str, real or ())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            env={**os.environ, **(environment or {})},
            text=True,
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception) -> None:
        self._process.communicate()
        self._complaints.close()

    def train(self, numbers, learning_rate: float = inputs.LEARNING_RATE) -> float:
        """One training step on the images of these numbers; its loss."""
        return self._ask("train", numbers, learning_rate)

    def train_often(self, numbers, times: int) -> float:
        """`times` training steps on end on the images of these numbers; the last one's loss."""
        return self._ask(f"train {times}", numbers)

    def test(self, numbers) -> tuple[np.ndarray, np.ndarray]:
        """Loss and predicted class of the images of these numbers."""
        losses, predictions = self._ask("test", numbers)
        return np.array(losses), np.array(predictions)

    def peak_gigabytes(self) -> float:
        """The process's peak of resident memory so far."""
        return self._ask("peak", [])

    def seconds_since_start(self) -> float:
        """Of the process."""
        return time.perf_counter() - self._started

    def _ask(self, task: str, numbers, learning_rate: float = inputs.LEARNING_RATE):
        assert self._process.stdin and self._process.stdout
        question = json.dumps([task, [int(n) for n in numbers], learning_rate])
        print(question, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            self._process.wait()
            self._complaints.seek(0)
            raise RuntimeError(self._complaints.read()[-2000:])
        return json.loads(answer)


def make_side(name: str, architecture, parameters, images, labels) -> inputs.Side:
    """The side of this name, importing only what it needs."""
    given = (architecture, parameters, images, labels)
    if name.removesuffix(inputs.CHANNELS_LAST) in inputs.TORCH:
        from torch_side import torch_side

        return torch_side(*given, **inputs.torch_options(name))[0]
    from theano_side import original_mode, theano_side

    mode = original_mode() if name == inputs.ORIGINAL else None
    return theano_side(*given, mode)[0]


def main(name: str, network: str, start: str, count: str, *real: str) -> None:
    """Answer the questions on standard input."""
    answers = os.fdopen(os.dup(1), "w")
    # Whatever a library prints would be taken for an answer.
    os.dup2(2, 1)
    with np.load(start) as file:
        parameters = [file[f"arr_{number}"] for number in range(len(file.files))]
    architecture = inputs.NETWORKS[network]
    if real:
        pool = inputs.real_images_and_labels(real[0], int(count), int(real[1]))
    else:
        pool = inputs.images_and_labels(architecture, int(count))
    side = make_side(name, architecture, parameters, *pool)
    for line in sys.stdin:
        task, numbers, learning_rate = json.loads(line)
        task, _, times = task.partition(" ")
        if task == "peak":
            answer = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        elif task == "train":
            numbers = np.array(numbers)
            for _ in range(int(times or 1)):
                answer = side.train(numbers, learning_rate)
        else:
            answer = [values.tolist() for values in side.test(np.array(numbers))]
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
