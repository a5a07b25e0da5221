"""The critical sample ratio's search: is an image predicted otherwise somewhere near it?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from training_loop.evaluation import batches

# Images per call of a measuring function: what the widest layer leaves room for.
BATCH_SIZE = 125

# In grey levels of 255: half the side of the box, length of a step along the gradient's sign,
# standard deviation of the noise of a step; then the number of steps.
RADIUS = 0.3
STEP = 0.25
NOISE = 0.2
STEPS = 10
# Inputs run from -1 to 1.
GREY_LEVEL = np.float32(2.0 / 255)


def find_critical(
    step_to_another_class: Callable, images: np.ndarray, state: np.random.RandomState, radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """Look for another prediction within `radius` of each of `images` (n, ...) float32, per pixel.

    The Langevin adversarial sample search of Arpit et al. (arXiv 1706.05394, algorithm 1): steps
    along the sign of a gradient, with noise drawn from `state`, brought back into the box. Returns
    which images are critical (n,) bool, and for these a point of the box that is predicted
    otherwise, images' shape.
    """
    critical, points = np.zeros(len(images), bool), images.copy()
    for chosen in batches(np.arange(len(images)), BATCH_SIZE):
        critical[chosen], points[chosen] = _find_critical(
            step_to_another_class, images[chosen], state, np.float32(radius)
        )
    return critical, points


def _find_critical(step_to_another_class, images, state, radius):
    points = images
    critical = np.zeros(len(images), bool)
    signs, at_centre = map(np.asarray, step_to_another_class(points))
    for _ in range(STEPS):
        noise = state.standard_normal(images.shape).astype(np.float32)
        step = radius / RADIUS * (STEP * signs + NOISE * noise)
        stepped = np.clip(points + step.astype(np.float32), images - radius, images + radius)
        points = np.where(critical[:, None, None, None], points, stepped)
        signs, predictions = map(np.asarray, step_to_another_class(points))
        critical = predictions != at_centre
    return critical, points
