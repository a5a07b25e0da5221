"""SVHN with random labels and weight decay: does an L2 penalty keep a network from memorising?

As svhn_random_labels.py, with 0.0005 times the squared norm of the real-valued weights of each of
the three dense layers added to the loss.

Deviations from the script of 2017: its penalty summed over nothing, because tagging a weight
`binary` took away the tag `regularizable` by which it was looked up, so that its losses were those
of the plain script; here the penalty reaches the weights' update (--as-in-2017 leaves it out).
Labels come from --seed; last partial batches count.
"""

from memorization import experiment


def main(argv=None):
    chosen = experiment.options(
        __file__, __doc__, argv, epochs=500, lr_start=1e-3, lr_fin=1e-6, corruption=1.0, l2=0.0005
    )
    data = experiment.load("svhn", chosen)
    network = experiment.network("svhn", chosen, activation="tanh")
    return experiment.run(
        chosen,
        network,
        data,
        parameters="model_parameters_random_labels_svhn_l2_regularization",
    )


if __name__ == "__main__":
    experiment.command(main)
