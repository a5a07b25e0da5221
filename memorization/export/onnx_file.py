"""A network as an ONNX file of standard operators."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from foundations import files
from foundations.errors import UserError
from memorization.export.first_layer import GREY_LEVELS, MOST_FIRST_INPUTS, first_thresholds
from memorization.export.folding import fold
from memorization.export.inference import unit_range
from memorization.export.model import PackedLayer, PackedNetwork
from memorization.export.network import Layer, TrainedNetwork

# What GreaterOrEqual and all others here have been part of for long.
OPSET = 17
IR_VERSION = 8


def _package() -> Any:
    """The package `onnx`; UserError where it is not installed."""
    try:
        import onnx
    except ImportError as error:
        raise missing("onnx") from error
    return onnx


def missing(name: str) -> UserError:
    """What to say where a package of the extra `onnx` is not installed."""
    return UserError(
        f"--to onnx needs the package {name}: make venv EXTRAS=onnx, or pip install onnx "
        "onnxruntime"
    )


def save(network: TrainedNetwork, path: Path) -> list[Path]:
    """Write `network` to `path`, checked by ONNX's own checker; returns the path.

    Input `images` (n, channels, rows, columns) uint8; outputs `scores` (n, outputs) float32 and
    `classes` (n,) int64. Raises UserError where it cannot be written.
    """
    onnx = _package()
    graph = _Graph(onnx)
    if network.binary:
        _add_binary(graph, fold(network))
    else:
        _add_real(graph, network)
    model = graph.model(network)
    onnx.checker.check_model(model, full_check=True)
    with files.replacing(path) as stream:
        stream.write(model.SerializeToString(deterministic=True))
    return [path]


class _Graph:
    """Collects nodes and constants; `last` is the name of what the last node gave."""

    def __init__(self, onnx: Any):
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.last = "images"

    def constant(self, values: Any) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(
            self.onnx.numpy_helper.from_array(np.asarray(values, order="C"), name)
        )
        return name

    def add(self, operator: str, *others: str, **attributes: Any) -> str:
        """A node whose first input is the last one's output, and whose others are `others`."""
        return self.node(operator, [self.last, *others], **attributes)

    def node(
        self, operator: str, inputs: list[str], output: str | None = None, **attributes: Any
    ) -> str:
        name = output or f"{operator.lower()}_{len(self.nodes)}"
        made = self.onnx.helper.make_node(operator, inputs, [name], **attributes)
        self.nodes.append(made)
        self.last = name
        return name

    def cast(self, kind: str) -> str:
        return self.add("Cast", to=getattr(self.onnx.TensorProto, kind))

    def weights(self, rows: np.ndarray, shape: tuple[int, ...], binary: bool) -> str:
        """Weights (units, inputs) as a convolution or a product of matrices takes them.

        Signs are stored in a byte each.
        """
        array = rows.reshape(len(rows), shape[0], 3, 3) if len(shape) == 3 else rows.T
        if not binary:
            return self.constant(array)
        before, signs = self.last, self.constant(array.astype(np.int8))
        name = self.node("Cast", [signs], to=self.onnx.TensorProto.FLOAT)
        self.last = before
        return name

    def sums(self, rows: np.ndarray, layer: PackedLayer | Layer, binary: bool) -> None:
        """A layer's sums, and its pooling."""
        if layer.convolutional:
            self.add("Conv", self.weights(rows, layer.input_shape, binary), pads=[1, 1, 1, 1])
        else:
            # Behind a convolution or at the start there are four axes.
            self.add("Flatten", axis=1)
            self.add("MatMul", self.weights(rows, layer.input_shape, binary))
        if layer.pools:
            self.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])

    def affine(self, parts: tuple[np.ndarray, ...], convolutional: bool) -> None:
        for operator, values in zip(("Add", "Sub", "Mul", "Add"), parts):
            self.add(operator, self.constant(_spread(values, convolutional)))

    def binarized(self, high: str, low: int) -> None:
        """1 where the condition `high` holds, `low` elsewhere."""
        values = [self.constant(np.float32(value)) for value in (1, low)]
        self.node("Where", [high, *values])

    def model(self, network: TrainedNetwork) -> Any:
        architecture, make = network.architecture, self.onnx.helper
        float_type, int_type = self.onnx.TensorProto.FLOAT, self.onnx.TensorProto.INT64
        scores = self.node("Identity", [self.last], "scores")
        if architecture.outputs > 1:
            self.node("ArgMax", [scores], "classes", axis=1, keepdims=0)
        else:
            self.node("GreaterOrEqual", [scores, self.constant(np.float32(0))])
            self.cast("INT64")
            self.node("Squeeze", [self.last, self.constant(np.array([1]))], "classes")
        value = make.make_tensor_value_info
        byte_type = self.onnx.TensorProto.UINT8
        graph = make.make_graph(
            self.nodes,
            "network",
            [value("images", byte_type, ["n", *architecture.image_shape])],
            [
                value("scores", float_type, ["n", architecture.outputs]),
                value("classes", int_type, ["n"]),
            ],
            self.constants,
        )
        model = make.make_model(
            graph, opset_imports=[make.make_opsetid("", OPSET)], producer_name="memorization"
        )
        model.ir_version = IR_VERSION
        make.set_model_props(model, _properties(network))
        return model


