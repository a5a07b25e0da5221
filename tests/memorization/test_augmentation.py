"""--augment: the views of images, drawn and cut out as plain numpy does."""

from __future__ import annotations

import numpy as np
import pytest

from binary_net import lasagne
from memorization import functions, networks
from memorization.architecture import Architecture
from memorization.augmentation import Augmentation, draw_views
from training_loop.loop import Schedule

SEED, EPOCHS, IMAGES, BATCH = 3, 3, 24, 10
SHAPE = (2, 9, 7)


def pool(dtype):
    images = np.random.RandomState(5).randint(0, 256, (IMAGES, *SHAPE)).astype(np.uint8)
    return images if dtype == "uint8" else (images / 200 - 0.6).astype(np.float32)


def in_unit_range(images):
    if images.dtype == np.float32:
        return images
    return images.astype(np.float32) * np.float32(2 / 255) - np.float32(1)


def viewed(images, views):
    """Float32 images padded by 4 pixels of 0, cropped to their size again, some flipped."""
    seen = []
    for image, (down, right, flipped) in zip(images, views, strict=True):
        padded = np.pad(image, ((0, 0), (4, 4), (4, 4)))
        window = padded[:, 4 + down : 4 + down + SHAPE[1], 4 + right : 4 + right + SHAPE[2]]
        seen.append(np.flip(window, axis=2) if flipped else window)
    return np.array(seen, np.float32)


def network():
    return networks.build(Architecture((), kind="mlp", norm="none", image_shape=SHAPE, n_classes=3))


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "device"), [("uint8", "cpu"), ("float32", "torch-cpu")])
def test_trains_on_what_numpy_cuts_out(dtype, device):
    """Each step's loss, and the parameters at the end, are those of training on such images."""
    if device == "torch-cpu":
        pytest.importorskip("torch", reason="PyTorch is not installed (optional extra [cuda])")
    mode = functions.execution_mode(device)
    images, labels = pool(dtype), np.arange(IMAGES) % 3
    schedule = Schedule(EPOCHS, BATCH, 0.01, 0.9, SEED)
    augmented, plain = network(), network()
    shared = functions.shared_pool(np.zeros_like(in_unit_range(images)))
    compare = functions.build_training(plain, shared, mode=mode)
    compiled = functions.build_training(
        augmented, functions.shared_pool(images), augment=True, mode=mode
    )
    views = Augmentation(compiled, IMAGES, SEED)
    losses = []
    for epoch in range(1, EPOCHS + 1):
        views.epoch_begins(epoch, schedule.learning_rate(epoch), IMAGES)
        shared.set_value(viewed(in_unit_range(images), draw_views(IMAGES, SEED, epoch)))
        for numbers in schedule.batches(IMAGES, epoch):
            given = (numbers, labels[numbers], schedule.learning_rate(epoch))
            losses.append([float(views.train(*given)), float(compare(*given))])
    assert np.ptp(losses) > 0.1
    assert np.allclose(*np.transpose(losses), rtol=1e-5)
    ends = (lasagne.layers.get_all_param_values(of) for of in (augmented, plain))
    for one, other in zip(*ends, strict=True):
        assert np.allclose(one, other, rtol=0, atol=1e-5)


def test_views_are_of_every_kind_and_of_their_epoch_alone():
    views = draw_views(20_000, SEED, 2)
    for column, values in enumerate((range(-4, 5), range(-4, 5), range(2))):
        found, counts = np.unique(views[:, column], return_counts=True)
        assert list(found) == list(values)
        assert counts.min() > 0.9 * len(views) / len(values)
    # Neither do rows, columns and flips go together.
    assert np.abs(np.corrcoef(views.T) - np.eye(3)).max() < 0.05
    assert np.array_equal(views[:100], draw_views(100, SEED, 2))
    for seed, epoch in ((SEED, 3), (SEED + 1, 2)):
        assert np.mean(np.all(views == draw_views(20_000, seed, epoch), axis=1)) < 0.02
