"""CIFAR-10 with random labels, weights drawn at random and activations of 0 and 1.

As cifar10_random_labels.py, but every weight is +1 with probability hard_sigmoid(W) at each
training step, the activations are 0 and 1, and training is twice as long. Testing uses the
real-valued weights, as BinaryNet does with stochastic binarization.

Deviations from the script of 2017: labels come from --seed; last partial batches count.
"""

from memorization import command_line, experiment, options


def main(argv=None):
    chosen = options.parse(
        __file__, __doc__, argv, epochs=1000, lr_start=1e-3, lr_fin=3e-7, corruption=1.0
    )
    data = experiment.load_data("cifar10", chosen)
    data = data.with_random_labels(chosen.corruption, chosen.seed_of_labels)

    from memorization import networks

    network = networks.build_cnn(
        networks.CIFAR10_WIDTHS,
        chosen.width,
        activation="sigmoid",
        stochastic=True,
        seed=chosen.seed,
    )
    return experiment.run(chosen, network, data, parameters="model_parameters_stochastic_sigmoid")


if __name__ == "__main__":
    command_line.run_command(main)
