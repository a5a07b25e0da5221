"""Rounding with a straight-through gradient, the step of every binarized activation."""

from __future__ import annotations

import math

import theano.scalar
from theano.tensor.elemwise import Elemwise


class Round3(theano.scalar.UnaryScalarOp):
    """Round to the nearest integer, halves away from zero, and pass the gradient on unchanged.

    Forward: `z = round(x)` as C99 defines it (`round(0.5) = 1`, so that a hard sigmoid of 0 counts
    as 1). Backward: `dL/dx = dL/dz`, the straight-through estimator (Bengio et al., arXiv
    1308.3432), as in BinaryNet (arXiv 1602.02830). Input and output: any float dtype.
    """

    def impl(self, x):
        whole = math.trunc(x) if math.isfinite(x) else x
        if abs(x - whole) >= 0.5:
            whole += math.copysign(1, x)
        return type(x)(whole)

    def c_code(self, node, name, inputs, outputs, sub):
        (x,) = inputs
        (z,) = outputs
        function = "roundf" if node.inputs[0].type.dtype == "float32" else "round"
        return f"{z} = {function}({x});"

    def c_code_cache_version(self):
        return (1,)

    def grad(self, inputs, output_gradients):
        return list(output_gradients)


round3_scalar = Round3(theano.scalar.same_out_nocomplex, name="round3")
round3 = Elemwise(round3_scalar, name="round3")
