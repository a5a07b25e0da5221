"""The Theano functions of R networks side by side: a step of each, a test pass over each batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from binary_net import lasagne
from memorization.functions import (
    DETERMINISTIC,
    one_hot_signs,
    shared_pool,
    squared_hinge,
    to_unit_range,
)
from memorization.optimizers import updates_of
from theano_engine import T, theano
from training_loop.loop import Functions


def build_functions(
    network: lasagne.layers.Layer,
    pools: Sequence[np.ndarray],
    *,
    optimizer: Mapping[str, Any],
    margin: float = 1.0,
    testing: Mapping[str, bool] = DETERMINISTIC,
    mode: Any = None,
) -> Functions:
    """Compile the functions of `network`, R networks `side_by_side`, each with a pool of `pools`.

    train(numbers, labels, learning_rate), the first two (R, batch), returns the losses (R,) of the
    networks; test(numbers, labels) each image's loss and predicted class, (R, batch) both. With
    binary weights and Adam all have the bits that they have alone, as of
    `memorization.functions.build_functions`; else they differ by roundings, where Theano merges
    `decay * average + weight * gradient` of a network alone into the product that is the gradient.
    So do networks with a layer of 65,536 weights or more, whose gradients are looked up alone.
    """
    replicas = len(pools)
    shared = all(np.array_equal(pools[0], pool) for pool in pools[1:])
    whole = pools[0] if shared else np.concatenate(pools)
    pool = shared_pool(whole.reshape(len(whole), -1))
    first = np.zeros(replicas, np.int64) if shared else np.cumsum([0, *map(len, pools[:-1])])
    numbers, labels, learning_rate = T.lmatrix("numbers"), T.lmatrix("labels"), T.scalar("rate")
    batch = numbers.shape[1]
    # An image of each network, then the next of each.
    places = (numbers + T.constant(first, dtype="int64").dimshuffle(0, "x")).T.flatten()
    images = to_unit_range(pool[places]).reshape((batch, replicas * whole[0].size))
    outputs = network.output_shape[1] // replicas
    if outputs > 1:
        targets = one_hot_signs(labels.T.flatten(), outputs)
    else:
        targets = T.switch(labels.T.flatten(), np.float32(1), np.float32(-1)).dimshuffle(0, "x")

    def of_each(output):
        """(batch * R, outputs) of `output` (batch, R * outputs)."""
        return output.reshape((batch * replicas, outputs))

    trained = of_each(lasagne.layers.get_output(network, images, deterministic=False))
    hinges = squared_hinge(targets, trained, margin)
    of_network = hinges.reshape((batch, replicas, outputs)).dimshuffle(1, 0, 2)
    sums = of_network.reshape((replicas, batch * outputs)).sum(axis=1)
    # As T.mean divides, by one size after the other, and so that Theano finds no constant to fold:
    # the gradient is then divided as that of a network alone. Each has a part in its own loss.
    sizes = T.cast(T.stack([batch, hinges.shape[1]]), "float32")
    losses, total = (of / sizes[0] / sizes[1] for of in (sums, hinges.sum()))
    train = theano.function(
        [numbers, labels, learning_rate],
        losses,
        updates=updates_of(total, network, learning_rate, **optimizer),
        mode=mode,
        allow_input_downcast=True,
        # Bop alone, without norm and biases, has no learning rate.
        on_unused_input="ignore",
        name="train",
    )
    tested = of_each(lasagne.layers.get_output(network, images, **testing))
    predicted = (
        T.argmax(tested, axis=1)
        if outputs > 1
        else T.cast(T.ge(tested[:, 0], np.float32(0)), "int64")
    )
    told = [squared_hinge(targets, tested, margin).mean(axis=1), predicted]
    by_network = [values.reshape((batch, replicas)).T for values in told]
    return Functions(train, theano.function([numbers, labels], by_network, mode=mode, name="test"))
