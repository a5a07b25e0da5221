"""The small network whose training by the original scripts' module was recorded."""

from __future__ import annotations

import numpy as np

import binary_net
from binary_net import lasagne
from theano_engine import T, theano

BATCH_SIZE = 20
BINARY = {
    "binary": True,
    "stochastic": False,
    "H": 1.0,
    "W_LR_scale": "Glorot",
    "nonlinearity": lasagne.nonlinearities.identity,
}


def build(input_var):
    """8-8-P-16-16-P-24-24-P convolutions, 32-32-10 dense, built as the scripts of 2017 did."""
    network = lasagne.layers.InputLayer((None, 3, 32, 32), input_var)
    for number, filters in enumerate((8, 8, 16, 16, 24, 24)):
        network = binary_net.Conv2DLayer(network, filters, (3, 3), pad=1, **BINARY)
        if number % 2:
            network = lasagne.layers.MaxPool2DLayer(network, (2, 2))
        network = binary_net.BatchNormLayer(network, epsilon=1e-4, alpha=0.1)
        network = lasagne.layers.NonlinearityLayer(network, binary_net.binary_tanh_unit)
    for units in (32, 32):
        network = binary_net.DenseLayer(network, num_units=units, **BINARY)
        network = binary_net.BatchNormLayer(network, epsilon=1e-4, alpha=0.1)
        network = lasagne.layers.NonlinearityLayer(network, binary_net.binary_tanh_unit)
    network = binary_net.DenseLayer(network, num_units=10, **BINARY)
    return binary_net.BatchNormLayer(network, epsilon=1e-4, alpha=0.1)


def inputs_and_targets(oracle):
    """Images (60, 3, 32, 32) in [-1, 1] and targets (60, 10) of -1 and +1, float32."""
    X = (2.0 / 255 * oracle["X"] - 1).astype(np.float32)
    return X, (2 * np.eye(10)[oracle["labels"]] - 1).astype(np.float32)


class Recorded:
    """The recorded training, repeated: five epochs of three batches in order."""

    def __init__(self, oracle, mode=None):
        X, targets = T.tensor4("X"), T.matrix("targets")
        learning_rate = T.scalar("learning_rate")
        self.network = build(X)
        stored = [oracle[f"p0_{i:02d}"] for i in range(len(oracle["names"]))]
        lasagne.layers.set_all_param_values(self.network, stored)

        def hinge(output):
            return T.mean(T.sqr(T.maximum(0.0, 1.0 - targets * output)))

        train_loss = hinge(lasagne.layers.get_output(self.network, deterministic=False))
        test_output = lasagne.layers.get_output(self.network, deterministic=True)
        weights = lasagne.layers.get_all_params(self.network, binary=True)
        gradients = binary_net.compute_grads(train_loss, self.network)
        updates = lasagne.updates.adam(gradients, weights, learning_rate=learning_rate)
        updates = binary_net.clipping_scaling(updates, self.network)
        others = lasagne.layers.get_all_params(self.network, trainable=True, binary=False)
        updates.update(lasagne.updates.adam(train_loss, others, learning_rate=learning_rate))
        options = {"mode": mode, "allow_input_downcast": True}
        self.step = theano.function(
            [X, targets, learning_rate], train_loss, updates=updates, **options
        )
        wrong = T.neq(T.argmax(test_output, axis=1), T.argmax(targets, axis=1))
        self._test = theano.function(
            [X, targets], [hinge(test_output), T.mean(wrong), test_output], **options
        )
        self.X, self.targets = inputs_and_targets(oracle)

    def train(self, epochs=5):
        """Losses of three steps an epoch, and validation loss and error after each epoch."""
        losses, validations = [], []
        for epoch in range(epochs):
            for start in range(0, 60, BATCH_SIZE):
                batch = slice(start, start + BATCH_SIZE)
                rate = 1e-3 * 0.9**epoch
                losses.append(float(self.step(self.X[batch], self.targets[batch], rate)))
            validations.append([float(value) for value in self.test()[:2]])
        return np.array(losses), np.array(validations)

    def test(self):
        """Loss, error and outputs (60, 10) with deterministic=True over all sixty images."""
        return self._test(self.X, self.targets)
