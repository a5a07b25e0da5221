"""The gradients of dense layers whose weights, or whose input, have two values, by table lookup.

Their sums are taken in an order that depends on shapes alone. Layers of few weights keep the matrix
products (`kernels/common/dense.h`), bit for bit as Theano has them.
"""

from __future__ import annotations

import theano.scalar as scalar
import theano.tensor as T
from theano.gof import Apply, ParamsType

from theano_engine.ops.blas_kernel import BlasKernelOp


class DenseGradient(BlasKernelOp):
    """What the gradients share: the two values, and the code around a kernel.

    Which value an element has is told by the side of their mean on which it lies.
    """

    __props__: tuple[str, ...] = ("low", "high")
    kernel = "sign_sums/dense_gradient.h"
    params_type = ParamsType(low=scalar.float64, high=scalar.float64)
    # The kernel, the product that it stands for, and where the sizes of the layer and of the output
    # are found.
    _function: str
    _product: str
    _layer: tuple[str, str, str]
    _output: tuple[str, str]
    # The axes of the two inputs that have to be equally long.
    _matching: tuple[int, int]

    def __init__(self, low, high):
        self.low, self.high = float(low), float(high)

    def make_node(self, operand, top):
        operand, top = T.as_tensor_variable(operand), T.as_tensor_variable(top)
        for variable in (operand, top):
            if variable.ndim != 2 or variable.dtype != "float32":
                raise TypeError(
                    f"{type(self).__name__} takes float32 of 2 axes, got {variable.type}"
                )
        return Apply(self, [operand, top], [T.TensorType("float32", (False, False))()])

    def _call(self, params):
        values = f"{params}->low, {params}->high"
        arguments = f"layer, operand.data(), top.data(), {values}, kernel_threads(), target"
        return f"gradient_dense::{self._function}({arguments})"

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
            const gradient_dense::DenseShape layer = {{{", ".join(self._layer)}}};
            npy_intp shape[2] = {{{", ".join(self._output)}}};
            if (!fresh_output(&{output}, 2, shape)) {{ {fail} }}
            float *target = (float *)PyArray_DATA({output});
            bool complete = true;
            Py_BEGIN_ALLOW_THREADS
            if (gradient_dense::keeps_product(layer))
                gradient_dense::{self._product}(layer, operand.data(), top.data(), sgemm_, target);
            else
                complete = {self._call(params)};
            Py_END_ALLOW_THREADS
            if (!complete) {{ PyErr_NoMemory(); {fail} }}
        }}
        """


class BinaryDenseInputGradient(DenseGradient):
    """Gradient of a dense layer with respect to its input, its weights having two values.

    Inputs: weights (inputs, units), the outputs' gradient (batch, units). Output: (batch, inputs),
    `dot(gradient, weights.T)` up to the order of the sums. Raises ValueError where they do not fit.
    """

    _function = "dense_input_gradient"
    _product = "input_product"
    _layer = ("top_shape[0]", "operand_shape[0]", "operand_shape[1]")
    _output = ("layer.batch", "layer.inputs")
    _matching = (1, 1)

    def infer_shape(self, node, shapes):
        weights, top = shapes
        return [(top[0], weights[0])]


class BinaryDenseWeightGradient(DenseGradient):
    """Gradient of a dense layer with respect to its weights, its input having two values.

    Inputs: the layer's input (batch, inputs), the outputs' gradient (batch, units). Output:
    (inputs, units), `dot(input.T, gradient)` up to the order of the sums. Raises ValueError where
    they do not fit.
    """

    _function = "dense_weight_gradient"
    _product = "weight_product"
    _layer = ("top_shape[0]", "operand_shape[1]", "top_shape[1]")
    _output = ("layer.inputs", "layer.units")
    _matching = (0, 0)

    def infer_shape(self, node, shapes):
        layer_input, top = shapes
        return [(layer_input[1], top[1])]
