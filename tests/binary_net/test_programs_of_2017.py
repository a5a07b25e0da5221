"""Programs as people wrote them for BinaryNet in 2017, after 2to3, with data of their own."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.project import PROJECT, without_waiting

pytestmark = pytest.mark.slow

# What an environment does at its start into which the project is installed.
INSTALLED = f"""
import sys
sys.path.append({str(PROJECT)!r})
import theano_engine.setup.finder
theano_engine.setup.finder.install_at_start()
assert not {{"theano", "lasagne", "numpy", "binary_net"}} & set(sys.modules)
"""

MLP = """
import os, sys, time
import numpy as np
np.random.seed(1234)
import theano
import theano.tensor as T
import lasagne
import pickle, gzip
import binary_net
from collections import OrderedDict

batch_size, num_epochs, alpha, epsilon = 20, 2, .15, 1e-4
binary, stochastic, H, W_LR_scale = True, False, 1., "Glorot"
LR_start, LR_fin = .003, .000003
LR_decay = (LR_fin / LR_start) ** (1. / num_epochs)
y = np.arange(90) % 10
X = np.float32(np.random.randn(90, 1, 6, 6) + y[:, None, None, None])
y = np.float32(2. * np.eye(10)[y] - 1.)

input, target = T.tensor4("inputs"), T.matrix("targets")
LR = T.scalar("LR", dtype=theano.config.floatX)
mlp = lasagne.layers.InputLayer(shape=(None, 1, 6, 6), input_var=input)
mlp = lasagne.layers.DropoutLayer(mlp, p=.1)
for units in (16, 10):
    mlp = binary_net.DenseLayer(mlp, binary=binary, stochastic=stochastic, H=H,
        W_LR_scale=W_LR_scale, nonlinearity=lasagne.nonlinearities.identity, num_units=units)
    mlp = lasagne.layers.BatchNormLayer(mlp, epsilon=epsilon, alpha=alpha)
    if units != 10:
        mlp = lasagne.layers.NonlinearityLayer(mlp, nonlinearity=binary_net.binary_tanh_unit)

train_output = lasagne.layers.get_output(mlp, deterministic=False)
loss = T.mean(T.sqr(T.maximum(0., 1. - target * train_output)))
W = lasagne.layers.get_all_params(mlp, binary=True)
W_grads = binary_net.compute_grads(loss, mlp)
updates = lasagne.updates.adam(loss_or_grads=W_grads, params=W, learning_rate=LR)
updates = binary_net.clipping_scaling(updates, mlp)
params = lasagne.layers.get_all_params(mlp, trainable=True, binary=False)
more = lasagne.updates.adam(loss_or_grads=loss, params=params, learning_rate=LR)
updates = OrderedDict(list(updates.items()) + list(more.items()))
test_output = lasagne.layers.get_output(mlp, deterministic=True)
test_loss = T.mean(T.sqr(T.maximum(0., 1. - target * test_output)))
test_err = T.mean(T.neq(T.argmax(test_output, axis=1), T.argmax(target, axis=1)),
                  dtype=theano.config.floatX)
train_fn = theano.function([input, target, LR], loss, updates=updates)
val_fn = theano.function([input, target], [test_loss, test_err])
binary_net.train(train_fn, val_fn, mlp, batch_size, LR_start, LR_decay, num_epochs,
                 X, y, X[:50], y[:50], X[50:], y[50:], save_path="mlp_parameters")
losses, errors = zip(*[val_fn(X[at:at + 20], y[at:at + 20]) for at in (50, 70)])
assert len(X[50:]) == 40
print("test", np.mean(losses), 100 * np.mean(errors))
"""

CNN = """
import theano, theano.tensor as T
import lasagne
import binary_net
from lasagne.layers import batch_norm, BatchNormLayer
import numpy as np
cnn = lasagne.layers.InputLayer(shape=(None, 3, 8, 8), input_var=T.tensor4("inputs"))
cnn = binary_net.Conv2DLayer(cnn, num_filters=4, filter_size=(3, 3), pad=1, binary=True,
    stochastic=True, H=1., W_LR_scale="Glorot", nonlinearity=lasagne.nonlinearities.identity)
cnn = lasagne.layers.MaxPool2DLayer(cnn, pool_size=(2, 2))
cnn = BatchNormLayer(cnn, epsilon=1e-4, alpha=.1)
cnn = lasagne.layers.NonlinearityLayer(cnn, nonlinearity=binary_net.binary_sigmoid_unit)
dense = lasagne.layers.DenseLayer(cnn, 5, nonlinearity=lasagne.nonlinearities.rectify)
cnn = batch_norm(dense, alpha=.2)
assert [str(p) for p in lasagne.layers.get_all_params(cnn)] == [
    "W", "b", "beta", "gamma", "mean", "inv_std", "W", "beta", "gamma", "mean", "inv_std"]
