"""SVHN with random labels: can a binarized network memorise what cannot be learnt?

BinaryNet's SVHN network, with weights and activations of -1 and +1, trained on labels drawn
uniformly from 0..9 (Zhang et al., arXiv 1611.03530). The labels of all three sets are random, so
that validation and test error stay at chance (90 %) while the training error shows how much the
network memorises.

Deviations from the script of 2017: labels come from --seed; last partial batches count.
"""

from memorization import experiment


def main(argv=None):
    chosen = experiment.options(
        __file__, __doc__, argv, epochs=500, lr_start=1e-3, lr_fin=1e-6, corruption=1.0
    )
    data = experiment.load("svhn", chosen)
    network = experiment.network("svhn", chosen, activation="tanh")
    return experiment.run(chosen, network, data, parameters="model_parameters_random_labels_svhn")


if __name__ == "__main__":
    experiment.command(main)
