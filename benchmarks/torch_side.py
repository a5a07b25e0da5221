"""The sides that PyTorch computes; needs no Theano."""

from __future__ import annotations

import inputs
import torch
from torch_binarynet import Trainer


def torch_side(
    parameters, images, labels, compiled: bool = False, **options
) -> tuple[inputs.Side, Trainer]:
    """`Trainer` from `parameters` (Lasagne's order) over the pool; `options` are `Trainer`'s."""
    if compiled:
        options["compile_options"] = {}
    weights = parameters[:-6:6]
    trainer = Trainer([W.shape[0 if W.ndim == 4 else 1] for W in weights], **options)
    trainer.model.load(parameters)
    pool, targets = torch.from_numpy(images), torch.from_numpy(labels)

    def train(numbers):
        numbers = torch.from_numpy(numbers)
        return float(trainer.step(pool[numbers], targets[numbers], inputs.LEARNING_RATE))

    def test(numbers):
        numbers = torch.from_numpy(numbers)
        losses, predictions = trainer.test(pool[numbers], targets[numbers])
        return losses.numpy(), predictions.numpy()

    return inputs.Side(train, test), trainer
