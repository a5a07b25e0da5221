"""SVHN with random labels and dropout: does dropout keep a binarized network from memorising?

As svhn_random_labels.py, with dropout of 0.25 after the first dense layer and of 0.5 after the
second, each before the layer's batch norm.

Deviations from the script of 2017: labels come from --seed; last partial batches count.
"""

from memorization import experiment


def main(argv=None):
    chosen = experiment.options(
        __file__,
        __doc__,
        argv,
        epochs=500,
        lr_start=1e-3,
        lr_fin=1e-6,
        corruption=1.0,
        dropout=(0.25, 0.5),
    )
    data = experiment.load("svhn", chosen)
    network = experiment.network("svhn", chosen, activation="tanh")
    return experiment.run(
        chosen, network, data, parameters="model_parameters_random_labels_svhn_dropout"
    )


if __name__ == "__main__":
    experiment.command(main)
