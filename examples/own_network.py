"""A network of one's own in an experiment of the suite: does one wide hidden layer learn by heart?

    python examples/own_network.py --synthetic --train-size 200 --epochs 20

The run is as any other: it can be resumed, drawn and reported. The evaluation runs this program's
code only where it is told to:

    python svhn_evaluation_random_labels.py --params results/own_network/.../model_parameters.npz \
        --builder examples/own_network.py:build
"""

from __future__ import annotations

import sys
from pathlib import Path

# Not needed where the suite is installed into the environment (tools/install.sh).
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from memorization import experiment

UNITS = 256


def build(image_shape, outputs):
    """The output layer (batch, outputs) for images (batch, *image_shape).

    `nonlinearity` is given to every layer, since Lasagne's default is the rectifier; and the last
    layer has none, since the loss is a squared hinge on targets of -1 and +1.
    """
    import binary_net
    from binary_net import lasagne

    linear = lasagne.nonlinearities.identity
    network = lasagne.layers.InputLayer((None, *image_shape))
    network = binary_net.DenseLayer(network, UNITS, stochastic=False, nonlinearity=linear)
    network = binary_net.BatchNormLayer(network, epsilon=1e-4, alpha=0.1)
    network = lasagne.layers.NonlinearityLayer(network, binary_net.binary_tanh_unit)
    network = binary_net.DenseLayer(network, outputs, stochastic=False, nonlinearity=linear)
    return binary_net.BatchNormLayer(network, epsilon=1e-4, alpha=0.1)


def main(argv=None):
    chosen = experiment.options(
        __file__, __doc__, argv, epochs=40, lr_start=3e-3, lr_fin=3e-4, corruption=1.0
    )
    data = experiment.load("cifar10", chosen)
    network = experiment.network_of(build, chosen, data.form)
    return experiment.run(chosen, network, data, parameters="model_parameters")


if __name__ == "__main__":
    experiment.command(main)
