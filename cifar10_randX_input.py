"""CIFAR-10 with noise for images: can a binarized network memorise images without content?

As cifar10_random_labels.py, but the labels are true and every training image is replaced, once and
for all, by Gaussian noise of mean 0 and variance 0.1. Validation and test images stay, so that
their error shows what noise with true labels teaches about real images: nothing.
--images chooses other images.

Deviations from the script of 2017: the noise comes from --seed; last partial batches count.
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
        corruption=0.0,
        images="gaussian-0.1",
    )
    data = experiment.load("cifar10", chosen)
    network = experiment.network("cifar10", chosen, activation="tanh")
    return experiment.run(chosen, network, data, parameters="model_parameters_xRandom")


if __name__ == "__main__":
    experiment.command(main)
