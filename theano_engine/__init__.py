"""What executes Theano's graphs: binary kernels for the CPU and PyTorch for the GPU.

Importing this package prepares the process for Theano (see `theano_engine.setup.compat`), so it has
to be imported before `theano` is. It knows nothing of Lasagne: its Ops and rewrites work on any
Theano graph.
"""

from theano_engine.setup import compat

compat.prepare()
