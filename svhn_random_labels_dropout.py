"""SVHN with random labels and dropout: does dropout keep a binarized network from memorising?

As svhn_random_labels.py, with dropout of 0.25 after the first dense layer and of 0.5 after the
second, each before the layer's batch norm.

Deviations from the script of 2017: labels come from --seed; last partial batches count.
"""

from memorization import command_line, experiment, options


def main(argv=None):
    chosen = options.parse(
        __file__, __doc__, argv, epochs=500, lr_start=1e-3, lr_fin=1e-6, corruption=1.0
    )
    data = experiment.load_data("svhn", chosen)
    data = data.with_random_labels(chosen.corruption, chosen.seed_of_labels)

    from memorization import networks

    network = networks.build_cnn(
        networks.SVHN_WIDTHS, chosen.width, activation="tanh", dropout=(0.25, 0.5), seed=chosen.seed
    )
    return experiment.run(
        chosen, network, data, parameters="model_parameters_random_labels_svhn_dropout"
    )


if __name__ == "__main__":
    command_line.run_command(main)
