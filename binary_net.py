"""Binarized networks for Theano and Lasagne: layers, straight-through gradients, training loop.

The names, arguments and defaults are those of BinaryNet (Courbariaux et al., arXiv 1602.02830) as
the memorisation experiments used them in 2017. Importing this module is all that `import theano`
and `import lasagne` need to work on a current Python; where the project is installed, the order of
the three does not matter.

    import binary_net
    import lasagne
    import theano

    network = lasagne.layers.InputLayer((None, 3, 32, 32), input_var)
    network = binary_net.Conv2DLayer(network, 128, 3, pad=1, stochastic=False,
                                     nonlinearity=lasagne.nonlinearities.identity)
    network = binary_net.BatchNormLayer(network)
    network = lasagne.layers.NonlinearityLayer(network, binary_net.binary_tanh_unit)
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from theano_engine import T, straight_through, theano
from theano_engine.ops.batch_norm import batch_normalization_train, normalized_by
from theano_engine.ops.binary_units import (
    binarization,
    binary_sigmoid_unit,
    binary_tanh_unit,
    hard_sigmoid,
)
from training_loop import loop
from training_loop.evaluation import Examples, evaluate
from training_loop.loop import DivergenceError
from training_loop.metrics import SETS
from training_loop.observers import Observer
from training_loop.printed import PrintedEpochs
from training_loop.progress import Progress
from training_loop.saved import SavedParameters

# Only now is Theano, which it imports, ready.
lasagne: Any = import_module("lasagne")

__all__ = [
    "BatchNormLayer",
    "Conv2DLayer",
    "DenseLayer",
    "DivergenceError",
    "adam",
    "batch_norm",
    "binarization",
    "binary_sigmoid_unit",
    "binary_tanh_unit",
    "clipping_scaling",
    "compute_grads",
    "evaluate",
    "hard_sigmoid",
    "train",
]


class _BinarizedWeights:
    """What the binarized dense and convolutional layers share: options, parameter, binarization.

    The real-valued parameter `W` is uniform in (-H, H) at the start, unless an argument `W` says
    otherwise, and carries the single tag `binary`, so that it is not among a network's `trainable`
    parameters: its update goes through `compute_grads` and `clipping_scaling`. Two defaults are
    traps: `stochastic` is True, as in BinaryNet, which draws the weights anew at every step; and
    `nonlinearity` is Lasagne's rectifier. Most networks want False, and the identity before a norm.
    """

    W: Any
    params: dict

    def _set_options(self, binary, stochastic, H, W_LR_scale, srng, fan_in, fan_out):
        """Set the layer's options; "Glorot" stands for Glorot's bound, no `srng` for a new one."""
        glorot = np.float32(np.sqrt(1.5 / (fan_in + fan_out)))
        self.binary = binary
        self.stochastic = stochastic
        self.H = glorot if H == "Glorot" else H
        self.W_LR_scale = np.float32(1.0 / glorot) if W_LR_scale == "Glorot" else W_LR_scale
        self._srng = srng or theano.sandbox.rng_mrg.MRG_RandomStreams(
            lasagne.random.get_rng().randint(1, 2147462579)
        )

    def _initial_weights(self, keywords):
        initial = {"W": lasagne.init.Uniform((-self.H, self.H))} if self.binary else {}
        return {**initial, **keywords}

    def _tag_weights(self):
        if self.binary:
            self.params[self.W] = {"binary"}

    def _binarized(self, deterministic):
        self.Wb = binarization(
            self.W, self.H, self.binary, deterministic, self.stochastic, self._srng
        )
        return straight_through.marked(self.Wb, self.W)


class DenseLayer(_BinarizedWeights, lasagne.layers.DenseLayer):
    """A dense layer with weights -H and +H: `nonlinearity(input . Wb + b)`.

    Input (batch, ...), output (batch, num_units), both float. `W_LR_scale` multiplies the steps of
    `W` (see `clipping_scaling`); "Glorot" is `1 / sqrt(1.5 / (inputs + units))`. `srng` draws
    stochastic weights (an `MRG_RandomStreams`). Other arguments: `lasagne.layers.DenseLayer`.
    """

    def __init__(
        self,
        incoming,
        num_units,
        binary=True,
        stochastic=True,
        H=1.0,
        W_LR_scale="Glorot",
        srng=None,
        **kwargs,
    ):
        """`incoming` is a layer, or the shape (batch, ...) of what comes in."""
        shape = getattr(incoming, "output_shape", incoming)
        inputs = int(np.prod(shape[1:]))
        self._set_options(binary, stochastic, H, W_LR_scale, srng, inputs, num_units)
        super().__init__(incoming, num_units, **self._initial_weights(kwargs))
        self._tag_weights()

    def get_output_for(self, input, deterministic=False, **kwargs):
        """(batch, num_units) for `input` (batch, ...); `binarization` tells of `deterministic`."""
        if input.ndim > 2:
            input = input.flatten(2)
        activation = T.dot(input, self._binarized(deterministic))
        if self.b is not None:
            activation = activation + self.b.dimshuffle("x", 0)
        return self.nonlinearity(activation)


class Conv2DLayer(_BinarizedWeights, lasagne.layers.Conv2DLayer):
    """A convolution with filters -H and +H: `nonlinearity(input * Wb + b)`, flipped filters.

    Input (batch, channels, rows, columns), output (batch, num_filters, rows, columns), both float.
    "Glorot" counts a filter's area into fan-in and fan-out; `srng` is `DenseLayer`'s. Other
    arguments: `lasagne.layers.Conv2DLayer`. Lasagne 0.1 pads by copying the input; here Theano's
    own convolution is given the padding, wherever it knows that padding.
    """

    def __init__(
        self,
        incoming,
        num_filters,
        filter_size,
        binary=True,
        stochastic=True,
        H=1.0,
        W_LR_scale="Glorot",
        srng=None,
        **kwargs,
    ):
        """`incoming` is a layer, or the shape (batch, channels, rows, columns) of what comes in."""
        shape = getattr(incoming, "output_shape", incoming)
        area = int(np.prod(lasagne.utils.as_tuple(filter_size, 2)))
        fan_in, fan_out = int(shape[1]) * area, num_filters * area
        self._set_options(binary, stochastic, H, W_LR_scale, srng, fan_in, fan_out)
        super().__init__(incoming, num_filters, filter_size, **self._initial_weights(kwargs))
        self._tag_weights()

    def get_output_for(self, input, deterministic=False, **kwargs):
        """(batch, num_filters, rows, columns) for `input`; see `DenseLayer.get_output_for`."""
        Wb = self._binarized(deterministic)
        odd = all(size % 2 for size in self.filter_size)
        if self.convolution is not T.nnet.conv2d or (self.pad == "same" and not odd):
            return self._lasagne_output_for(input, Wb, **kwargs)
        activation = T.nnet.conv2d(
            input,
            Wb,
            input_shape=self.input_shape,
            filter_shape=self.get_W_shape(),
            border_mode="half" if self.pad == "same" else self.pad,
            subsample=self.stride,
        )
        if self.b is None:
            return self.nonlinearity(activation)
        bias = self.b if self.untie_biases else self.b.dimshuffle(0, "x", "x")
        return self.nonlinearity(activation + bias.dimshuffle("x", 0, 1, 2))

    def _lasagne_output_for(self, input, Wb, **kwargs):
        W, self.W = self.W, Wb
        try:
            return super().get_output_for(input, **kwargs)
        finally:
            self.W = W


class BatchNormLayer(lasagne.layers.Layer):
    """Batch normalisation: `(x - mean) * (gamma * inv_std) + beta` (Ioffe and Szegedy, 1502.03167).

    Semantics and parameter order (beta, gamma, mean, inv_std) are those of Lasagne 0.2's layer,
    which Lasagne 0.1 lacks: statistics over all axes but the second, `inv_std = 1 / sqrt(variance +
    epsilon)` with the biased variance. Training normalises with the batch's statistics and moves
    the stored ones towards them, `stored <- (1 - alpha) * stored + alpha * batch`, as a default
    update of the compiled function; a deterministic output uses the stored ones. `get_output` takes
    `batch_norm_use_averages` and `batch_norm_update_averages` instead.
    """

    def __init__(
        self,
        incoming,
        axes="auto",
        epsilon=1e-4,
        alpha=0.1,
        beta=lasagne.init.Constant(0),  # noqa: B008 - immutable, as everywhere in Lasagne
        gamma=lasagne.init.Constant(1),  # noqa: B008
        mean=lasagne.init.Constant(0),  # noqa: B008
        inv_std=lasagne.init.Constant(1),  # noqa: B008
        **kwargs,
    ):
        """`axes` are averaged over ("auto": all but the second); ValueError without fixed sizes."""
        super().__init__(incoming, **kwargs)
        dimensions = len(self.input_shape)
        if axes == "auto":
            axes = (0, *range(2, dimensions))
        self.axes = (axes,) if isinstance(axes, int) else tuple(axes)
        self.epsilon = epsilon
        self.alpha = alpha
        shape = [n for axis, n in enumerate(self.input_shape) if axis not in self.axes]
        if None in shape:
            raise ValueError("BatchNormLayer needs a fixed size along every axis it keeps")
        self.beta: Any = None
        self.gamma: Any = None
        if beta is not None:
            self.beta = self.add_param(beta, shape, "beta", regularizable=False)
        if gamma is not None:
            self.gamma = self.add_param(gamma, shape, "gamma")
        stored = {"trainable": False, "regularizable": False}
        self.mean = self.add_param(mean, shape, "mean", **stored)
        self.inv_std = self.add_param(inv_std, shape, "inv_std", **stored)

    def get_output_for(
        self,
        input,
        deterministic=False,
        batch_norm_use_averages=None,
        batch_norm_update_averages=None,
        **kwargs,
    ):
        """`input` normalised, of its shape and float type."""
        use_averages = deterministic if batch_norm_use_averages is None else batch_norm_use_averages
        update_averages = (
            not deterministic if batch_norm_update_averages is None else batch_norm_update_averages
        )
        # 0 times a moving average brings its default update into what is built on the output.
        moving = self._moving_averages() if update_averages else []
        carrier = sum(0 * average for average in moving)
        batch_statistics: Any = []
        if self._is_standard(input) and not use_averages:
            output, *batch_statistics = batch_normalization_train(
                input, self.gamma, self.beta + carrier, self.epsilon
            )
        else:
            if moving or not use_averages:
                deviation = T.sqrt(input.var(self.axes) + self.epsilon)
                batch_statistics = [input.mean(self.axes), T.inv(deviation)]
            mean, inv_std = (self.mean, self.inv_std) if use_averages else batch_statistics
            moved = mean + carrier
            output = normalized_by(input, self.axes, moved, inv_std, self.gamma, self.beta)
        for average, batch_value in zip(moving, batch_statistics):
            average.default_update = (1 - self.alpha) * average + self.alpha * batch_value
        return output

    def _is_standard(self, input):
        """Whether the layer is one that the batch norm Op covers."""
        if self.gamma is None or self.beta is None:
            return False
        same_dtype = input.dtype == self.gamma.dtype == self.beta.dtype
        return same_dtype and sorted(self.axes) == [0, *range(2, input.ndim)]

    def _moving_averages(self):
        """Second variables on the storage of mean and inv_std, to be given default updates.

        Only functions whose graph holds them move the averages; those built on the parameters
        themselves, or on another output of the network, leave them alone.
        """
        return [theano.clone(average, share_inputs=False) for average in (self.mean, self.inv_std)]


def batch_norm(layer, **options):
    """`layer` with batch normalisation between its sums and its nonlinearity; as in Lasagne 0.2.

    The bias of `layer`, which beta makes superfluous, is taken from it, and its nonlinearity
    follows in a layer of its own. `options` are those of `BatchNormLayer`.
    """
    nonlinearity = getattr(layer, "nonlinearity", None)
    if nonlinearity is not None:
        layer.nonlinearity = lasagne.nonlinearities.identity
    if getattr(layer, "b", None) is not None:
        del layer.params[layer.b]
        layer.b = None
    if getattr(layer, "name", None) is not None:
        options.setdefault("name", f"{layer.name}_bn")
    normalized = BatchNormLayer(layer, **options)
    if nonlinearity is None:
        return normalized
    name = None if normalized.name is None else f"{normalized.name}_nonlin"
    return lasagne.layers.NonlinearityLayer(normalized, nonlinearity, name=name)


# Programs of 2017 ran on a Lasagne between 0.1 and 0.2, which had these names already.
lasagne.layers.BatchNormLayer = BatchNormLayer
lasagne.layers.batch_norm = batch_norm


def compute_grads(loss, network):
    """The straight-through gradients of `loss` for every binary weight of `network`.

    A list in the order of `get_all_params(network, binary=True)`, of the parameters' shapes: the
    gradient with respect to the binarized weights that `loss` was computed with, plus that through
    any direct use of the real-valued weights (a weight penalty, say). Raises ValueError where
    `loss` does not depend on one of them.
    """
    weights = lasagne.layers.get_all_params(network, binary=True)
    return straight_through.gradients(loss, weights)


def clipping_scaling(updates, network):
    """`updates` with every binary weight's step scaled and its value kept in [-H, H].

    `W <- clip(W + W_LR_scale * (updated W - W), -H, H)`, the layer's own `W_LR_scale` and `H`.
    """
    updates = OrderedDict(updates)
    for layer in lasagne.layers.get_all_layers(network):
        for W in layer.get_params(binary=True):
            step = layer.W_LR_scale * (updates[W] - W)
            updates[W] = T.clip(W + step, -layer.H, layer.H)
    return updates


def adam(loss, network, learning_rate):
    """The updates of a training step: Adam, with Lasagne's defaults, of all that is trained.

    Binary weights have their straight-through gradients, and steps that are scaled and clipped;
    `trainable` parameters (biases, beta, gamma, real weights) plain Adam of the scalar `loss`.
    """
    updates = OrderedDict()
    weights = lasagne.layers.get_all_params(network, binary=True)
    if weights:
        gradients = compute_grads(loss, network)
        updates = lasagne.updates.adam(gradients, weights, learning_rate=learning_rate)
        updates = clipping_scaling(updates, network)
    others = lasagne.layers.get_all_params(network, trainable=True, binary=False)
    if others:
        updates.update(lasagne.updates.adam(loss, others, learning_rate=learning_rate))
    return updates


def train(
    train_fn,
    val_fn,
    model,
    batch_size,
    LR_start,
    LR_decay,
    num_epochs,
    X_train,
    y_train,
    X_val,
    y_val,
    X_test,
    y_test,
    save_path=None,
    shuffle_parts=1,
):
    """Train `model` and test it on all three sets after every epoch; returns the rows of metrics.

    train_fn(X_batch, y_batch, learning_rate) updates the parameters and returns the batch's mean
    loss. val_fn(X_batch, y_batch) returns the batch's mean loss and error, as BinaryNet's did, or
    each image's loss and predicted class, from which the errors of single classes follow as well.
    The X are arrays indexed along their first axis; the y are labels (n,) or one-hot targets (n,
    classes). The learning rate of epoch e, counted from 0, is `LR_start * LR_decay ** e`.
    `save_path` (`.npz`) receives the parameters after every epoch, in `get_all_params` order. With
    `shuffle_parts` > 1 shuffled images stay within their part of the set. Each epoch is printed.

    Raises ArrayError for other labels, or classes that `model` lacks, before anything is trained
    on, and DivergenceError at the first batch whose loss is not finite.
    """
    sets = (Examples(X_train, y_train), Examples(X_val, y_val), Examples(X_test, y_test))
    shape: tuple = getattr(model, "output_shape", ())
    observers: list[Observer] = [PrintedEpochs(num_epochs)]
    if save_path is not None:
        values = partial(lasagne.layers.get_all_param_values, model)
        observers.append(SavedParameters(save_path, values))
    return loop.train(
        loop.Functions(train_fn, val_fn),
        dict(zip(SETS, sets)),
        loop.Schedule(num_epochs, batch_size, LR_start, LR_decay, shuffle_parts=shuffle_parts),
        *(Progress(), observers),
        n_classes=shape[1] if len(shape) == 2 and shape[1] != 1 else None,
    )
