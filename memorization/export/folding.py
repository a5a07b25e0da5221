"""From bias, batch norm and activation to one integer threshold per unit.

Behind the first layer a sum of +1/-1 weights with +1/-1 or 0/1 activations is a whole number s
between -n and n, n the unit's inputs; zero padding only makes some terms 0. What becomes of it,

    y = ((s + bias) - mean) * scale + beta,    high where fl(y + 1) >= 1,

each operation rounded to float32 by itself, is monotonic in s, since every rounding is. So one
threshold and a direction say as much, and they are found by trying every s. The second line is the
binary activation itself, `round(clip((y + 1) / 2, 0, 1))`: half a unit in the last place of 1 below
zero still counts as high. A maximum over pooled sums comes before all of it, and goes through it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from foundations.errors import UserError
from memorization.export.model import MOST_INPUTS, PackedLayer, PackedNetwork, affine, is_high
from memorization.export.network import TrainedNetwork

# Numbers in one array of sums tried.
_TRIED_AT_ONCE = 1 << 22


def thresholds(inputs: int, parameters, source: str) -> tuple[np.ndarray, np.ndarray]:
    """`threshold` and `flipped` of a layer of so many `inputs`; `parameters` are its `affine`.

    Raises UserError naming `source` where a unit has no number for some sum.
    """
    sums = np.arange(-inputs, inputs + 1, dtype=np.float32)
    units = len(parameters[0])
    threshold, flipped = np.empty(units, np.int32), np.empty(units, bool)
    step = max(1, _TRIED_AT_ONCE // len(sums))
    for first in range(0, units, step):
        part = slice(first, first + step)
        with np.errstate(over="ignore", invalid="ignore"):
            normalised = affine(sums, *(values[part, None] for values in parameters))
        if np.isnan(normalised).any():
            raise UserError(f"{source}: a norm whose outcome is no number for some sums")
        high = is_high(normalised)
        # Falls from high to low: then it is low that begins at the threshold.
        flipped[part] = high[:, 0] & ~high[:, -1]
        begun = high != flipped[part, None]
        threshold[part] = np.count_nonzero(~begun, axis=1) - inputs
    return threshold, flipped


def fold(network: TrainedNetwork) -> PackedNetwork:
    """`network` with everything behind its first layer folded to thresholds.

    Raises UserError where weights or activations are not binary.
    """
    architecture, source = network.architecture, str(network.source)
    if not network.binary:
        raise UserError(
            f"{source}: weights are {architecture.weights}, activations "
            f"{architecture.activations}; only a network with both binary has bits to pack (--to c "
            "and --to onnx take the others)"
        )
    layers = []
    for number, layer in enumerate(network.layers):
        positive = layer.rows() > 0
        if layer.inputs >= MOST_INPUTS:
            raise UserError(f"{source}: a layer of {layer.inputs:,} inputs, too many to be exact")
        if number in (0, len(network.layers) - 1):
            parts: dict[str, Any] = {"affine": layer.affine()}
        else:
            threshold, flipped = thresholds(layer.inputs, layer.affine(), source)
            parts = {"threshold": threshold, "flipped": flipped}
        layers.append(PackedLayer(positive, layer.input_shape, layer.pools, **parts))
    return PackedNetwork(
        architecture.image_shape,
        network.class_names,
        architecture.activation,
        tuple(layers),
        network.record,
    )
