"""The gradients of binary convolutions and dense layers by products of tiles of bfloat16.

The operand of two values is exact in bfloat16; the gradient of the layer's output is taken apart:
its first part is the number rounded to 8 bits, each further one what is left, rounded likewise
(`kernels/tiles/parts.h`). Where the kernels are compiled for a processor without tiles they compute
the same bits word by word, far slower.
"""

from __future__ import annotations

import math

import theano.scalar as scalar
import theano.tensor as T
from theano.gof import Apply, ParamsType

from theano_engine.ops.gradient_conv import (
    BinaryConvFilterGradient,
    BinaryConvInputGradient,
    OfTwoValues,
)
from theano_engine.ops.kernel_op import KernelOp

# The bits of a bfloat16's mantissa, and powers of two between which no product leaves the floats'.
_BITS = 8
_GREATEST_EXPONENT = 32


def covers(subsample, values) -> bool:
    """Whether there are kernels for a convolution in these steps, of an operand of these values."""
    return tuple(subsample) == (1, 1) and are_exact(values)


def are_exact(values) -> bool:
    """Whether these values are exact in bfloat16, and far from where products are infinite."""
    return all(_is_exact(value) for value in values)


def _is_exact(value: float) -> bool:
    mantissa, exponent = math.frexp(value)
    return (mantissa * 2**_BITS).is_integer() and abs(exponent) < _GREATEST_EXPONENT


class _InParts(OfTwoValues):
    """What the Ops share: `parts`, the number of bfloat16 for an element of the gradient.

    With 3 each is exact, with 2 it is off by at most 2^-16 of itself, with 1 by 2^-8, and with each
    part by 2^-126, below which tiles know no number but 0.
    """

    def __init__(self, border_mode, subsample, filter_flip, low, high, parts):
        super().__init__(border_mode, subsample, filter_flip, low, high)
        if not covers(subsample, (low, high)):
            raise ValueError(f"{type(self).__name__}: steps {subsample}, values {low}, {high}")
        if parts not in (1, 2, 3):
            raise ValueError(f"{type(self).__name__}: {parts} parts")
        self.parts = parts

    def _call(self, params):
        values = f"{params}->low, {params}->high"
        arguments = f"g, operand, top, {values}, {self.parts}, kernel_threads(), target"
        return f"tiles::{self._function}({arguments})"


class TiledConvInputGradient(_InParts, BinaryConvInputGradient):
    """`BinaryConvInputGradient`, by products of tiles."""

    __props__ = (*BinaryConvInputGradient.__props__, "parts")
    kernel = "tiles/input_gradient.h"


class TiledConvFilterGradient(_InParts, BinaryConvFilterGradient):
    """`BinaryConvFilterGradient`, by products of tiles."""

    __props__ = (*BinaryConvFilterGradient.__props__, "parts")
    kernel = "tiles/filter_gradient.h"


class _TiledDense(KernelOp):
    """What the Ops of dense layers share: the two values, `parts`, and the code around a kernel.

    `parts` is that of `_InParts`.
    """

    __props__ = ("low", "high", "parts")
    kernel = "tiles/dense_gradient.h"
    params_type = ParamsType(low=scalar.float64, high=scalar.float64, parts=scalar.int64)
    # The kernel, and where the sizes of the layer and of the output are found.
    _function: str
    _layer: tuple[str, str, str]
    _output: tuple[str, str]
    # The axes of the two inputs that have to be equally long.
    _matching: tuple[int, int]

    def __init__(self, low, high, parts):
        self.low, self.high, self.parts = float(low), float(high), parts
        if not are_exact((self.low, self.high)):
            raise ValueError(f"{type(self).__name__}: values {low}, {high}")
        if parts not in (1, 2, 3):
            raise ValueError(f"{type(self).__name__}: {parts} parts")

    def make_node(self, operand, top):
        operand, top = T.as_tensor_variable(operand), T.as_tensor_variable(top)
        for variable in (operand, top):
            if variable.ndim != 2 or variable.dtype != "float32":
                raise TypeError(
                    f"{type(self).__name__} takes float32 of 2 axes, got {variable.type}"
                )
        return Apply(self, [operand, top], [T.TensorType("float32", (False, False))()])

    def c_code(self, node, name, inputs, outputs, sub):
        operand, top = inputs
        (output,) = outputs
        params, fail = sub["params"], sub["fail"]
        first, second = self._matching
        return f"""
        {{
            const Contiguous operand({operand}), top({top});
            if (!operand.array || !top.array) {{ {fail} }}
            const npy_intp *operand_shape = PyArray_DIMS(operand.array);
            const npy_intp *top_shape = PyArray_DIMS(top.array);
            if (operand_shape[{first}] != top_shape[{second}]) {{
                PyErr_Format(PyExc_ValueError, "{type(self).__name__}: operand (%lld, %lld) and "
                             "output gradient (%lld, %lld) do not fit",
                             (long long)operand_shape[0], (long long)operand_shape[1],
                             (long long)top_shape[0], (long long)top_shape[1]);
                {fail}
            }}
            const tiles::DenseShape layer = {{{", ".join(self._layer)}}};
            npy_intp shape[2] = {{{", ".join(self._output)}}};
            if (!fresh_output(&{output}, 2, shape)) {{ {fail} }}
            bool complete;
            Py_BEGIN_ALLOW_THREADS
            complete = tiles::{self._function}(
                layer, operand.data(), top.data(), {params}->low, {params}->high,
                {params}->parts, kernel_threads(), (float *)PyArray_DATA({output}));
            Py_END_ALLOW_THREADS
            if (!complete) {{ PyErr_NoMemory(); {fail} }}
        }}
        """


class TiledDenseInputGradient(_TiledDense):
    """Gradient of a dense layer with respect to its input, its weights having two values.

    Inputs: weights (inputs, units), the outputs' gradient (batch, units). Output: (batch, inputs),
    `dot(gradient, weights.T)` up to the order of the sums. Raises ValueError where they do not fit.
    """

    _function = "dense_input_gradient"
    _layer = ("top_shape[0]", "operand_shape[0]", "operand_shape[1]")
    _output = ("layer.batch", "layer.inputs")
    _matching = (1, 1)

    def infer_shape(self, node, shapes):
        weights, top = shapes
        return [(top[0], weights[0])]


class TiledDenseWeightGradient(_TiledDense):
    """Gradient of a dense layer with respect to its weights, its input having two values.

    Inputs: the layer's input (batch, inputs), the outputs' gradient (batch, units). Output:
    (inputs, units), `dot(input.T, gradient)` up to the order of the sums. Raises ValueError where
    they do not fit.
    """

    _function = "dense_weight_gradient"
    _layer = ("top_shape[0]", "operand_shape[1]", "top_shape[1]")
    _output = ("layer.inputs", "layer.units")
    _matching = (0, 0)

    def infer_shape(self, node, shapes):
        layer_input, top = shapes
        return [(layer_input[1], top[1])]
