"""What executes Theano's graphs: binary kernels for the CPU and PyTorch for the GPU.

    from theano_engine import T, theano

is all that anyone needs: the first use of either name prepares the process for Theano and puts the
kernels' rewrites in place (`theano_engine.prepared`). `import theano_engine` alone does none of it.
The package knows nothing of Lasagne: its Ops and rewrites work on any Theano graph.
"""

from __future__ import annotations

from typing import Any

__all__ = ["T", "theano"]


def __getattr__(name: str) -> Any:
    """`theano` and `T` (`theano.tensor`); raises UserError where Theano cannot run here."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from theano_engine import prepared

    return getattr(prepared, name)
