"""The handlers of all families; importing this package registers them in `registry`."""

from theano_engine.torch_linker.dispatch import (  # noqa: F401 - each registers its handlers
    convolution,
    elemwise,
    linear_algebra,
    neural,
    pooling,
    random,
    reduction,
    shape,
    sorting,
    subtensor,
)
from theano_engine.torch_linker.dispatch.registry import MissingHandlerError, find

__all__ = ["MissingHandlerError", "find"]
