"""From an optimised graph to Python: a program of PyTorch calls, and its source for fixed shapes.

Values that depend on shapes alone (and what Theano computes from them: sizes, counts, bounds of
slices) are kept on the host and computed by Theano's own Ops, on numbers. For a given set of input
shapes they are constants: `Program.specialise` runs the program once, notes them, and writes a flat
Python function in which they are literals and all else is one PyTorch call a line. That function is
what runs, what `torch.compile` fuses and what a CUDA graph records.
"""

from __future__ import annotations

import itertools
import linecache
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from theano.compile.ops import DeepCopyOp, Rebroadcast, Shape, Shape_i
from theano.gof import Constant
from theano.scalar import ScalarOp
from theano.tensor import basic, opt
from theano.tensor.elemwise import CAReduce, DimShuffle, Elemwise
from theano.tensor.subtensor import Subtensor
from theano.tensor.type_other import MakeSlice

from theano_engine.torch_linker.dispatch import find
from theano_engine.torch_linker.storage import to_device

# What shape arithmetic is made of.
_HOST_OPS = (
    *(Elemwise, DimShuffle, CAReduce, ScalarOp, Subtensor, MakeSlice, DeepCopyOp, Rebroadcast),
    *(opt.MakeVector, opt.Assert, basic.Join, basic.Reshape),
    *(basic.TensorFromScalar, basic.ScalarFromTensor),
)

# Of constants, those that Theano's shape arithmetic may contain.
_HOST_CONSTANT_SIZE = 8

_numbers = itertools.count()


@dataclass
class _Step:
    """One node: how its outputs are computed from its inputs."""

    node: Any
    function: Callable
    # Positions of inputs that the function takes as Python numbers, tuples, slices.
    host_positions: frozenset[int] = frozenset()
    literals: bool = False
    on_host: bool = False
    dead_after: list = field(default_factory=list)


