"""SBPI's steps, to the same steps in a few lines of plain numpy; what it is no rule for."""

from __future__ import annotations

import numpy as np
import pytest

from binary_net import lasagne
from foundations.streams import Purpose, mrg_seed
from memorization import experiment, functions, networks
from memorization.architecture import Architecture
from theano_engine import theano

STEPS, SEED, MARGIN = 150, 7, 5.0


def draws_of(seed):
    """What draws the numbers of this seed, one a call."""
    generator = theano.sandbox.rng_mrg.MRG_RandomStreams(mrg_seed(Purpose.SBPI, seed))
    draw = theano.function([], generator.uniform((1,), nstreams=1))
    return lambda: float(draw()[0])


def step(h, x, target, draw, probability):
    """Move the hidden states `h` (n,) as the pattern `x` teaches; what kind of a pattern it was."""
    stability = target * int(np.sum(x * np.sign(h)))
    if stability <= 0:
        h += 2 * target * x
        return "wrong"
    if stability >= MARGIN:
        return "right"
    if draw >= probability:
        return "left"
    agreeing = np.sign(h) == target * x
    h[agreeing] += 2 * target * x[agreeing]
    return "reinforced"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("inputs", "probability"), [(21, 0.3), (20, 0.3), (21, 0.0), (21, 1.0)], ids=str
)
def test_steps_of_plain_numpy(inputs, probability):
    shape = (1, 1, inputs)
    network = networks.build(
        Architecture((), kind="mlp", norm="none", bias=False, image_shape=shape, n_classes=2)
    )
    networks.binarize_weights(network)
    random = np.random.RandomState(0)
    images = random.choice(np.float32([-1, 1]), (30, *shape))
    labels = random.randint(0, 2, len(images))
    told = {"sbpi_probability": probability, "margin": MARGIN, "seed": SEED}
    train = functions.build_training(
        network,
        functions.shared_pool(images),
        margin=MARGIN,
        optimizer={"optimizer": "sbpi", **told},
    )
    assert set(functions.state_variables(network, train)) == {
        "layer_01/W",
        "layer_01/W/sbpi_stream",
    }
    (W,) = lasagne.layers.get_all_params(network)
    h, draw, kinds = W.get_value()[:, 0].astype(int), draws_of(SEED), set()
    for number in np.arange(STEPS) % len(images):
        x, target = images[number].ravel().astype(int), 2 * int(labels[number]) - 1
        hinge = max(0, MARGIN - target * np.sum(x * np.sign(h))) ** 2
        loss = train(np.array([number]), labels[[number]], 0.1)
        assert float(loss) == hinge
        kinds.add(step(h, x, target, draw(), probability))
        np.testing.assert_array_equal(W.get_value()[:, 0], h)
    by_chance = {0.0: {"left"}, 1.0: {"reinforced"}}.get(probability, {"left", "reinforced"})
    assert kinds == {"wrong", "right", *by_chance}
    assert np.all(h % 2 == 1) and abs(h).max() > 1


PERCEPTRON = {
    "--data": "patterns",
    "--patterns": "9 9",
    "--classes": "2",
    "--network": "mlp",
    "--norm": "none",
    "--bias": "no",
    "--batch-size": "1",
}
REFUSED = {
    "--data": ("cifar10", "--data patterns"),
    "--classes": ("3", "--classes 2"),
    "--network": ("cnn", "--network mlp"),
    "--norm": ("batch", "--norm none"),
    "--bias": ("yes", "--bias no"),
    "--batch-size": ("2", "--batch-size 1"),
    "--hidden": ("4", "no --hidden"),
    "--weights": ("float", "--weights binary"),
    "--images": ("gaussian", "--images true"),
    "--freeze-weights": ("", "--freeze-weights"),
    "--l2": ("0.1", "--l2"),
    "--sbpi-probability": ("1.5", "--sbpi-probability"),
    "--momentum": ("0.5", "--momentum"),
}


def options(given):
    words = [word for name, value in given.items() for word in (name, *value.split())]
    return experiment.options("svhn_random_labels.py", "", ["--optimizer", "sbpi", *words])


@pytest.mark.parametrize("name", REFUSED)
def test_what_it_is_no_rule_for(name, capsys):
    value, mentioned = REFUSED[name]
    given = {**PERCEPTRON, name: value}
    if name == "--data":
        del given["--patterns"], given["--classes"]
    with pytest.raises(SystemExit) as ended:
        options(given)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert mentioned in line


def test_what_it_is_told():
    assert options(PERCEPTRON).optimizer_options == {
        "sbpi_probability": 0.3,
        "margin": 1.0,
        "seed": 0,
    }
