"""All rewrites in the order in which they meet a graph; importing this module registers them.

Theano's own positions beside them: canonicalisation 1 (constants folded, shapes known),
stabilisation 1.5, `BlasOpt` 1.7, `specialize` 2, `conv_gemm` 48.6 (abstract convolutions become
matrix products), elementwise fusion 49, in-place work 75. At one position the name decides.

- 0.5, 0.6: before the graph gets its canonical form, which would take abstract batch norm apart.
- 1.4 to 1.42: in that form the activation around batch norm is recognised.
- 1.43: before `BlasOpt` computes a dense layer's gradient g once for v' and, scaled in the product,
  once more for m'.
- 1.6 to 1.67: before `BlasOpt` and `conv_gemm` lower the float Ops.
- 48.4: before `conv_gemm` does.
- 48.45 to 48.47: what is left of the gradients of filters, and of convolutions.
- 48.8: after all that recognise binary operands by how they are computed, and before fusion.
"""

from __future__ import annotations

from theano.compile import optdb
from theano.gof.opt import TopoOptimizer, local_optimizer

from theano_engine.rewrites import (
    adam_step,
    batch_norm,
    binary_conv,
    binary_signs,
    float_conv,
    gradient_conv,
    gradient_dot,
    mixed_conv,
    pool,
)

# A binarization is met before the rounding within it, an activation before what looks like one.
OUTPUTS_FIRST = "out_to_in"
INPUTS_FIRST = "in_to_out"

# For modes that include the rewrite by name; it changes the order of sums in graphs of every kind.
ON_REQUEST = "on_request"

# Position, function (whose name is the rewrite's), walk, tags. All others are tagged `fast_run` as
# well.
ORDER = (
    (0.50, batch_norm.batch_norm_kernel, OUTPUTS_FIRST, ("binary", "batch_norm")),
    (0.60, batch_norm.batch_norm_inline, OUTPUTS_FIRST, ("fast_compile",)),
    (1.40, batch_norm.batch_norm_mask, OUTPUTS_FIRST, ("binary", "batch_norm")),
    (1.41, batch_norm.batch_norm_activation, OUTPUTS_FIRST, ("binary", "batch_norm")),
    (1.42, batch_norm.channel_sum, OUTPUTS_FIRST, ("binary",)),
    (1.43, adam_step.adam_step, INPUTS_FIRST, ("binary", "adam")),
    (1.60, binary_conv.local_padding_into_conv, INPUTS_FIRST, ("binary",)),
    (1.61, binary_conv.local_binary_conv, INPUTS_FIRST, ("binary",)),
    (1.61, binary_conv.local_binary_dot, INPUTS_FIRST, ("binary",)),
    (1.62, gradient_dot.binary_dot_gradient, INPUTS_FIRST, ("binary",)),
    (1.64, binary_signs.binary_reshaped_rounding, INPUTS_FIRST, ("binary",)),
    (1.65, binary_signs.binary_conv_signs, OUTPUTS_FIRST, ("binary",)),
    (1.66, binary_signs.binary_packed_signs, INPUTS_FIRST, ("binary",)),
    (1.67, binary_conv.binary_conv_bias, INPUTS_FIRST, ("binary",)),
    (48.4, gradient_conv.binary_conv_filter_gradient, INPUTS_FIRST, ("binary", "gradient_conv")),
    (48.4, gradient_conv.binary_conv_input_gradient, INPUTS_FIRST, ("binary", "gradient_conv")),
    (48.4, mixed_conv.mixed_conv, INPUTS_FIRST, ("binary", ON_REQUEST)),
    (48.4, pool.max_pool, INPUTS_FIRST, ("binary",)),
    (48.4, pool.max_pool_gradient, INPUTS_FIRST, ("binary",)),
    (48.45, gradient_conv.conv_filter_gradient, INPUTS_FIRST, ("binary", "gradient_conv")),
    (48.46, float_conv.float_conv, INPUTS_FIRST, ("binary",)),
    (48.47, float_conv.float_conv_bias, INPUTS_FIRST, ("binary",)),
    (48.8, binary_signs.binary_signs, OUTPUTS_FIRST, ("binary",)),
    (75.0, adam_step.adam_step_inplace, INPUTS_FIRST, ("binary", "adam", "inplace")),
)

for _position, _function, _walk, _tags in ORDER:
    _local = local_optimizer(_function.op_types, inplace="inplace" in _tags)(_function)
    # Refused in-place work is no failure: a graph may need the storage as it is.
    _rewrite = TopoOptimizer(_local, order=_walk, failure_callback=TopoOptimizer.warn_inplace)
    _rewrite.__name__ = _function.__name__
    _by_default = () if ON_REQUEST in _tags else ("fast_run",)
    optdb.register(_function.__name__, _rewrite, _position, *_by_default, *_tags)
