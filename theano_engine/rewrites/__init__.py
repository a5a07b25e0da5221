"""Graph rewrites that put the project's own Ops in place of Theano's; each file holds one family.

Importing this package registers them. Each has a name, by which `mode.excluding(name)` or
`THEANO_FLAGS=optimizer_excluding=name` leaves it out, and the tag `binary`, which stands for them
all. Without them the graph is Theano's own.
"""

from theano_engine.rewrites import (  # noqa: F401 - each registers its rewrites
    adam_step,
    batch_norm,
    binary_conv,
    binary_signs,
    gradient_conv,
    pool,
)
