"""The networks of the experiments: their layers, their parameters."""

from memorization.networks.layers import build, layer_streams
from memorization.networks.parameters import (
    binarize_weights,
    binarized_layers,
    l2_penalty,
    parameter_counts,
    parameter_names,
    replace_weights_by_sign,
    save_parameters,
    set_parameters,
    start_from,
)
from memorization.networks.scores import scores

__all__ = [
    "binarize_weights",
    "binarized_layers",
    "build",
    "l2_penalty",
    "layer_streams",
    "parameter_counts",
    "parameter_names",
    "replace_weights_by_sign",
    "save_parameters",
    "scores",
    "set_parameters",
    "start_from",
]