class Program:
    """The steps of a function graph, on one device.

    `fgraph`'s outputs are first the function's results, then the new values of the inputs that
    `updates` maps to their output variable.
    """

    def __init__(self, fgraph, updates: dict, device: str):
        self.device = device
        self.name = str(fgraph.name or "function")
        self.inputs = list(fgraph.inputs)
        self.updated = [x for x in self.inputs if x in updates]
        self.new_values = [updates[x] for x in self.updated]
        self.results = [
            output
            for i, output in enumerate(fgraph.outputs)
            if i < len(fgraph.outputs) - len(self.updated)
        ]
        order = fgraph.toposort()
        self._on_host = _host_variables(order)
        self._steps = [self._step(node) for node in order]
        self._note_last_uses()
        self._views = {
            output for step in self._steps if _may_be_view(step) for output in step.node.outputs
        }
        self._constants: dict[Any, torch.Tensor] = {}
        # Whether a value that is needed on the host depends on more than shapes.
        self.depends_on_values = any(
            not self._is_host(step.node.inputs[i])
            for step in self._steps
            for i in step.host_positions
        )

    def _step(self, node) -> _Step:
        if node.outputs[0] in self._on_host:
            return _Step(node, _host_function(node), on_host=True)
        handler = find(node)
        function = handler.build(node.op, node)
        if handler.creates:
            function = _on(function, self.device)
        return _Step(node, function, frozenset(handler.host(node)), handler.literals)

    def _note_last_uses(self) -> None:
        kept = {*self.results, *self.new_values, *self.inputs}
        seen = set()
        for step in reversed(self._steps):
            for variable in {*step.node.inputs, *step.node.outputs}:
                known = isinstance(variable, Constant) or variable in kept
                if not known and variable not in seen:
                    seen.add(variable)
                    step.dead_after.append(variable)

    def _is_host(self, variable) -> bool:
        return variable in self._on_host or isinstance(variable, Constant)

    def run(self, values: Sequence[torch.Tensor], record: list | None = None) -> tuple[list, list]:
        """Results and new values of the updated inputs, as tensors that share no input's memory.

        `values` are the tensors of `inputs`. `record` receives each device step's arguments.
        """
        known: dict[Any, Any] = dict(zip(self.inputs, values))
        for step in self._steps:
            if step.on_host:
                outputs = step.function(*(self._host_value(x, known) for x in step.node.inputs))
            else:
                arguments = [self._argument(step, i, known) for i in range(len(step.node.inputs))]
                if record is not None:
                    record.append(arguments)
                outputs = step.function(*(value for value, _ in arguments))
                if len(step.node.outputs) == 1:
                    outputs = (outputs,)
            known.update(zip(step.node.outputs, outputs))
            for variable in step.dead_after:
                known.pop(variable, None)
        return (
            [self._owned(x, known) for x in self.results],
            [self._owned(x, known) for x in self.new_values],
        )

    def _host_value(self, variable, known):
        return variable.data if isinstance(variable, Constant) else known[variable]

    def _argument(self, step: _Step, position: int, known) -> tuple[Any, Any]:
        """The value for a step's input, and the variable or, for a literal, None."""
        variable = step.node.inputs[position]
        if position in step.host_positions:
            return _plain(self._host_value(variable, known)), None
        if not self._is_host(variable):
            return known[variable], variable
        value = self._host_value(variable, known)
        if step.literals and np.size(value) == 1:
            alone = not step.host_positions and all(map(self._is_host, step.node.inputs))
            if not alone:
                return np.asarray(value).item(), None
        return self._constant(variable, value), variable

    def _constant(self, variable, value) -> torch.Tensor:
        """A constant, or a number known from shapes, as a tensor of the device."""
        if not isinstance(variable, Constant):
            return to_device(np.asarray(value), self.device)
        if variable not in self._constants:
            self._constants[variable] = to_device(np.asarray(value), self.device, "a constant")
        return self._constants[variable]

    def _owned(self, variable, known) -> torch.Tensor:
        if self._is_host(variable):
            value = self._host_value(variable, known)
            return to_device(np.array(value), self.device)
        return known[variable].clone() if self._shares_input(variable) else known[variable]

    def _shares_input(self, variable) -> bool:
        """Whether the tensor may be, or be a view of, an input or a constant."""
        if variable.owner is None:
            return True
        return variable in self._views and any(map(self._shares_input, variable.owner.inputs))

    def specialise(self, values: Sequence[torch.Tensor]) -> tuple[Callable, list, list]:
        """The program for inputs of `values`' shapes as one function, and its outcome for `values`.

        The function takes the tensors of `inputs` and returns the list of results; it writes new
        values into the tensors of the updated inputs (whose shapes must not change).
        """
        record: list = []
        results, new_values = self.run(values, record)
        source, namespace = self._source(values, record, results, new_values)
        return _compiled(source, namespace, self.name), results, new_values

    def _source(self, values, record, results, new_values) -> tuple[str, dict]:
        names: dict[Any, str] = {x: f"x{i}" for i, x in enumerate(self.inputs)}
        namespace: dict[str, Any] = {"torch": torch}

        def constant(tensor) -> str:
            name = f"c{len(namespace)}"
            namespace[name] = tensor
            return name

        shapes = ", ".join(
            f"{names[x]}: {x.name or '-'} {tuple(v.shape)}" for x, v in zip(self.inputs, values)
        )
        lines = [f"# {self.name}: {shapes}", f"def step({', '.join(names.values())}):"]
        arguments_of = iter(record)
        for number, step in enumerate(self._steps):
            if step.on_host:
                continue
            words = []
            for value, variable in next(arguments_of):
                if variable is None:
                    words.append(_literal(value))
                elif variable in names:
                    words.append(names[variable])
                else:
                    words.append(constant(value))
            function = f"{_word(step.node)}_{number}"
            namespace[function] = step.function
            targets = []
            for output in step.node.outputs:
                names[output] = f"v{len(names)}"
                targets.append(names[output])
            call = f"{function}({', '.join(words)})"
            lines.append(f"    {', '.join(targets)} = {call}  # {_comment(step.node)}")
            dead = [names[x] for x in step.dead_after if x in names]
            if dead:
                lines.append(f"    del {', '.join(dead)}")

        def owned(variable, value) -> str:
            if self._is_host(variable):
                return f"{constant(value)}.clone()"
            return names[variable] + (".clone()" if self._shares_input(variable) else "")

        returned = [owned(x, value) for x, value in zip(self.results, results)]
        lines.append(f"    results = [{', '.join(returned)}]")
        if self.updated:
            written = ", ".join(names[x] for x in self.updated)
            sources = ", ".join(map(owned, self.new_values, new_values))
            lines.append(f"    torch._foreach_copy_([{written}], [{sources}])")
        lines.append("    return results")
        return "\n".join(lines) + "\n", namespace


