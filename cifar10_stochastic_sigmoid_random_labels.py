"""CIFAR-10 with random labels, weights drawn at random and activations of 0 and 1.

As cifar10_random_labels.py, but every weight is +1 with probability hard_sigmoid(W) at each
training step, the activations are 0 and 1, and training is twice as long. Testing uses the
real-valued weights, as BinaryNet does with stochastic binarization.

Deviations from the script of 2017: labels come from --seed; last partial batches count.
"""

from memorization import experiment


def main(argv=None):
    chosen = experiment.options(
        __file__, __doc__, argv, epochs=1000, lr_start=1e-3, lr_fin=3e-7, corruption=1.0
    )
    data = experiment.load("cifar10", chosen)
    network = experiment.network("cifar10", chosen, activation="sigmoid", stochastic=True)
    return experiment.run(chosen, network, data, parameters="model_parameters_stochastic_sigmoid")


if __name__ == "__main__":
    experiment.command(main)
