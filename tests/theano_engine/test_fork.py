"""Children that are forked after something was computed compute as well, and the same."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from support.project import PROJECT

pytestmark = pytest.mark.exhaustive

PROGRAM = """
import binary_net, lasagne, multiprocessing, numpy as np, sys, theano, theano.tensor as T

x = T.tensor4()
layer = lasagne.layers.InputLayer((None, 4, 8, 8), x)
for _ in range(2):
    layer = binary_net.Conv2DLayer(layer, 8, 3, pad=1, stochastic=False, nonlinearity=T.tanh)
layer = binary_net.DenseLayer(binary_net.BatchNormLayer(layer), 10, stochastic=False)
loss = lasagne.layers.get_output(layer).sum()
function = theano.function([x], [loss, *binary_net.compute_grads(loss, layer)])
images = np.random.RandomState(0).normal(size=(40, 4, 8, 8)).astype("float32")

def job(number):
    product = np.float32(number) * images[:, 0, 0] @ images[0, 0].T
    return [np.asarray(value).tobytes() for value in function(images)], product.shape

if __name__ == "__main__":
    own = job(0)
    context = multiprocessing.get_context("fork")
    with context.Pool(2) as pool:
        for found in pool.map(job, range(4), chunksize=1):
            assert [len(value) for value in found[0]] == [len(value) for value in own[0]]
    print("grandchildren", flush=True)
    child = context.Process(target=lambda: context.Process(target=job, args=(1,)).run())
    child.start()
    child.join()
    assert child.exitcode == 0
    assert job(0) == own
    print("done")
"""


@pytest.mark.parametrize("threads", ["2", "3"])
def test_children_of_a_process_that_has_computed(threads):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=PROJECT,
        env={**os.environ, "OMP_NUM_THREADS": threads},
        capture_output=True,
        text=True,
        timeout=3600,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "done"
