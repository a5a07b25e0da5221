"""All rewrites, registered by importing this module."""

from theano_engine.rewrites import (  # noqa: F401 - each registers its rewrites
    adam_step,
    batch_norm,
    binary_conv,
    binary_signs,
    gradient_conv,
    pool,
)