def _properties(network: TrainedNetwork) -> Mapping[str, str]:
    return {
        "class_names": json.dumps(network.class_names),
        "record": json.dumps(network.record),
    }


def _spread(values: np.ndarray, convolutional: bool) -> np.ndarray:
    return values.reshape(-1, 1, 1) if convolutional else values


def _add_binary(graph: _Graph, network: PackedNetwork) -> None:
    """Whole numbers all the way to the scores, so that no runtime's order of sums matters.

    The first layer sums the grey levels 2 * x - 255, which are 255 times what the network sees.
    """
    first = network.layers[0]
    if first.positive.shape[1] >= MOST_FIRST_INPUTS:
        raise UserError(
            f"a first layer of {first.positive.shape[1]:,} inputs, too many to be exact in float32"
        )
    graph.cast("FLOAT")
    graph.add("Mul", graph.constant(np.float32(2)))
    graph.add("Sub", graph.constant(np.float32(GREY_LEVELS)))
    for number, layer in enumerate(network.layers):
        graph.sums(np.where(layer.positive, 1, -1), layer, binary=True)
        last = number == len(network.layers) - 1
        if last:
            if number == 0:
                graph.add("Div", graph.constant(np.float32(GREY_LEVELS)))
            assert layer.affine is not None
            graph.affine(layer.affine, layer.convolutional)
            continue
        if number == 0:
            threshold, flipped = first_thresholds(layer)
        else:
            assert layer.threshold is not None and layer.flipped is not None
            threshold, flipped = layer.threshold, layer.flipped
        spread = _spread(threshold.astype(np.float32), layer.convolutional)
        graph.add("GreaterOrEqual", graph.constant(spread))
        high = graph.add("Xor", graph.constant(_spread(flipped, layer.convolutional)))
        graph.binarized(high, network.low)


def _add_real(graph: _Graph, network: TrainedNetwork) -> None:
    architecture = network.architecture
    graph.cast("INT32")
    levels = graph.constant(unit_range(np.arange(256, dtype=np.uint8)))
    graph.node("Gather", [levels, graph.last])
    for number, layer in enumerate(network.layers):
        graph.sums(layer.rows(), layer, layer.binary)
        graph.affine(layer.affine(), layer.convolutional)
        if number < len(network.layers) - 1:
            _activate(graph, architecture.activations, architecture.activation)


def _activate(graph: _Graph, activations: str, unit: str) -> None:
    if activations == "relu":
        graph.add("Relu")
        return
    one = graph.constant(np.float32(1))
    if activations == "binary":
        graph.add("Add", one)
        graph.binarized(graph.add("GreaterOrEqual", one), -1 if unit == "tanh" else 0)
    elif unit == "tanh":
        graph.add("Clip", graph.constant(np.float32(-1)), one)
    else:
        graph.add("Add", one)
        graph.add("Mul", graph.constant(np.float32(0.5)))
        graph.add("Clip", graph.constant(np.float32(0)), one)
