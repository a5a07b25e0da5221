"""The Theano linker and mode: a graph in, a function that runs in PyTorch out."""

from __future__ import annotations

from typing import Any

import theano.compile.mode
import torch
from theano.compile.sharedvalue import SharedVariable
from theano.gof.link import Container, Linker

from theano_engine.torch_linker import storage
from theano_engine.torch_linker.execution import Executor
from theano_engine.torch_linker.precision import building
from theano_engine.torch_linker.translation import Program

# Rewrites that put CPU code in place of general Ops, that overwrite operands, that fuse elementwise
# Ops into C loops (PyTorch's compiler does its own fusing), and the project's own CPU kernels.
EXCLUDED = (
    *("conv_opts", "AbstractConvCheck", "BlasOpt", "InplaceBlasOpt"),
    *("c_blas", "scipy_blas", "fusion", "elemwise_fusion", "inplace", "destructive"),
    *("local_careduce_fusion", "binary"),
)

EXECUTIONS = ("eager", "graphs", "compiled", "compiled graphs")


def mode(device: str, allow_tf32: bool, execution: str | None) -> Any:
    """The Mode for `torch_mode`, whose arguments these are; `device` by its full name."""
    if execution is None:
        execution = "eager" if device == "cpu" else "compiled graphs"
    if execution not in EXECUTIONS or (device == "cpu" and "graphs" in execution):
        raise ValueError(f"no execution {execution!r} on {device}: one of {', '.join(EXECUTIONS)}")
    linker = TorchLinker(device, allow_tf32, execution)
    query = theano.compile.mode.predefined_optimizers["fast_run"].excluding(*EXCLUDED)
    return theano.compile.mode.Mode(linker=linker, optimizer=query)


class TorchLinker(Linker):
    """Links a function graph into an `Executor`; shared variables move to the device."""

    def __init__(self, device: str, allow_tf32: bool, execution: str):
        self.device = device
        self.allow_tf32 = allow_tf32
        self.execution = execution
        self.fgraph: Any = None
        self._updates: dict = {}

    def accept(self, fgraph, no_recycling=None, profile=None):
        """A linker bound to `fgraph`."""
        bound = type(self)(self.device, self.allow_tf32, self.execution)
        bound.fgraph = fgraph
        return bound

    def accept_var_updates(self, updates: dict) -> None:
        """Take note of which outputs are the new values of which inputs."""
        self._updates = dict(updates)

    def make_thunk(self, input_storage=None, output_storage=None, storage_map=None):
        """The executor, the inputs' containers and the outputs', as Theano asks for them."""
        fgraph = self.fgraph
        input_storage = input_storage or [[None] for _ in fgraph.inputs]
        output_storage = output_storage or [[None] for _ in fgraph.outputs]
        with torch.no_grad(), building(self.device, self.allow_tf32):
            program = Program(fgraph, self._updates, self.device)
        containers = []
        resident = []
        for variable, cell in zip(fgraph.inputs, input_storage):
            container = Container(variable, cell)
            shared = isinstance(variable, SharedVariable)
            if shared or variable in self._updates:
                storage.move(container, self.device)
                if shared:
                    storage.move(variable.container, self.device)
            resident.append(shared or variable in self._updates)
            containers.append(container)
        executor = Executor(program, input_storage, resident, self.execution)
        outputs = [Container(x, cell, True) for x, cell in zip(fgraph.outputs, output_storage)]
        return executor, containers, outputs
