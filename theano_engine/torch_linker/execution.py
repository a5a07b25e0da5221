"""How a program runs: call by call, fused by `torch.compile`, or recorded in a CUDA graph.

An executor is what a compiled Theano function calls. For every set of input shapes that it meets it
makes a plan, once. Where a graph or a compilation is asked for, the plan is in use from the first
call of its shapes, so that what is computed never depends on what ran before: a resumed run repeats
an uninterrupted one exactly.

Compiling takes far longer than recording, so only the first shapes that a function meets (its full
batches) are compiled; others, such as a last partial batch, are recorded, or run call by call,
without.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from theano_engine.torch_linker import backend
from theano_engine.torch_linker.storage import DeviceArray, to_device
from theano_engine.torch_linker.translation import Program

# Graphs recorded beyond this number would hold on to too much memory; further shapes run eagerly.
MAX_GRAPHS = 16


class Executor:
    """Runs `program` on the values in `cells`, the one-element lists that Theano keeps them in.

    `resident` tells for each input whether it is a tensor that stays on the device. `execution` is
    that of `torch_mode`.
    """

    # Theano's Function reads these: the executor stores updates itself and keeps no storage map.
    need_update_inputs = False
    allow_gc = False
    storage_map: dict = {}  # noqa: RUF012

    def __init__(self, program: Program, cells, resident, execution: str):
        self.program = program
        self.device = program.device
        self._resident = [cell for cell, stays in zip(cells, resident) if stays]
        self._explicit = [cell for cell, stays in zip(cells, resident) if not stays]
        self._order = _merging(resident)
        self._updated = [cells[program.inputs.index(variable)] for variable in program.updated]
        self._dtypes = [x.type.dtype for x in program.results]
        self._compile = "compiled" in execution
        self._record = "graphs" in execution
        self._plans: dict[Any, Callable] = {}
        self._tensors: list[torch.Tensor] = []
        self._resident_shapes: tuple = ()

    def __call__(self, output_subset=None):
        try:
            with torch.no_grad():
                results = self._run([np.asarray(cell[0]) for cell in self._explicit])
        except torch.OutOfMemoryError:
            raise backend.out_of_memory(
                f"the function {self.program.name!r}", self.device
            ) from None
        return [*map(self._returned, results, self._dtypes), *[None] * len(self._updated)]

    def _returned(self, result: torch.Tensor, dtype: str):
        return result.numpy() if self.device == "cpu" else DeviceArray(result, dtype)

    def _run(self, arrays: list[np.ndarray]) -> list[torch.Tensor]:
        self._notice_replaced_tensors()
        if self.program.depends_on_values:
            return self._store(*self.program.run(self._merge(self._upload(arrays))))
        shapes = (tuple(array.shape for array in arrays), self._resident_shapes)
        if shapes not in self._plans:
            return self._first_run(shapes, arrays)
        return self._plans[shapes](arrays)

    def _notice_replaced_tensors(self) -> None:
        """Forget every plan once a shared variable holds another tensor (of another shape, say)."""
        if len(self._tensors) == len(self._resident) and all(
            cell[0] is tensor for cell, tensor in zip(self._resident, self._tensors)
        ):
            return
        for cell in self._resident:
            if not isinstance(cell[0], torch.Tensor):
                cell[0] = to_device(np.asarray(cell[0]), self.device, "a shared variable")
        self._tensors = [cell[0] for cell in self._resident]
        self._resident_shapes = tuple(tensor.shape for tensor in self._tensors)
        self._plans.clear()

    def _upload(self, arrays: list[np.ndarray]) -> list[torch.Tensor]:
        return [to_device(array, self.device, "an input") for array in arrays]

    def _merge(self, explicit: Sequence[torch.Tensor], resident=None) -> list[torch.Tensor]:
        """Explicit and resident tensors in the order of the program's inputs."""
        both = (explicit, self._tensors if resident is None else resident)
        return [both[stays][i] for stays, i in self._order]

    def _store(self, results, new_values) -> list[torch.Tensor]:
        for cell, value in zip(self._updated, new_values):
            if cell[0].shape == value.shape:
                cell[0].copy_(value)
            else:
                cell[0] = value
        return results

    def _first_run(self, shapes, arrays) -> list[torch.Tensor]:
        """Make the plan for `shapes`, and the first call's results with it."""
        explicit = self._upload(arrays)
        function, results, new_values = self.program.specialise(self._merge(explicit))
        if any(cell[0].shape != x.shape for cell, x in zip(self._updated, new_values)):
            # A shared variable changes its shape: the next call's shapes are other ones.
            return self._store(results, new_values)
        first = not self._plans
        if self._compile and first:
            function = self._compiled(function, explicit) or function
        plan = None
        if self._record and len(self._plans) < MAX_GRAPHS:
            plan = self._recorded(function, explicit)
        if plan is not None:
            self._plans[shapes] = plan
            return plan(arrays)
        self._plans[shapes] = lambda arrays: function(*self._merge(self._upload(arrays)))
        if self._compile:
            return self._plans[shapes](arrays)
        return self._store(results, new_values)

    def _rehearse(self, function, explicit) -> None:
        """Call `function` for its side effects on PyTorch alone: it updates copies."""
        copies = {id(cell[0]): cell[0].clone() for cell in self._updated}
        function(*self._merge(explicit, [copies.get(id(t), t) for t in self._tensors]))

    def _compiled(self, function: Callable, explicit) -> Callable | None:
        """`function` through torch.compile; None, after a warning, where that fails."""
        compiled = torch.compile(function, fullgraph=True, dynamic=False)
        try:
            self._rehearse(compiled, explicit)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # what can go wrong in a compiler is open-ended
            self._warn("torch.compile", error)
            return None
        return compiled

    def _recorded(self, function: Callable, explicit) -> Callable | None:
        """A CUDA graph of `function`; None, after a warning, where recording fails."""
        try:
            self._rehearse(function, explicit)
            return _GraphedCall(function, self._merge, explicit, self.device)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # whatever cannot be recorded says so in its own way
            torch.cuda.synchronize(self.device)
            self._warn("recording a CUDA graph", error)
            return None

    def _warn(self, what: str, error: Exception) -> None:
        reason = str(error).strip().partition("\n")[0]
        warnings.warn(
            f"{what} failed for the function {self.program.name!r}, which will run slower without: "
            f"{type(error).__name__}: {reason}",
            RuntimeWarning,
            stacklevel=2,
        )


