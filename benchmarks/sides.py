"""Theano's and PyTorch's sides are seen to compute the same.

    python benchmarks/sides.py cifar10 start.npz

asserts it for the named network and writes the parameters that every side starts from.
"""

from __future__ import annotations

import itertools
import sys

import inputs
import numpy as np
from theano_side import start, theano_side
from torch_side import torch_side

from binary_net import lasagne
from memorization.architecture import Architecture

BATCH_SIZE = 50


def check_equal(architecture: Architecture, parameters, images, labels) -> None:
    """Assert that ours and PyTorch's compute the same: a test pass, a step's loss, its update.

    PyTorch's max-pooling is given Theano's gradient for this; sums of signs tie often. Adam's first
    step is the gradient's sign times the learning rate, so that a gradient next to zero may go
    either way: one weight in a thousand may. From the second step on, such weights decide signs,
    and any two implementations part. In bfloat16 the first layer's rounding turns signs already,
    and the losses of a step are alike to a twentieth.
    In float32 another order of sums may do so in few images: nine of ten have to be alike, and
    where not all are, the losses of a step to a fiftieth.
    """
    ours, network = theano_side(architecture, parameters, images, labels)
    numbers = np.arange(len(images))
    tested, loss = ours.test(numbers), ours.train(numbers)
    weights = lasagne.layers.get_all_params(network, binary=True)
    for name, memory_format in itertools.product(inputs.TORCH, ("", inputs.CHANNELS_LAST)):
        options = inputs.torch_options(name + memory_format)
        if options.pop("compiled"):
            continue
        theirs, trainer = torch_side(
            architecture, parameters, images, labels, gradient_to_all_maxima=True, **options
        )
        if options["bfloat16"]:
            np.testing.assert_allclose(loss, theirs.train(numbers), rtol=0.05)
            continue
        losses, predictions = theirs.test(numbers)
        alike = np.isclose(tested[0], losses, rtol=1e-3, atol=1e-4)
        assert np.mean(alike) >= 0.9, (tested[0], losses)
        assert np.array_equal(tested[1][alike], predictions[alike])
        np.testing.assert_allclose(loss, theirs.train(numbers), rtol=1e-4 if alike.all() else 0.02)
        if not alike.all():
            continue
        for W, theirs_W in zip(weights, trainer.lasagne_weights()):
            assert np.mean(np.abs(W.get_value() - theirs_W) > 1e-4) < 1e-3, W


if __name__ == "__main__":
    architecture = inputs.NETWORKS[sys.argv[1]]
    parameters = start(architecture)
    check_equal(architecture, parameters, *inputs.images_and_labels(architecture, BATCH_SIZE))
    np.savez(sys.argv[2], *parameters)
