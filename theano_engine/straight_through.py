"""Straight-through gradients: those of binarized weights, used as those of the real ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import theano


def marked(binarized: Any, W: Any) -> Any:
    """`binarized`, marked as what a layer computes with in the place of its parameter `W`.

    By this mark `gradients` finds it, whichever output of a network a loss was built on.
    """
    binarized.tag.binarization_of = W
    return binarized


def gradients(loss: Any, parameters: Sequence[Any]) -> list[Any]:
    """The gradient of `loss` for every one of `parameters`, in their order and of their shapes.

    That with respect to the binarized weights `marked` as theirs, plus that through any direct use
    of the real-valued ones. Raises ValueError where `loss` depends on no binarization of them.
    """
    binarized: dict = {}
    for variable in theano.gof.graph.ancestors([loss]):
        W = getattr(variable.tag, "binarization_of", None)
        if W is not None:
            binarized.setdefault(W, []).append(variable)
    missing = [W for W in parameters if W not in binarized]
    if missing:
        raise ValueError(f"the loss does not depend on the weights {missing} of this network")
    uses = [(W, Wb) for W in parameters for Wb in binarized[W] if Wb is not W]
    wrt = [*parameters, *(Wb for _, Wb in uses)]
    found = theano.grad(
        loss, wrt, consider_constant=[Wb for _, Wb in uses], disconnected_inputs="ignore"
    )
    totals = dict(zip(parameters, found))
    for (W, _), gradient in zip(uses, found[len(parameters) :]):
        totals[W] = totals[W] + gradient
    return [totals[W] for W in parameters]
