"""Evaluate saved parameters with weights of -1 and +1 alone.

Without options: the newest SVHN run below --results-dir, on its first 7,000 training images with
the labels that it was trained on. Every weight is replaced by its sign first (0 counts as +1), so
that the real-valued weights play no part; those of a run with --weights float stay as they are.

    python svhn_evaluation_random_labels.py
    python svhn_evaluation_random_labels.py --params results/RUN/model_parameters.npz
    python svhn_evaluation_random_labels.py --params model_parameters_random_labels_svhn.npz \\
        --images X_values_SVHN.npy --labels Y_values_SVHN.npy

The last form reads files that the scripts of 2017 wrote.
--set names another set of the run, --true-labels has errors counted against the true labels, and
--predictions writes each image's label, predicted class and loss as CSV.
"""

from memorization import evaluation


def main(argv=None):
    chosen = evaluation.parse(__file__, __doc__, argv)
    return evaluation.run(chosen, default_data="svhn")


if __name__ == "__main__":
    evaluation.command(main)
