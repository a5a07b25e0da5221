"""Product of two-valued matrices by bit operations."""

from __future__ import annotations

import numpy as np
from theano.gof import Apply, ParamsType
from theano.scalar import bool as bool_t
from theano.scalar import float32 as float32_t
from theano.tensor import TensorType, as_tensor_variable

from theano_engine.ops.kernel_op import KernelOp


class BinaryDot(KernelOp):
    """`x . w` of matrices of two values each, exact.

    Inputs: x (rows, depth) and w (depth, units), float32. Output: (rows, units) float32, bit for
    bit the float product wherever float sums of the products are exact: the magnitudes have to be
    powers of two.

    x : -a or +a each; with `unit_x` 0 or 1. w : -h or +h each. `scale` : a * h. A NaN reaches its
    whole row or column of the output, as in float arithmetic; of other values only the sign is read
    (with `unit_x`: whether it is 1).
    """

    __props__ = ("unit_x", "scale")
    kernel = "product/dot.h"
    params_type = ParamsType(unit_x=bool_t, scale=float32_t)

    def __init__(self, unit_x=False, scale=1.0):
        self.unit_x = bool(unit_x)
        self.scale = float(scale)

    def make_node(self, x, w):
        x, w = as_tensor_variable(x), as_tensor_variable(w)
        for name, variable in (("x", x), ("w", w)):
            if variable.ndim != 2 or variable.dtype != "float32":
                raise TypeError(f"BinaryDot: {name} must be 2-D float32, not {variable.type}")
        broadcastable = (x.broadcastable[0], w.broadcastable[1])
        return Apply(self, [x, w], [TensorType("float32", broadcastable)()])

    def infer_shape(self, node, shapes):
        x, w = shapes
        return [(x[0], w[1])]

    def perform(self, node, inputs, outputs, params):
        x, w = inputs
        outputs[0][0] = np.dot(x, w)

    def c_code(self, node, name, inputs, outputs, sub):
        return C_CODE % {"x": inputs[0], "w": inputs[1], "out": outputs[0], **sub}


C_CODE = """
{
    Contiguous x(%(x)s), w(%(w)s);
    if (!x.array || !w.array) { %(fail)s }
    const npy_intp depth = PyArray_DIM(x.array, 1);
    if (depth != PyArray_DIM(w.array, 0)) {
        PyErr_Format(PyExc_ValueError, "x of %%zd columns does not go with w of %%zd rows",
                     (Py_ssize_t)depth, (Py_ssize_t)PyArray_DIM(w.array, 0));
        %(fail)s
    }
    npy_intp shape[2] = {PyArray_DIM(x.array, 0), PyArray_DIM(w.array, 1)};
    if (!fresh_output(&%(out)s, 2, shape)) { %(fail)s }
    binary::Status status;
    Py_BEGIN_ALLOW_THREADS
    status = binary::multiply(kernel_threads(), shape[0], depth, shape[1],
                              %(params)s->unit_x ? binary::UNIT : binary::SIGN, x.data(),
                              w.data(), %(params)s->scale, (float*)PyArray_DATA(%(out)s));
    Py_END_ALLOW_THREADS
    if (status == binary::NO_MEMORY) { PyErr_NoMemory(); %(fail)s }
}
"""
