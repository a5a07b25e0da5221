"""BinaryNet's binary activations and weights, as graphs of Theano's own Ops."""

from __future__ import annotations

import theano
import theano.tensor as T

from theano_engine.ops.rounding import round3


def hard_sigmoid(x):
    """`clip((x + 1) / 2, 0, 1)`: BinaryNet's piecewise linear sigmoid (arXiv 1602.02830, eq. 3)."""
    return T.clip((x + 1.0) / 2.0, 0, 1)


def hard_tanh(x):
    """`clip(x, -1, 1)`: what `binary_tanh_unit` is without its rounding."""
    return T.clip(x, -1.0, 1.0)


def binary_tanh_unit(x):
    """+1 where x >= 0, else -1; the gradient passes where |x| <= 1 (arXiv 1602.02830, eq. 4).

    Forward: `2 * round3(hard_sigmoid(x)) - 1`. Backward: `dL/dx = dL/dy * (|x| <= 1)`.
    """
    return 2.0 * round3(hard_sigmoid(x)) - 1.0


def binary_sigmoid_unit(x):
    """1 where x >= 0, else 0; the gradient passes, halved, where |x| <= 1.

    Forward: `round3(hard_sigmoid(x))`. Backward: `dL/dx = dL/dy / 2 * (|x| <= 1)`.
    """
    return round3(hard_sigmoid(x))


def binarization(W, H, binary=True, deterministic=False, stochastic=False, srng=None):
    """The weights that a layer computes with: `W`'s shape and dtype, values -H and +H.

    Deterministic: +H where `W > 0`, else -H (rounding half to even sends W = 0 to -H, as in the
    original). Stochastic: +H with probability `hard_sigmoid(W / H)`, drawn from `srng`
    (arXiv 1602.02830, eq. 1 and 2). With `binary=False`, or where a stochastic layer is asked for a
    deterministic output, the real-valued `W` itself.
    """
    if not binary or (deterministic and stochastic):
        return W
    probability = hard_sigmoid(W / H)
    if stochastic:
        positive = srng.binomial(n=1, p=probability, size=T.shape(probability))
        positive = T.cast(positive, theano.config.floatX)
    else:
        positive = T.round(probability, mode="half_to_even")
    return T.cast(T.switch(positive, H, -H), theano.config.floatX)
