"""The Theano functions of a network: a step of training, a test pass over a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import datasets
from binary_net import lasagne
from foundations.errors import UserError
from memorization.networks import parameter_names, scores
from memorization.optimizers import updates_of
from theano_engine import T, theano
from training_loop.loop import Functions

POOL_NAME = "images"

# What of Theano's configuration leaves convolutions to Python, which cannot compute them.
_WITHOUT_CONVOLUTIONS = {
    "mode": ("FAST_COMPILE",),
    "linker": ("py",),
    "optimizer": ("None", "merge", "stabilize"),
}

ADAM: Mapping[str, Any] = {"optimizer": "adam"}

# How batch norm and stochastic weights behave when testing.
DETERMINISTIC: Mapping[str, bool] = {"deterministic": True}


def execution_mode(device: str, tf32: bool = False, mixed: bool = False) -> Any:
    """The Theano mode for --device and --tf32.

    None is Theano's default, the C linker with our rewrites. `mixed`: either weights or activations
    have two values, the others any. Raises UserError where the device is not to be had, or where
    Theano's configuration leaves convolutions to Python.
    """
    if device == "cpu":
        _check_configuration()
        return theano.compile.get_default_mode().including("mixed_conv") if mixed else None
    from theano_engine.torch_linker import torch_mode

    return torch_mode("cpu" if device == "torch-cpu" else device, allow_tf32=tf32)


def _check_configuration() -> None:
    for flag, values in _WITHOUT_CONVOLUTIONS.items():
        value = str(getattr(theano.config, flag))
        if value in values:
            raise UserError(
                f"Theano's configuration has {flag}={value}, which leaves convolutions to Python, "
                "where they cannot be computed: take it out of THEANO_FLAGS or .theanorc"
            )


def squared_hinge(target, output, margin: float = 1.0):
    """`max(0, margin - target * output) ** 2` per image and class, targets +1 and -1."""
    return T.sqr(T.maximum(0.0, margin - target * output))


def one_hot_signs(labels, n_classes: int):
    """Labels (n,) int64 to targets (n, n_classes) float32: +1 in the label's column, else -1."""
    chosen = T.eq(labels.dimshuffle(0, "x"), T.arange(n_classes).dimshuffle("x", 0))
    return T.switch(chosen, np.float32(1), np.float32(-1))


def targets(network: lasagne.layers.Layer, labels):
    """The targets (n, outputs) float32 of `labels` (n,); of a single output, +1 is class 1."""
    outputs = network.output_shape[1]
    if outputs > 1:
        return one_hot_signs(labels, outputs)
    return T.switch(labels, np.float32(1), np.float32(-1)).dimshuffle(0, "x")


def predicted_classes(network: lasagne.layers.Layer, output):
    """The classes (n,) int64 that `output` (n, outputs) tells; a single one by sign, 0 as +1."""
    if network.output_shape[1] > 1:
        return T.argmax(output, axis=1)
    return T.cast(T.ge(output[:, 0], np.float32(0)), "int64")


def margins_of(network: lasagne.layers.Layer, labels, output):
    """By how much `output` (n, outputs) is for the `labels` (n,) and no other class, float32 (n,).

    The label's output minus the largest other; a single output times its label's sign.
    """
    wanted = targets(network, labels)
    if network.output_shape[1] == 1:
        return (wanted * output)[:, 0]
    is_label = T.gt(wanted, np.float32(0))
    others = T.switch(is_label, np.float32(-np.inf), output).max(axis=1)
    return T.switch(is_label, output, np.float32(-np.inf)).max(axis=1) - others


def to_unit_range(images):
    """uint8 images to float32, `2/255 * x - 1`; images that are float32 already as they are."""
    if images.dtype != "uint8":
        return images
    return T.cast(images, "float32") * np.float32(2.0 / 255) - np.float32(1)


def seen(images, views):
    """`images` (n, channels, rows, columns) through `views` (n, 3) int64, of the same shape.

    A row of `views` is (dy, dx, mirrored): pixel (y, x) of a view is pixel (y + dy, x + dx) of its
    image, the grey of 0 beyond its edges; then, where mirrored, columns are reversed.
    """
    count, channels, height, width = (images.shape[axis] for axis in range(4))
    dy, dx, mirrored = (views[:, column].dimshuffle(0, "x") for column in range(3))
    x = T.arange(width).dimshuffle("x", 0)
    x = T.switch(mirrored, width - 1 - x, x) + dx
    y = T.arange(height).dimshuffle("x", 0) + dy
    inside = (T.ge(y, 0) & T.lt(y, height)).dimshuffle(0, 1, "x") & (
        T.ge(x, 0) & T.lt(x, width)
    ).dimshuffle(0, "x", 1)
    first = (T.arange(count) * height).dimshuffle(0, "x")
    rows = first + T.clip(y, 0, height - 1)
    places = rows.dimshuffle(0, 1, "x") * width + T.clip(x, 0, width - 1).dimshuffle(0, "x", 1)
    pixels = images.dimshuffle(0, 2, 3, 1).reshape((count * height * width, channels))
    taken = pixels[places.flatten()].reshape((count, height, width, channels))
    taken = taken.dimshuffle(0, 3, 1, 2)
    return T.switch(inside.dimshuffle(0, "x", 1, 2), taken, np.float32(0))