assert dense.b is None and cnn.input_layer.alpha == .2
assert cnn.nonlinearity is lasagne.nonlinearities.rectify
f = theano.function([lasagne.layers.get_all_layers(cnn)[0].input_var],
                    lasagne.layers.get_output(cnn, deterministic=True))
print(f(np.ones((2, 3, 8, 8), "float32")).shape)
"""

FACADE = """
import binary_net, lasagne, numpy as np
network = binary_net.DenseLayer(lasagne.layers.InputLayer((None, 4)), 3)
X, y = np.zeros((25, 4), "f4"), np.arange(25) % 3
def val_fn(X, y):
    return [np.float32(len(X)), np.float32(len(X) / 10)]
rows = binary_net.train(lambda X, y, rate: np.float32(.5), val_fn, network, 10, .01, .9, 1,
                        X, y, X, y, X, y)
print(rows[0]["validation_loss"], rows[0]["test_error"], rows[0]["test_error_class_0"])
"""


def run(program, folder, *options, **environment):
    done = subprocess.run(
        [sys.executable, *options, "-c", program],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=3600,
    )
    done.stderr = without_waiting(done.stderr)
    return done


def printed(program, folder, **environment):
    done = run(program, folder, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_a_network_of_dense_layers(tmp_path):
    """BinaryNet's val_fn tells means of batches; `save_path` gets `.npz`, as from numpy."""
    *epochs, last = printed(INSTALLED + MLP, tmp_path)
    names = [line.partition(":")[0].strip() for line in epochs]
    assert re.fullmatch(r"Epoch 1 of 2 took \d+\.\d+s", names.pop(0))
    assert names[:8] == [
        "LR",
        "training loss",
        "validation loss",
        "validation error rate",
        "best epoch",
        "best validation error rate",
        "test loss",
        "test error rate",
    ]
    assert len(epochs) == 18
    if int(epochs[14].split()[-1]) == 2:
        told = [float(line.split()[-1].rstrip("%")) for line in epochs[-2:]]
        np.testing.assert_allclose(told, [float(n) for n in last.split()[1:]], rtol=1e-5)
    with np.load(tmp_path / "mlp_parameters.npz") as saved:
        shapes = [saved[f"arr_{number}"].shape for number in range(12)]
    assert shapes == [(36, 16), *[(16,)] * 5, (16, 10), *[(10,)] * 5]


def test_a_convolutional_network(tmp_path):
    assert printed(INSTALLED + CNN, tmp_path) == ["(2, 5)"]


def test_batches_count_by_their_size(tmp_path):
    """Of 25 images 20 come in batches of 10, and 5 in one of 5."""
    *_, last = printed(INSTALLED + FACADE, tmp_path)
    loss, error, of_class = (float(word) for word in last.split())
    assert loss == pytest.approx((20 * 10 + 5 * 5) / 25)
    assert error == pytest.approx((20 * 1.0 + 5 * 0.5) / 25)
    assert np.isnan(of_class)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "order", list(itertools.permutations(["theano", "lasagne", "binary_net"])), ids=" ".join
)
def test_any_order_of_imports(order, tmp_path):
    imports = "".join(f"import {name}\n" for name in order)
    asked = "import theano\nprint(theano.config.floatX, theano.config.blas.ldflags != '')"
    assert printed(INSTALLED + imports + asked, tmp_path) == ["float32 True"]


def uninstalled(program, folder):
    """`program` without the `.pth` files of this environment: the project is on the path alone."""
    packages = Path(np.__file__).parents[1]
    return run(program, folder, "-S", PYTHONPATH=f"{PROJECT}{os.pathsep}{packages}")


def test_a_first_import_that_failed_does_no_harm(tmp_path):
    """A notebook goes on after errors."""
    program = """
try:
    import theano
except (AttributeError, ImportError):
    pass
import binary_net, theano
print(theano.config.floatX)
"""
    done = uninstalled(program, tmp_path)
    assert (done.returncode, done.stdout) == (0, "float32\n"), done.stderr


def test_a_theano_that_came_first_is_named(tmp_path):
    program = """
import numpy
numpy.bool, numpy.object, numpy.complex = bool, object, complex
import sys, types
sys.modules["theano"] = types.ModuleType("theano")
import binary_net
"""
    done = uninstalled(program, tmp_path)
    assert done.returncode == 1
    assert "import binary_net first" in done.stderr.splitlines()[-1]


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ["training", "engine", "errors", "files", "networks", "setup"])
def test_a_module_of_the_users_own_beside_a_program(name, tmp_path):
    (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong one')\n")
    (tmp_path / "program.py").write_text("import binary_net\nprint(binary_net.__file__)\n")
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout.strip()) == (0, str(PROJECT / "binary_net.py"))
