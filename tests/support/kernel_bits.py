"""What every kernel computes in two training steps and a test pass of a network, as hashes.

    python tests/support/kernel_bits.py '{"activation": "tanh"}' 2 3

takes arguments of `Architecture` and numbers of threads, and prints JSON: for each of them the name
of each Op with a kernel, and the hashes of all that it computed, sorted.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import sys

import numpy as np
from project import PROJECT

sys.path.insert(0, str(PROJECT))

from memorization import functions, networks
from memorization.architecture import WIDTHS, Architecture
from theano_engine import theano
from theano_engine.ops.kernel_op import KernelOp


def main(threads: list[int], **chosen) -> None:
    found: dict[str, list[str]] = {}

    def note(number, node, thunk):
        if isinstance(node.op, KernelOp):
            digest = hashlib.sha256()
            for (value,) in thunk.outputs:
                digest.update(np.ascontiguousarray(value).tobytes())
            found.setdefault(type(node.op).__name__, []).append(digest.hexdigest())

    mode = theano.compile.MonitorMode(post_func=note).including("mixed_conv")
    random = np.random.default_rng(5)
    images = random.integers(0, 256, (64, 3, 32, 32)).astype(np.uint8)
    labels = random.integers(0, 10, 64)
    network = networks.build(Architecture(WIDTHS["svhn"], **chosen).scaled(0.6))
    compiled = functions.build_functions(network, images, mode=mode)
    state = functions.state_variables(network, compiled.train, compiled.test)
    begun = {name: variable.get_value() for name, variable in state.items()}
    openmp = ctypes.CDLL("libgomp.so.1")
    numbers = np.arange(64)
    told = []
    for count in threads:
        openmp.omp_set_num_threads(count)
        for name, variable in state.items():
            variable.set_value(begun[name])
        found.clear()
        for batch in (numbers[:37], numbers[37:]):
            compiled.train(batch, labels[batch], 1e-3)
        compiled.test(numbers, labels)
        told.append({name: sorted(hashes) for name, hashes in sorted(found.items())})
    print(json.dumps(told))


if __name__ == "__main__":
    main([int(word) for word in sys.argv[2:]], **json.loads(sys.argv[1]))
