"""SVHN with random labels, weights drawn at random and activations of 0 and 1.

As svhn_random_labels.py, but every weight is +1 with probability hard_sigmoid(W) at each step, the
activations are 0 and 1, and training is three times as long. Weights are drawn when testing too,
for the network is tested as the stochastic network that it is.

Deviations from the script of 2017: its test labels stayed true, and testing moved batch norm's
averages and normalised by the batch at hand; here all three sets have random labels, and testing
uses the stored averages and leaves them alone (--as-in-2017 brings both back). Labels come from
--seed; last partial batches count.
"""

from memorization import experiment


def main(argv=None):
    chosen = experiment.options(
        __file__, __doc__, argv, epochs=1500, lr_start=1e-3, lr_fin=1e-6, corruption=1.0
    )
    random_labels = ("training", "validation", *(() if chosen.as_in_2017 else ("test",)))
    data = experiment.load("svhn", chosen, random_labels=random_labels)
    network = experiment.network("svhn", chosen, activation="sigmoid", stochastic=True)
    testing = {"deterministic": False}
    if not chosen.as_in_2017:
        testing.update(batch_norm_use_averages=True, batch_norm_update_averages=False)
    return experiment.run(
        chosen,
        network,
        data,
        parameters="model_parameters_random_labels_svhn_stochastic",
        testing=testing,
    )


if __name__ == "__main__":
    experiment.command(main)
