"""From Theano's Ops to PyTorch calls: one small handler per Op, registered by the Op's type.

A handler takes an Op and its node and returns the function that computes the node's outputs: one
tensor, or a tuple where the node has several. It runs once, when a graph is translated; the
function it returns runs at every step, or is traced by `torch.compile`: it keeps to PyTorch and
plain Python, and takes what it needs of the Op into variables of its own.

    @handles(SomeOp, host=[1])
    def some_op(op, node):
        def some_op(x, axis): ...
        return some_op

`host` lists the positions of the inputs that the function wants on the host: a Python number for a
scalar, a tuple of numbers for a vector, a slice, None. With `literals=True` the function also takes
Python numbers in place of tensors that hold one value. With `view=True` its result may share memory
with an input. With `creates=True` it takes the keyword `device`, where to make what it
makes. Wherever Theano's result and PyTorch's could differ (dtypes, ties, borders), the
handler follows Theano.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


class MissingHandlerError(NotImplementedError):
    """An Op of the graph has no handler; the message names it and the file where one goes."""


@dataclass(frozen=True)
class Handler:
    """`build(op, node)` gives the function; the other fields are those of `handles`."""

    build: Callable[[Any, Any], Callable]
    host: Callable[[Any], Iterable[int]]
    literals: bool
    view: bool
    creates: bool


_HANDLERS: dict[type, Handler] = {}


def handles(
    *op_types: type,
    host: Iterable[int] | Callable[[Any], Iterable[int]] = (),
    literals: bool = False,
    view: bool = False,
    creates: bool = False,
) -> Callable:
    """Register the decorated function for `op_types`; `host` may be a function of the node."""

    def register(build):
        positions = host if callable(host) else lambda node: host
        for op_type in op_types:
            _HANDLERS[op_type] = Handler(build, positions, literals, view, creates)
        return build

    return register


def find(node) -> Handler:
    """The handler of `node`'s Op; raises MissingHandlerError."""
    for op_type in type(node.op).__mro__:
        if op_type in _HANDLERS:
            return _HANDLERS[op_type]
    name = type(node.op).__name__
    raise MissingHandlerError(
        f"no PyTorch handler for the Op {name} ({type(node.op).__module__}), used as {node.op}: "
        f"add one to theano_engine/torch_linker/dispatch/{_family(node.op)}.py, "
        f"under @handles({name})"
    )


def _family(op) -> str:
    module = type(op).__module__
    families = {
        "subtensor": "subtensor",
        "elemwise": "elemwise",
        "scalar": "elemwise",
        "sort": "sorting",
        "conv": "convolution",
        "nnet": "neural",
        "pool": "pooling",
        "random": "random",
        "rng": "random",
        "blas": "linear_algebra",
        "linalg": "linear_algebra",
    }
    return next((file for part, file in families.items() if part in module), "shape")
