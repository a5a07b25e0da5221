"""Theano graphs executed by PyTorch, on a CUDA GPU or, for testing, on the CPU.

    from theano_engine.torch_linker import torch_mode

    f = theano.function([x], y, updates=updates, mode=torch_mode("cuda"))

The graph is built, differentiated and optimised by Theano as ever; only its execution changes. Who
reads further: `linker` (the mode), `translation` (graph to Python source), `execution` (plain
calls, `torch.compile`, CUDA graphs), `storage` (shared variables on the device), `dispatch` (one
small handler per Op). `docs/gpu.md` tells what to expect of it.
"""

from __future__ import annotations

from typing import Any

__all__ = ["torch_mode"]


def torch_mode(
    device: str = "cuda", *, allow_tf32: bool = False, execution: str | None = None
) -> Any:
    """A Theano mode whose functions run in PyTorch on `device` ("cuda", "cuda:1", "cpu").

    `allow_tf32` lets the products of real numbers (gradients, the first layer) round their operands
    to the eleven significant bits of TF32; without it tensor cores are used only where they lose
    nothing (see `precision`). `execution` is "eager", "graphs" (CUDA graphs), "compiled"
    (`torch.compile`) or "compiled graphs" (both); by default "compiled graphs" on a GPU and "eager"
    on the CPU.

    Raises `backend.DeviceError`, one line, where PyTorch or the device is missing or too old.
    """
    from theano_engine.torch_linker import backend

    device = backend.require(device)
    from theano_engine import prepared  # noqa: F401 - Theano, for what follows
    from theano_engine.torch_linker import linker

    return linker.mode(device, allow_tf32, execution)
