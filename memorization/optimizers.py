"""The optimizers that --optimizer names: each a function `<name>_updates`, all of them alike.

    <name>_updates(loss, network, learning_rate, **options)

gives the updates of a training step, by shared variable, for the scalar `loss` of `network`;
`options` are those that `OPTIMIZERS` in memorization/options/optimizer.py lists for it. What an
optimizer keeps from step to step bears the name of its parameter, under which a run saves it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np

import binary_net
from binary_net import lasagne
from foundations.streams import Purpose, mrg_seed
from memorization.networks import parameter_names
from theano_engine import T, theano


def updates_of(loss, network, learning_rate, optimizer: str = "adam", **options) -> OrderedDict:
    """The updates of the `optimizer` of that name."""
    return globals()[f"{optimizer}_updates"](loss, network, learning_rate, **options)


def adam_updates(loss, network, learning_rate) -> OrderedDict:
    """`binary_net.adam`: for binary weights straight-through gradients, steps scaled and clipped.

    It keeps two moments of each parameter (layer_03/W/adam_m, adam_v) and counts of its steps
    (adam/binary/steps, adam/others/steps).
    """
    updates = binary_net.adam(loss, network, learning_rate)
    _name_adam(updates, network)
    return updates


def sgd_updates(loss, network, learning_rate, momentum: float) -> OrderedDict:
    """Gradient descent with momentum: `v <- momentum * v - learning_rate * g; p <- p + v`.

    Binary weights as with Adam: straight-through gradients, steps scaled by `W_LR_scale` and
    clipped; the velocity v (layer_03/W/velocity) is neither.
    """
    weights = lasagne.layers.get_all_params(network, binary=True)
    others = lasagne.layers.get_all_params(network, trainable=True, binary=False)
    gradients = binary_net.compute_grads(loss, network) if weights else []
    gradients = [*gradients, *(theano.grad(loss, others) if others else [])]
    names = parameter_names(network)
    updates = OrderedDict()
    for parameter, gradient in zip([*weights, *others], gradients, strict=True):
        velocity = _zeros_like(parameter, f"{names[parameter]}/velocity")
        step = np.float32(momentum) * velocity - learning_rate * gradient
        updates[velocity] = step
        updates[parameter] = parameter + step
    return binary_net.clipping_scaling(updates, network)


def bop_updates(
    loss, network, learning_rate, bop_threshold: float, bop_adaptivity: float
) -> OrderedDict:
    """Bop, which knows of a binary weight no more than its sign (Helwegen et al. 2019, 1906.02107).

    `m <- (1 - adaptivity) * m + adaptivity * g`, g the straight-through gradient and m 0 at first
    (layer_03/W/bop_m); a weight flips where `|m| > threshold` and m has its sign. The weights W are
    -1 and +1 already. All other parameters: Adam with Lasagne's defaults, which alone has the
    learning rate.
    """
    names = parameter_names(network)
    updates = OrderedDict()
    weights = lasagne.layers.get_all_params(network, binary=True)
    for W, gradient in zip(weights, binary_net.compute_grads(loss, network), strict=True):
        average = _zeros_like(W, f"{names[W]}/bop_m")
        kept, taken = np.float32(1 - bop_adaptivity), np.float32(bop_adaptivity)
        updates[average] = kept * average + taken * gradient
        flips = T.gt(updates[average] * T.sgn(W), np.float32(bop_threshold))
        updates[W] = T.switch(flips, -W, W)
    others = lasagne.layers.get_all_params(network, trainable=True, binary=False)
    if others:
        of_others = lasagne.updates.adam(loss, others, learning_rate=learning_rate)
        _name_adam(of_others, network)
        updates.update(of_others)
    return updates


def sbpi_updates(
    loss,
    network,
    learning_rate,
    sbpi_probability: float,
    margin: float,
    seed: int | Sequence[int],
) -> OrderedDict:
    """SBPI on a binary perceptron of one output (Baldassi et al. 2007, PNAS 104:11079).

    The hidden states h of its weights, odd whole numbers, are W itself. A step sees a single
    pattern xi of +1 and -1, whose stability is D = target * output. D <= 0: `h_i <- h_i + 2 target
    xi_i`. 0 < D < margin: with `sbpi_probability` the same of those i alone whose weight has the
    sign of target xi_i, so that no weight changes. Else nothing. No learning rate.

    It is told by the straight-through gradient of the squared hinge, `-2 max(0, margin - D) target
    xi_i`, all of whose numbers are whole but for the margin. One draw a step, from a stream named
    by `seed` (layer_01/W/sbpi_stream); of networks side by side each has a seed.
    """
    (W,) = lasagne.layers.get_all_params(network, binary=True)
    (gradient,) = binary_net.compute_grads(loss, network)
    seeds = (seed,) if isinstance(seed, int) else seed
    drawn = _draw_of_each(seeds, f"{parameter_names(network)[W]}/sbpi_stream")
    drawn = drawn.dimshuffle(0, "x", "x") if W.ndim == 3 else drawn[0]
    wanted = -T.sgn(gradient)
    wrong = T.ge(abs(gradient), 2 * np.float32(margin))
    agreeing = T.gt(wanted * W, 0) & T.lt(drawn, np.float32(sbpi_probability))
    return OrderedDict([(W, W + T.switch(wrong | agreeing, 2 * wanted, np.float32(0)))])


def _draw_of_each(seeds: Sequence[int], name: str):
    """A number from 0 to 1 for each of `seeds`, (R,) float32, each from a stream of its own."""
    streams = [mrg_seed(Purpose.SBPI, seed) for seed in seeds]
    generator = theano.sandbox.rng_mrg.MRG_RandomStreams(streams[0])
    drawn = generator.uniform((len(streams),), nstreams=len(streams))
    ((state, *_),) = generator.state_updates
    state.set_value(np.array(streams, np.int32))
    state.name = name
    return drawn


def _name_adam(updates: OrderedDict, network) -> None:
    """Name what Lasagne's Adam keeps: two moments of a parameter, a number of steps of a group."""
    names = parameter_names(network)
    binary = set(lasagne.layers.get_all_params(network, binary=True))
    parameters = [variable for variable in updates if variable in names]
    kept = [variable for variable in updates if variable not in names]
    moments: list[Any] = [variable for variable in kept if variable.ndim]
    for parameter, first, second in zip(parameters, moments[::2], moments[1::2], strict=True):
        first.name = f"{names[parameter]}/adam_m"
        second.name = f"{names[parameter]}/adam_v"
    groups = dict.fromkeys("binary" if p in binary else "others" for p in parameters)
    for group, steps in zip(groups, (v for v in kept if not v.ndim), strict=True):
        steps.name = f"adam/{group}/steps"


def _zeros_like(parameter, name: str):
    value = parameter.get_value(borrow=True)
    return theano.shared(np.zeros_like(value), name, broadcastable=parameter.broadcastable)
