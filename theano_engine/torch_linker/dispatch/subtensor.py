"""Indexing, and setting or incrementing what an index names.

PyTorch's slices only go forwards: those with a negative step, as in Theano's flip of a kernel, take
the same elements forwards and then reverse the axis.
"""

from __future__ import annotations

import itertools

import torch
from theano.gof import Type
from theano.tensor.subtensor import (
    AdvancedIncSubtensor,
    AdvancedIncSubtensor1,
    AdvancedSubtensor,
    AdvancedSubtensor1,
    IncSubtensor,
    Subtensor,
)
from theano.tensor.type_other import NoneTypeT, SliceType

from theano_engine.torch_linker.dispatch.registry import handles


def _index(idx_list):
    """The function from an Op's symbolic entries to numpy's index; entries are Python numbers."""

    def entry(part, symbolic):
        if isinstance(part, slice):
            parts = [entry(p, symbolic) for p in (part.start, part.stop, part.step)]
            return ("slice", *parts)
        return ("symbolic", next(symbolic)) if isinstance(part, Type) else ("fixed", part)

    symbolic = itertools.count()
    plan = [entry(part, symbolic) for part in idx_list]

    def resolve(part, numbers):
        if part[0] == "slice":
            return slice(*[resolve(p, numbers) for p in part[1:]])
        return numbers[part[1]] if part[0] == "symbolic" else part[1]

    def index(numbers):
        return tuple([resolve(part, numbers) for part in plan])

    return index


def view(x: torch.Tensor, index) -> tuple[torch.Tensor, list[int]]:
    """The view of `x` that `index` names, going forwards, and the axes to reverse afterwards."""
    flipped, axis, forward = [], 0, []
    for entry, size in zip(index, x.shape):
        if isinstance(entry, slice):
            if entry.step is not None and entry.step < 0:
                steps = range(*entry.indices(size))
                entry = slice(steps[-1], steps[0] + 1, -entry.step) if steps else slice(0, 0)
                flipped.append(axis)
            axis += 1
        forward.append(entry)
    return x[tuple(forward)], flipped


@handles(Subtensor, host=lambda node: range(1, len(node.inputs)), view=True)
def subtensor(op, node):
    index = _index(op.idx_list)

    def subtensor(x, *numbers):
        chosen, flipped = view(x, index(numbers))
        return chosen.flip(flipped) if flipped else chosen

    return subtensor


@handles(IncSubtensor, host=lambda node: range(2, len(node.inputs)))
def inc_subtensor(op, node):
    index, set_instead = _index(op.idx_list), op.set_instead_of_inc

    def inc_subtensor(x, y, *numbers):
        result = x.clone(memory_format=torch.contiguous_format)
        chosen, flipped = view(result, index(numbers))
        y = y.to(x.dtype)
        if flipped:
            y = y.expand(chosen.shape).flip(flipped)
        if set_instead:
            chosen.copy_(y)
        else:
            chosen.add_(y)
        return result

    return inc_subtensor


@handles(AdvancedSubtensor1)
def advanced_subtensor1(op, node):
    def advanced_subtensor1(x, rows):
        return x[rows.long()]

    return advanced_subtensor1


@handles(AdvancedIncSubtensor1)
def advanced_inc_subtensor1(op, node):
    accumulate = not op.set_instead_of_inc

    def advanced_inc_subtensor1(x, y, rows):
        rows = rows.long()
        y = y.to(x.dtype).expand(rows.shape[0], *x.shape[1:])
        return torch.index_put(x, (rows,), y, accumulate=accumulate)

    return advanced_inc_subtensor1


def _host_entries(first: int):
    def positions(node):
        kinds = (NoneTypeT, SliceType)
        return [i for i, x in enumerate(node.inputs) if i >= first and isinstance(x.type, kinds)]

    return positions


def _tensors_long(index):
    """Index tensors in the dtype that PyTorch indexes with."""
    return tuple([entry.long() if isinstance(entry, torch.Tensor) else entry for entry in index])


@handles(AdvancedSubtensor, host=_host_entries(1))
def advanced_subtensor(op, node):
    def advanced_subtensor(x, *index):
        return x[_tensors_long(index)]

    return advanced_subtensor


@handles(AdvancedIncSubtensor, host=_host_entries(2))
def advanced_inc_subtensor(op, node):
    set_instead = op.set_instead_of_inc

    def advanced_inc_subtensor(x, y, *index):
        index = _tensors_long(index)
        result = x.clone(memory_format=torch.contiguous_format)
        if set_instead:
            result[index] = y.to(x.dtype)
            return result
        positions = torch.arange(x.numel(), device=x.device).reshape(x.shape)[index]
        y = y.to(x.dtype).expand(positions.shape)
        return result.view(-1).index_put_((positions,), y, accumulate=True).view(x.shape)

    return advanced_inc_subtensor
