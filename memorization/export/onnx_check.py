"""What onnxruntime makes of an exported network, image by image."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from foundations import reading
from foundations.errors import UserError
from foundations.reading import MOST_OF_A_PATH, printable
from memorization.export import inference, twin
from memorization.export.first_layer import near_thresholds
from memorization.export.folding import fold
from memorization.export.network import TrainedNetwork
from memorization.export.onnx_session import OnnxNetwork

# Within this of the scores, or this share of the largest, where those are large.
TOLERANCE = 1e-4


def images(path: Path, network: TrainedNetwork) -> np.ndarray:
    """The images (n, *image shape) uint8 of a `.npy` file; UserError where it has none such."""
    with reading.file_errors(path, "not a readable .npy file (--check)"):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ValueError("an archive; wanted is one array")
        wanted = network.architecture.image_shape
        if array.dtype != np.uint8 or array.shape[1:] != wanted or not len(array):
            raise ValueError(
                f"{array.dtype} of shape {array.shape}; wanted is uint8 of (n, "
                f"{', '.join(map(str, wanted))})"
            )
    return array


def compare(network: TrainedNetwork, path: Path, images: np.ndarray) -> str:
    """A line on how the ONNX file at `path` agrees with `network` on images (n, *image shape).

    Of a network that is not binary throughout it tells by how much scores differ. Raises UserError
    where an image of a binary one has other scores or another class and is not so close to a
    threshold of the first layer that rounding may decide.
    """
    shown = printable(path, MOST_OF_A_PATH)
    scores, classes = OnnxNetwork(path).run(images)
    if not network.binary:
        expected = twin.scores(network, images)
        same = np.count_nonzero(classes == inference.predicted_classes(expected))
        return (
            f"{shown}: {same} of {len(images)} images have the same class in onnxruntime; scores "
            f"differ by {np.abs(scores - expected).max():.2g} at most"
        )
    folded = fold(network)
    expected, near = inference.scores(folded, images), near_thresholds(folded, images)
    allowed = TOLERANCE * np.maximum(1, np.abs(expected).max(axis=1))
    equal = np.abs(scores - expected).max(axis=1) <= allowed
    equal &= classes == inference.predicted_classes(expected)
    if len(differing := np.flatnonzero(~equal & ~near)):
        raise UserError(f"{shown}: onnxruntime tells something else of images {_listed(differing)}")
    listed = f" (images {_listed(np.flatnonzero(near))})" if near.any() else ""
    return (
        f"{shown}: {np.count_nonzero(~near)} of {len(images)} images agree in onnxruntime; "
        f"{np.count_nonzero(near)} are within rounding of a threshold{listed}"
    )


def _listed(numbers: np.ndarray) -> str:
    """All of the numbers: whoever asks wants to know which."""
    return ", ".join(map(str, numbers.tolist()))
