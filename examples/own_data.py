"""Images of one's own in an experiment of the suite: bars that lie, stand or lean, in noise.

    python examples/own_data.py --epochs 20

In Python any object with the fields of `datasets.DataSet` will do. The run keeps a copy of it, from
which it is resumed, drawn and evaluated:

    python svhn_evaluation_random_labels.py --params results/own_data/.../model_parameters.npz

Images in a file need no program: --data FILE.npz of any script (docs/own.md).
"""

from __future__ import annotations

import sys
from pathlib import Path

# Not needed where the suite is installed into the environment (tools/install.sh).
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from datasets import DataSet, Form
from memorization import experiment

FORM = Form(image_shape=(1, 12, 12), class_names=("lying", "standing", "leaning"))
EACH = 200


def bars(seed=0):
    """600 images (1, 12, 12) uint8: 400 to train on, 100 to validate and 100 to test with."""
    random = np.random.RandomState(seed)
    labels = random.permutation(np.arange(3 * EACH) % 3)
    images = random.randint(0, 120, (len(labels), *FORM.image_shape))
    rows = np.arange(12)
    for image, label, offset in zip(images, labels, random.randint(0, 12, len(labels))):
        at = {0: (offset, rows), 1: (rows, offset), 2: (rows, (rows + offset) % 12)}[int(label)]
        image[(0, *at)] += 120
    numbers = np.arange(len(labels))
    return DataSet(
        "bars",
        FORM,
        images=images.astype(np.uint8),
        labels=labels.astype(np.int64),
        training=numbers[:-200],
        validation=numbers[-200:-100],
        test=numbers[-100:],
    )


def main(argv=None):
    chosen = experiment.options(
        __file__,
        __doc__,
        argv,
        epochs=40,
        lr_start=3e-3,
        lr_fin=3e-4,
        corruption=1.0,
        network="mlp",
        hidden=(64, 64),
    )
    data = experiment.load(bars(), chosen)
    network = experiment.network("svhn", chosen, form=FORM)
    return experiment.run(chosen, network, data, parameters="model_parameters")


if __name__ == "__main__":
    experiment.command(main)