def build_functions(
    network: lasagne.layers.Layer,
    images: np.ndarray,
    *,
    penalty: Any = None,
    margin: float = 1.0,
    optimizer: Mapping[str, Any] = ADAM,
    testing: Mapping[str, bool] = DETERMINISTIC,
    augment: bool = False,
    margins: bool = False,
    mode: Any = None,
) -> Functions:
    """Compile `network`'s training and test functions over the pool `images` (n, 3, 32, 32).

    Their inputs are image numbers into the pool, which is uint8, scaled batch by batch, or float32
    as it is. `penalty`, a scalar expression, is added to the training loss; `margin` is that of
    `squared_hinge`. `optimizer` holds its name and options, as `optimizers.updates_of` takes them;
    `testing` the keywords of `get_output` when testing. With `augment` training takes each image's
    view (batch, 3) after the numbers, as `augmentation.draw_views` draws them; with `margins` the
    test function returns the images' margins besides.
    """
    pool = shared_pool(images)
    return Functions(
        build_training(network, pool, penalty, margin, optimizer, augment, mode),
        build_test(network, pool, testing, margin, margins, mode),
    )


def shared_pool(images: np.ndarray):
    """`images` (n, 3, 32, 32) as the shared variable that the functions cut their batches from."""
    return theano.shared(images, name=POOL_NAME, borrow=True)


def pool_of(function: Any) -> Any:
    """The shared variable that the compiled `function` cuts its batches of images from."""
    (pool,) = (variable for variable in function.get_shared() if variable.name == POOL_NAME)
    return pool


def build_training(
    network: lasagne.layers.Layer,
    pool,
    penalty: Any = None,
    margin: float = 1.0,
    optimizer: Mapping[str, Any] = ADAM,
    augment: bool = False,
    mode: Any = None,
) -> Callable:
    """The function `Functions.train` of `network` over the shared variable `pool`."""
    numbers, labels, learning_rate = _inputs()
    inputs, images = [numbers, labels, learning_rate], to_unit_range(pool[numbers])
    if augment:
        views = T.lmatrix("views")
        inputs.insert(1, views)
        images = seen(images, views)
    output = lasagne.layers.get_output(network, images, deterministic=False)
    loss = T.mean(squared_hinge(targets(network, labels), output, margin))
    if penalty is not None:
        loss = loss + penalty
    return theano.function(
        inputs,
        loss,
        updates=updates_of(loss, network, learning_rate, **optimizer),
        mode=mode,
        allow_input_downcast=True,
        # Bop alone, without norm and biases, has no learning rate.
        on_unused_input="ignore",
        name="train",
    )


def build_test(
    network: lasagne.layers.Layer,
    pool,
    testing: Mapping[str, bool] = DETERMINISTIC,
    margin: float = 1.0,
    margins: bool = False,
    mode: Any = None,
) -> Callable:
    """The function `Functions.test` of `network` over the shared variable `pool`.

    With `margins` it returns these (batch,) float32 besides, as `margins_of` defines them.
    """
    numbers, labels, _ = _inputs()
    output = lasagne.layers.get_output(network, to_unit_range(pool[numbers]), **testing)
    losses = squared_hinge(targets(network, labels), output, margin).mean(axis=1)
    predicted = predicted_classes(network, output)
    told = [losses, predicted, *([margins_of(network, labels, output)] if margins else [])]
    return theano.function([numbers, labels], told, mode=mode, name="test")


def build_scores(network: lasagne.layers.Layer) -> Callable:
    """A function from images (n, *image shape), as a pool has them, to its `scores`."""
    _check_configuration()
    shape = lasagne.layers.get_all_layers(network)[0].shape
    images = T.TensorType("float32", (False,) * len(shape))("images")
    compute = theano.function([images], scores(network, images), name="scores")
    return lambda batch: compute(
        batch if batch.dtype == np.float32 else datasets.to_unit_range(batch)
    )


def _inputs():
    return T.lvector("image_numbers"), T.lvector("labels"), T.scalar("learning_rate")


def state_variables(network: lasagne.layers.Layer, *functions: Any) -> dict[str, Any]:
    """The shared variables that compiled `functions` of `network` read, but for the pool of images.

    By name: parameters and averages of batch norm (layer_03/W), random streams (layer_03/stream_0),
    what the optimizer keeps (layer_03/W/adam_m, adam/binary/steps). Raises ValueError
    for a variable whose name does not tell it from the others, so that no state goes unsaved.
    """
    # Two variables may stand for one storage, as batch norm's averages do.
    names = {id(p.container): name for p, name in parameter_names(network).items()}
    for number, layer in enumerate(lasagne.layers.get_all_layers(network)):
        streams = layer._srng.state_updates if hasattr(layer, "_srng") else ()
        for drawn, (stream, *_) in enumerate(streams):
            names[id(stream.container)] = f"layer_{number:02d}/stream_{drawn}"
    found: dict[str, Any] = {}
    for function in functions:
        for variable in function.get_shared():
            name = names.get(id(variable.container), variable.name)
            if name == POOL_NAME:
                continue
            if not name or found.setdefault(name, variable).container is not variable.container:
                raise ValueError(f"{function.name} keeps state under no name of its own: {name}")
    return found
