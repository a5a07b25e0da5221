"""What every rewrite shares: the nodes it is asked about, and how the new takes their place."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from theano.gof.opt import copy_stack_trace
from theano.tensor import TensorType


def replaces(*op_types: type) -> Callable[[Callable[[Any], Any]], Any]:
    """Decorate a function of a node that returns what to put in the place of its outputs.

    It returns a variable for the only output, a list of one for each, or a dictionary from old
    variables to new ones; None leaves the node alone. It is asked only about nodes whose Op is of
    `op_types` and all of whose inputs and outputs are tensors: graphs hold random states, slices,
    lists and what else users make types of. New variables get the old ones' types and traces.
    """

    def decorate(function):
        @wraps(function)
        def rewrite(node):
            if not isinstance(node.op, op_types) or not _is_of_tensors(node):
                return None
            new = function(node)
            if new is None:
                return None
            if not isinstance(new, (list, dict)):
                new = [new]
            if isinstance(new, dict):
                return {old: _in_place_of(old, variable) for old, variable in new.items()}
            return [_in_place_of(old, variable) for old, variable in zip(node.outputs, new)]

        rewrite.op_types = op_types  # type: ignore[attr-defined]
        return rewrite

    return decorate


def _is_of_tensors(node) -> bool:
    return all(isinstance(v.type, TensorType) for v in (*node.inputs, *node.outputs))


def _in_place_of(old, new):
    copy_stack_trace(old, new)
    return old.type.filter_variable(new, allow_convert=True)
