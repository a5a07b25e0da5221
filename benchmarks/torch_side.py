"""The sides that PyTorch computes; needs no Theano."""

from __future__ import annotations

import math

import inputs
import torch
from torch_binarynet import Trainer

from memorization.architecture import Architecture


def torch_side(
    architecture: Architecture, parameters, images, labels, compiled: bool = False, **options
) -> tuple[inputs.Side, Trainer]:
    """`Trainer` from `parameters` (Lasagne's order) over the pool; `options` are `Trainer`'s."""
    if compiled:
        options["compile_options"] = {}
    trainer = Trainer(
        architecture.widths,
        convolutions=architecture.convolutions,
        inputs=math.prod(architecture.image_shape),
        **options,
    )
    trainer.model.load(parameters)
    pool, targets = torch.from_numpy(images), torch.from_numpy(labels)

    def train(numbers, learning_rate=inputs.LEARNING_RATE):
        numbers = torch.from_numpy(numbers)
        return float(trainer.step(pool[numbers], targets[numbers], learning_rate))

    def test(numbers):
        numbers = torch.from_numpy(numbers)
        losses, predictions = trainer.test(pool[numbers], targets[numbers])
        return losses.numpy(), predictions.numpy()

    return inputs.Side(train, test), trainer
