"""Evaluate saved parameters with weights of -1 and +1 alone.

Without options: the newest SVHN run below --results-dir, on its first 7,000 training images with
the labels that it was trained on. Every weight is replaced by its sign first (0 counts as +1), so
that the real-valued weights play no part.

    python svhn_evaluation_random_labels.py
    python svhn_evaluation_random_labels.py --params results/RUN/model_parameters.npz
    python svhn_evaluation_random_labels.py --params model_parameters_random_labels_svhn.npz \\
        --images X_values_SVHN.npy --labels Y_values_SVHN.npy

The last form reads files that the scripts of 2017 wrote.
"""

import time

from memorization import command_line, evaluation


def main(argv=None):
    chosen = evaluation.parse(__file__, __doc__, argv)
    params, images, labels, network = evaluation.load(chosen, default_data="svhn")

    from memorization import functions, networks

    network = networks.build_cnn(**network)
    networks.set_parameters(network, evaluation.read_parameters(params), str(params))
    networks.replace_weights_by_sign(network)
    mode = functions.execution_mode(chosen.device)
    test = functions.build_test(network, functions.shared_pool(images), mode=mode)

    start = time.perf_counter()
    result = evaluation.evaluate(test, labels)
    run_time = time.perf_counter() - start
    print(f"{params}: {len(labels)} images")
    print(f"run_time = {run_time:.3f}s")
    print(f"test_error = {100 * result.error}%")
    return result


if __name__ == "__main__":
    command_line.run_command(main)
