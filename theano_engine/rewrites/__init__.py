"""Graph rewrites that put the project's own Ops in place of Theano's; each file holds one family.

`order` registers them. Each has a name, by which `mode.excluding(name)` or
`THEANO_FLAGS=optimizer_excluding=name` leaves it out, and the tag `binary`, which stands for them
all. Without them the graph is Theano's own.
"""

from theano_engine.setup import compat

compat.prepare()
