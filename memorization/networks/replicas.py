"""Networks of one architecture side by side in one graph: dense layers with an axis of replicas.

Of R networks whatever a layer computes lies side by side, (batch, R * units): norms, nonlinearities
and what is trained elementwise see one wide layer, and only the products go replica by replica.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import binary_net
from binary_net import lasagne
from foundations.errors import UserError
from memorization.networks.layers import BATCH_NORM
from theano_engine import T, straight_through


class ReplicasDenseLayer(lasagne.layers.Layer):
    """The dense `layers` of R networks: input (batch, R * inputs), output (batch, R * units).

    W (R, inputs, units), b (R * units,), each as the layers have them now.
    """

    def __init__(self, incoming: lasagne.layers.Layer, layers: Sequence[binary_net.DenseLayer]):
        super().__init__(incoming)
        first = layers[0]
        self.binary, self.H, self.W_LR_scale = first.binary, first.H, first.W_LR_scale
        self.num_units = first.num_units
        weights = np.stack([layer.W.get_value() for layer in layers])
        self.W = _parameter(self, weights, first, first.W)
        self.b: Any = None
        if first.b is not None:
            self.b = _parameter(self, _side_by_side(layers, "b"), first, first.b)

    def get_output_shape_for(self, input_shape):
        replicas, _, units = self.W.get_value(borrow=True).shape
        return (input_shape[0], replicas * units)

    def get_output_for(self, input, deterministic=False, **kwargs):
        """(batch, R * units) for `input` (batch, R * inputs)."""
        replicas, inputs, units = self.W.get_value(borrow=True).shape
        signs = binary_net.binarization(self.W, self.H, self.binary, deterministic)
        weights = straight_through.marked(signs, self.W)
        batch = input.shape[0]
        by_replica = input.reshape((batch, replicas, inputs)).dimshuffle(1, 0, 2)
        sums = T.batched_dot(by_replica, weights)
        output = sums.dimshuffle(1, 0, 2).reshape((batch, replicas * units))
        return output if self.b is None else output + self.b.dimshuffle("x", 0)


def side_by_side(networks: Sequence[lasagne.layers.Layer]) -> lasagne.layers.Layer:
    """One network (batch, R * outputs) that is `networks`, perceptrons of one architecture.

    Its layers have the numbers of theirs, its parameters begin as theirs are. Raises UserError for
    layers that have no rule.
    """
    first, *layers = zip(*map(lasagne.layers.get_all_layers, networks))
    inputs = int(np.prod(first[0].shape[1:]))
    network = lasagne.layers.InputLayer((None, len(networks) * inputs))
    for alike in layers:
        network = _stacked(network, alike)
    return network


def _stacked(incoming, layers):
    first = layers[0]
    if isinstance(first, binary_net.DenseLayer) and not first.stochastic:
        return ReplicasDenseLayer(incoming, layers)
    if isinstance(first, binary_net.BatchNormLayer):
        names = ("beta", "gamma", "mean", "inv_std")
        values = {name: _side_by_side(layers, name) for name in names}
        layer = binary_net.BatchNormLayer(incoming, **BATCH_NORM, **values)
        for name in names:
            layer.params[getattr(layer, name)] = set(first.params[getattr(first, name)])
        return layer
    if isinstance(first, lasagne.layers.NonlinearityLayer):
        return lasagne.layers.NonlinearityLayer(incoming, first.nonlinearity)
    raise UserError(
        f"replicas are of dense layers, norms and nonlinearities, not of a {type(first).__name__} "
        "or of weights drawn at random (--network mlp); train these runs one by one"
    )


def _side_by_side(layers, name: str) -> np.ndarray:
    return np.concatenate([getattr(layer, name).get_value() for layer in layers])


def _parameter(layer, value: np.ndarray, first, parameter):
    added = layer.add_param(value, value.shape, name=parameter.name)
    layer.params[added] = set(first.params[parameter])
    return added


class OfReplica:
    """Of the shared `variable` of `replicas` networks side by side what is that of one `number`.

    Read and written as a shared variable of the network alone. A count of steps is everyone's.
    """

    def __init__(self, variable: Any, number: int, replicas: int):
        self._variable, self._number, self._replicas = variable, number, replicas

    def get_value(self, borrow: bool = False) -> np.ndarray:
        """A copy, of the shape that the network alone has."""
        return np.array(self._part(self._variable.get_value(borrow=True)))

    def set_value(self, value: np.ndarray) -> None:
        """Give the network `value`; the others keep theirs."""
        whole = np.array(self._variable.get_value())
        self._part(whole)[...] = value
        self._variable.set_value(whole)

    def _part(self, whole: np.ndarray) -> np.ndarray:
        if whole.ndim == 0:
            return whole
        if whole.ndim == 1:
            return np.split(whole, self._replicas)[self._number]
        if whole.ndim == 2:
            # The state of a random stream each, which alone is (1, 6).
            return whole[self._number : self._number + 1]
        return whole[self._number]
