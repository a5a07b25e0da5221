"""SVHN with random labels and weight decay: does an L2 penalty keep a network from memorising?

As svhn_random_labels.py, with 0.0005 times the squared norm of the real-valued weights of each of
the three dense layers added to the loss.

Deviations from the script of 2017: its penalty summed over nothing, because tagging a weight
`binary` took away the tag `regularizable` by which it was looked up, so that its losses were those
of the plain script; here the penalty reaches the weights' update (--as-in-2017 leaves it out).
Labels come from --seed; last partial batches count.
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
        networks.SVHN_WIDTHS, chosen.width, activation="tanh", seed=chosen.seed
    )
    penalty = sum(
        0.0005 * networks.sum_of_squares(layer.W) for layer in networks.dense_layers(network)
    )
    return experiment.run(
        chosen,
        network,
        data,
        parameters="model_parameters_random_labels_svhn_l2_regularization",
        penalty=None if chosen.as_in_2017 else penalty,
    )


if __name__ == "__main__":
    command_line.run_command(main)
