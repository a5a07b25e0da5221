"""One way to compare: the same graph by Theano's own code and by PyTorch, value for value."""

from __future__ import annotations

import numpy as np
import pytest

from theano_engine import T, theano

torch = pytest.importorskip("torch", reason="PyTorch is not installed (optional extra [cuda])")

# Theano's reference implementations, numpy throughout: no C compiler, few rewrites.
REFERENCE = theano.Mode(linker="py", optimizer="fast_compile")

# Theano's C code, for Ops whose reference implementation current numpy and scipy have broken.
C_REFERENCE = theano.Mode(linker="cvm", optimizer="fast_run").excluding(
    "fusion", "inplace", "binary"
)


def assert_same(mode, inputs, outputs, values, wrt=(), rtol=1e-5, atol=1e-6, by=REFERENCE):
    """`outputs` of `inputs` at `values` are the same by Theano's mode `by` and by PyTorch's `mode`.

    So are their gradients with respect to the variables `wrt`.

    The gradients are those of a weighted sum of the floating outputs, with fixed random weights.
    Dtypes and shapes have to agree exactly. The PyTorch function is called twice: first and later
    calls take different paths.
    """
    expressions = list(outputs)
    if wrt:
        generator = np.random.RandomState(0)
        forward = theano.function(inputs, outputs, mode=by, on_unused_input="ignore")
        cost = sum(
            T.sum(output * generator.uniform(0.5, 1.5, value.shape).astype(output.dtype))
            for output, value in zip(outputs, forward(*values))
            if output.dtype.startswith("float")
        )
        expressions += theano.grad(cost, list(wrt))
    reference = theano.function(inputs, expressions, mode=by, on_unused_input="ignore")
    tested = theano.function(inputs, expressions, mode=mode, on_unused_input="ignore")
    expected = reference(*values)
    for found in (tested(*values), tested(*values)):
        for expression, a, b in zip(expressions, found, expected):
            a = np.asarray(a)
            assert (a.dtype, a.shape) == (b.dtype, b.shape), expression
            np.testing.assert_allclose(a, b, rtol=rtol, atol=atol, err_msg=str(expression))


def normal(*shape, seed=1, dtype="float32"):
    """Fixed random numbers of the standard normal distribution."""
    return np.asarray(np.random.RandomState(seed).normal(size=shape), dtype)