def _host_variables(order) -> set:
    """Outputs of nodes that depend on nothing but shapes and small constants."""
    host: set = set()

    def known(variable) -> bool:
        if isinstance(variable, Constant):
            return np.size(variable.data) <= _HOST_CONSTANT_SIZE
        return variable in host

    for node in order:
        arithmetic = (
            isinstance(node.op, _HOST_OPS)
            and all(map(known, node.inputs))
            and not all(isinstance(x, Constant) for x in node.inputs)
        )
        if isinstance(node.op, (Shape, Shape_i)) or (
            arithmetic and all(map(_is_small, node.outputs))
        ):
            host.update(node.outputs)
    return host


def _is_small(variable) -> bool:
    return getattr(variable, "ndim", 0) <= 1 or all(variable.broadcastable)


def _host_function(node) -> Callable:
    op = node.op
    if isinstance(op, Shape_i):
        return lambda x: (np.asarray(np.shape(x)[op.i], np.int64),)
    if isinstance(op, Shape):
        return lambda x: (np.asarray(np.shape(x), np.int64),)
    storage = {variable: [None] for variable in (*node.inputs, *node.outputs)}
    computed = {variable: [False] for variable in storage}
    thunk = op.make_thunk(node, storage, computed, [], impl="py")

    def compute(*values):
        for variable, value in zip(node.inputs, values):
            storage[variable][0] = value
        thunk()
        results = tuple(storage[output][0] for output in node.outputs)
        for output in node.outputs:
            storage[output][0] = None
        return results

    return compute


def _on(function: Callable, device: str) -> Callable:
    def create(*arguments):
        return function(*arguments, device=device)

    create.__name__ = function.__name__
    return create


def _may_be_view(step: _Step) -> bool:
    return not step.on_host and find(step.node).view


def _plain(value):
    """A host value as Python's own: a number, a tuple of numbers, a slice, None."""
    if isinstance(value, (torch.Tensor, np.ndarray, np.generic)):
        value = value.tolist()
        return tuple(value) if isinstance(value, list) else value
    if isinstance(value, slice):
        return slice(*(_plain(part) for part in (value.start, value.stop, value.step)))
    return value


def _literal(value) -> str:
    if isinstance(value, float) and not np.isfinite(value):
        return f"float('{value}')"
    return repr(value)


def _word(node) -> str:
    """A name for a node's function in the source."""
    op = getattr(node.op, "scalar_op", node.op)
    return re.sub(r"\W", "_", type(op).__name__.lower())


def _comment(node) -> str:
    return str(node.op).replace("\n", " ")[:60]


def _compiled(source: str, namespace: dict, name: str) -> Callable:
    """The function `step` of `source`, whose lines tracebacks can show."""
    filename = f"<{name} in PyTorch, {next(_numbers)}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    exec(compile(source, filename, "exec"), namespace)
    return namespace["step"]