class _GraphedCall:
    """One CUDA graph: the inputs it reads, the results it writes, and its replay."""

    _pools: dict[str, Any] = {}  # noqa: RUF012 - one for all graphs of a device

    def __init__(self, function, merge, explicit, device: str):
        # Graphs of one device never run at the same time and hand nothing to each other but
        # through shared variables and copies, so they may use the same memory in turn.
        if device not in self._pools:
            with torch.cuda.device(device):
                self._pools[device] = torch.cuda.graph_pool_handle()
        self._device = device
        self._inputs = [tensor.clone() for tensor in explicit]
        self._graph = torch.cuda.CUDAGraph()
        arguments = merge(self._inputs)
        with torch.cuda.device(device):
            recording = torch.cuda.graph(
                self._graph, pool=self._pools[device], capture_error_mode="thread_local"
            )
            with recording:
                self._results = function(*arguments)

    def __call__(self, arrays: list[np.ndarray]) -> list[torch.Tensor]:
        with torch.cuda.device(self._device):
            for tensor, array in zip(self._inputs, arrays):
                # Small arrays from ordinary memory are staged by the driver before this returns.
                tensor.copy_(
                    torch.from_numpy(np.ascontiguousarray(array).reshape(array.shape)),
                    non_blocking=True,
                )
            self._graph.replay()
            return [result.clone() for result in self._results]


def _merging(resident: Sequence[bool]) -> list[tuple[int, int]]:
    """For each input: 1 and its place among the resident ones, or 0 and that among the others."""
    counts = [0, 0]
    order = []
    for stays in resident:
        order.append((int(stays), counts[stays]))
        counts[stays] += 1
    return order
