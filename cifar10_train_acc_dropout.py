"""CIFAR-10 with random labels and dropout: what training accuracy does dropout leave?

As cifar10_random_labels.py, with dropout of 0.5 after each of the two hidden dense layers, before
the layer's batch norm, and twice the epochs.

Deviations from the script of 2017: it saved its parameters over those of cifar10_random_labels.py;
here every experiment has a folder of its own. Labels come from --seed; last partial batches count.
"""

from memorization import experiment


def main(argv=None):
    chosen = experiment.options(
        __file__,
        __doc__,
        argv,
        epochs=1000,
        lr_start=1e-3,
        lr_fin=3e-7,
        corruption=1.0,
        dropout=(0.5, 0.5),
    )
    data = experiment.load("cifar10", chosen)
    network = experiment.network("cifar10", chosen, activation="tanh")
    return experiment.run(chosen, network, data, parameters="model_parameters")


if __name__ == "__main__":
    experiment.command(main)
