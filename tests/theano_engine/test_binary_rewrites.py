"""Which graphs get binary Ops and which are left alone; that results stay the same."""

from __future__ import annotations

import numpy as np
import pytest
from support.kernel_settings import INSTRUCTION_SETS, kernels_with

import binary_net
from binary_net import lasagne
from theano_engine import T, theano
from theano_engine.ops.binary_conv import BinaryConv2d
from theano_engine.ops.binary_dot import BinaryDot
from theano_engine.ops.binary_signs import BinaryConvSigns, BinarySigns, PackSigns
from theano_engine.rewrites.questions.values import two_values, value_set

MRG_RandomStreams = theano.sandbox.rng_mrg.MRG_RandomStreams

# The graph after the forward rewrites; nothing is compiled.
REWRITTEN = theano.Mode("py", theano.gof.Query(include=["fast_run"], position_cutoff=1.69))


@pytest.fixture(autouse=True)
def failing_rewrites_fail_the_test():
    with theano.configparser.change_flags(on_opt_error="raise"):
        yield


tanh, sigmoid = binary_net.binary_tanh_unit, binary_net.binary_sigmoid_unit


def nodes_of(*outputs):
    """The nodes of the rewritten graph of `outputs`, in order."""
    inputs = [
        x
        for x in theano.gof.graph.inputs(outputs)
        if not isinstance(x, (theano.gof.Constant, theano.compile.SharedVariable))
    ]
    function = theano.function(inputs, list(outputs), mode=REWRITTEN, on_unused_input="ignore")
    return function.maker.fgraph.toposort()


def ops_of(*outputs):
    """Their Ops."""
    return [node.op for node in nodes_of(*outputs)]


def only(kind, ops):
    """The single Op of a kind."""
    (found,) = [op for op in ops if isinstance(op, kind)]
    return found


def signs_of(W, H=1.0):
    return binary_net.binarization(W, H)


def weights(*shape, dtype="float32"):
    return theano.shared(np.random.RandomState(1).uniform(-1, 1, shape).astype(dtype))


def filters(dtype="float32"):
    return weights(4, 3, 3, 3, dtype=dtype)


def convolved(images, kernels, **options):
    return T.nnet.conv2d(images, kernels, **options)


x4, x2 = T.tensor4("x4"), T.matrix("x2")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("images", "unit"),
    [
        (tanh(x4), False),
        (sigmoid(x4), True),
        (2.0 * T.cast(x4 > 0, "float32") - 1.0, False),
        (T.cast(T.ge(x4, 1), "float32"), True),
        (T.switch(x4 > 0, np.float32(-1), np.float32(1)), False),
        (T.signal.pool.pool_2d(tanh(x4), (2, 2), ignore_border=True), False),
        (tanh(x4)[:, :, ::-1, 1:], False),
        (tanh(x4).dimshuffle(1, 0, 3, 2), False),
        (tanh(x4).reshape((2, 3, 6, 6)), False),
        (T.round(T.clip(x4, 0, 1), mode="half_away_from_zero"), True),
    ],
)
def test_images_are_recognised_by_how_they_are_computed(images, unit):
    found = only(BinaryConv2d, ops_of(convolved(images, signs_of(filters()))))
    assert (found.unit_images, found.scale) == (unit, 1.0)


bias = T.vector("bias").dimshuffle("x", 0, "x", "x")
binary_convolution = convolved(tanh(x4), signs_of(filters()))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("outputs", "inputs"),
    [
        ([T.sqr(binary_convolution + bias)], 3),
        ([T.sqr(bias + binary_convolution)], 3),
        ([binary_convolution + bias, T.exp(binary_convolution)], 2),
        ([binary_convolution + T.tensor4()], 2),
        ([binary_convolution + T.vector()], 2),
        ([binary_convolution + T.dvector().dimshuffle("x", 0, "x", "x")], 2),
        ([binary_convolution - bias], 2),
        ([binary_convolution * bias], 2),
    ],
)
def test_a_bias_that_all_readers_want_is_added_within_the_convolution(outputs, inputs):
    (convolution,) = [n for n in nodes_of(*outputs) if isinstance(n.op, BinaryConv2d)]
    assert len(convolution.inputs) == inputs


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kernels", "scale"),
    [
        (signs_of(filters()), 1.0),
        (signs_of(filters(), 0.25), 0.25),
        (
            binary_net.binarization(filters(), 1.0, stochastic=True, srng=MRG_RandomStreams(1)),
            1.0,
        ),
        (signs_of(filters())[:, :, ::-1, ::-1], 1.0),
        (signs_of(weights(4, 27)).reshape((4, 3, 3, 3)), 1.0),
        (T.constant(np.random.RandomState(2).choice([-2, 2], (4, 3, 3, 3)).astype("f")), 2.0),
    ],
)
def test_filters_are_recognised_by_how_they_are_computed(kernels, scale):
    assert only(BinaryConv2d, ops_of(convolved(tanh(x4), kernels))).scale == scale


@pytest.mark.slow
@pytest.mark.parametrize(
    "images",
    [
        x4,
        T.clip(x4, 0, 1),
        T.clip(x4, -1, 1),
        T.round(x4),
        T.round(T.clip(x4, -1, 1)),
        T.round(T.clip(x4, 0, T.scalar("limit"))),
        T.sgn(x4),
        0.3 * tanh(x4),
        tanh(x4) * T.cast(MRG_RandomStreams(1).binomial(x4.shape), "float32") * 2,
        2 * sigmoid(x4),
        tanh(x4) + x4,
        T.signal.pool.pool_2d(tanh(x4), (2, 2), ignore_border=True, mode="average_exc_pad"),
        T.signal.pool.pool_2d(tanh(x4), (2, 2), ignore_border=True, pad=(1, 1)),
        T.inc_subtensor(tanh(x4)[:, :, 0], 1),
        T.set_subtensor(T.zeros((2, 3, 8, 8))[:, :, 1:-1, 1:-1], tanh(x4)),
    ],
)
def test_images_that_only_look_binary_are_left_alone(images):
    assert not any(
        isinstance(op, BinaryConv2d) for op in ops_of(convolved(images, signs_of(filters())))
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "kernels",
    [
        filters(),
        signs_of(filters(), 0.3),
        signs_of(filters(), np.float32(np.sqrt(1.5 / 63))),
        sigmoid(filters()),
        T.clip(filters(), -1, 1),
        T.constant(np.array([-1, 0, 1] * 36, "float32").reshape(4, 3, 3, 3)),
        T.constant(np.full((4, 3, 3, 3), np.nan, "float32")),
    ],
)
def test_filters_that_only_look_binary_are_left_alone(kernels):
    assert not any(isinstance(op, BinaryConv2d) for op in ops_of(convolved(tanh(x4), kernels)))


@pytest.mark.slow
def test_what_the_kernel_does_not_cover_is_left_alone():
    signs = signs_of(filters())
    grouped = convolved(tanh(T.tensor4()), signs, num_groups=2)
    dilated = convolved(tanh(x4), signs, filter_dilation=(2, 1))
    asymmetric = convolved(tanh(x4), signs, border_mode=((1, 0), (1, 1)))
    double = convolved(tanh(T.dtensor4()), T.cast(signs, "float64"))
    for output in (grouped, dilated, asymmetric, double):
        assert not any(isinstance(op, BinaryConv2d) for op in ops_of(output))


@pytest.mark.slow
def test_options_of_a_convolution_are_kept():
    for border_mode, pads in (
        ("half", (-1, -1)),
        ("full", (-2, -2)),
        ((2, 0), (2, 0)),
        (1, (1, 1)),
    ):
        output = convolved(
            tanh(x4),
            signs_of(filters()),
            border_mode=border_mode,
            subsample=(2, 3),
            filter_flip=False,
        )
        op = only(BinaryConv2d, ops_of(output))
        assert (op.pad_rows, op.pad_columns) == pads
        assert (op.stride_rows, op.stride_columns, op.filter_flip) == (2, 3, False)


@pytest.mark.slow
def test_products():
    W = signs_of(weights(5, 4))
    assert not only(BinaryDot, ops_of(T.dot(tanh(x2), W))).unit_x
    assert only(BinaryDot, ops_of(T.dot(sigmoid(x2), W))).unit_x
    assert only(BinaryDot, ops_of(T.dot(tanh(x4).flatten(2), W)))
    assert only(BinaryDot, ops_of(T.dot(sigmoid(x4).flatten(2), W)))
    for product in (
        T.dot(x2, W),
        T.dot(tanh(x2), weights(5, 4)),
        T.dot(tanh(x2), sigmoid(weights(5, 4))),
        T.dot(tanh(T.vector()), W),
        T.dot(T.clip(x2, -1, 1), W),
    ):
        assert not any(isinstance(op, BinaryDot) for op in ops_of(product))


@pytest.mark.slow
def test_each_rewrite_can_be_left_out_by_name():
    layer_input = tanh(x4)
    convolution = convolved(layer_input, signs_of(filters()))
    dot = T.dot(tanh(x2), signs_of(weights(5, 4)))

    def kinds(mode):
        graph = theano.function([x4, x2], [convolution, dot], mode=mode).maker.fgraph
        return {type(node.op) for node in graph.toposort()} & {BinaryConv2d, BinaryDot}

    assert kinds(REWRITTEN) == {BinaryConv2d, BinaryDot}
    assert kinds(REWRITTEN.excluding("local_binary_conv")) == {BinaryDot}
    assert kinds(REWRITTEN.excluding("local_binary_dot")) == {BinaryConv2d}
    assert kinds(REWRITTEN.excluding("binary")) == set()


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(None, 3, 6, 7), (2, 3, None, None)])
def test_padding_by_copying_becomes_the_convolution_s_own(shape):
    network = lasagne.layers.InputLayer(shape, tanh(x4))
    network = lasagne.layers.Conv2DLayer(
        network, 4, (3, 5), pad=(1, 2), nonlinearity=None, W=lasagne.init.Constant(1)
    )
    network.W = signs_of(network.W)
    op = only(BinaryConv2d, ops_of(lasagne.layers.get_output(network)))
    assert (op.pad_rows, op.pad_columns) == (1, 2)


@pytest.mark.slow
def test_other_uses_of_zeros_are_not_padding():
    signs, inner = signs_of(filters()), tanh(x4)
    rows = x4.shape[2]
    zeros = T.zeros((x4.shape[0], x4.shape[1], rows + 2, x4.shape[3]))
    ones = T.ones_like(zeros)
    uneven = T.zeros((x4.shape[0], x4.shape[1], rows + 3, x4.shape[3]))
    for padded in (
        T.set_subtensor(uneven[:, :, 1 : rows + 1], inner),
        T.set_subtensor(zeros[:, :, 2 : rows + 2], inner),
        T.set_subtensor(T.zeros_like(T.concatenate([x4, x4], axis=2))[:, :, ::2], inner),
        T.inc_subtensor(ones[:, :, 1 : rows + 1], inner),
    ):
        assert not any(isinstance(op, BinaryConv2d) for op in ops_of(convolved(padded, signs)))
    padded = T.set_subtensor(zeros[:, :, 1 : rows + 1], inner)
    assert only(BinaryConv2d, ops_of(convolved(padded, signs))).pad_rows == 1


def test_value_sets():
    assert value_set(tanh(x4)) == {-1.0, 1.0}
    assert two_values(sigmoid(x4)) == (0.0, 1.0)
    assert value_set(T.round(T.clip(x4, -1, 1))) == {-1.0, 0.0, 1.0}
    assert two_values(T.round(T.clip(x4, -1, 1))) is None
    assert value_set(T.ceil(T.clip(x4, 0.25, 1.75))) == {1.0, 2.0}
    assert value_set(T.concatenate([tanh(x4), 2 * tanh(x4)])) == {-2.0, -1.0, 1.0, 2.0}
    # One third is not a float: which neighbour it becomes is up to whoever computes it.
    assert value_set(sigmoid(x4) / np.float32(3)) is None
    assert value_set(T.exp(tanh(x4))) is None
    assert value_set(T.round(T.clip(x4, 0, 100))) is None


@pytest.mark.slow
@pytest.mark.parametrize("activation", [tanh, sigmoid], ids=["tanh", "sigmoid"])
def test_a_tested_network_is_bits_from_layer_to_layer(activation):
    network = small_network(activation)
    ops = ops_of(lasagne.layers.get_output(network, x4, deterministic=True))
    assert [type(op) for op in ops if isinstance(op, (PackSigns, BinaryConvSigns, BinaryDot))] == [
        *(BinaryConvSigns, BinaryConvSigns, BinaryConvSigns, BinaryDot)
    ]
    fused = [op for op in ops if isinstance(op, BinaryConvSigns)]
    assert [(op.real_images, op.pool_rows, op.pool_columns, op.packed) for op in fused] == [
        *((True, 1, 1, True), (False, 2, 3, True), (False, 1, 1, False))
    ]


@pytest.mark.slow
def test_a_first_layer_of_many_channels_stays_a_matrix_product():
    network = small_network(tanh, channels=40)
    ops = ops_of(lasagne.layers.get_output(network, x4, deterministic=True))
    kinds = (PackSigns, BinaryConvSigns, BinaryDot)
    assert [type(op) for op in ops if isinstance(op, kinds)] == [
        *(PackSigns, BinaryConvSigns, BinaryConvSigns, BinaryDot)
    ]


@pytest.mark.slow
def test_values_that_something_else_needs_are_kept():
    signs = signs_of(filters())
    sums = convolved(tanh(x4), signs)
    assert not any(isinstance(op, BinaryConvSigns) for op in ops_of(tanh(sums), sums))
    assert not any(isinstance(op, BinaryConvSigns) for op in ops_of(tanh(sums) * sums))
    averaged = T.signal.pool.pool_2d(sums, (2, 2), ignore_border=True, mode="average_exc_pad")
    overlapping = T.signal.pool.pool_2d(sums, (3, 3), ignore_border=True, stride=(2, 2))
    scaled = T.signal.pool.pool_2d(sums * -1, (2, 2), ignore_border=True)
    for pooled in (averaged, overlapping, scaled):
        assert not any(isinstance(op, BinaryConvSigns) for op in ops_of(tanh(pooled)))


def small_network(activation, seed=0, channels=3):
    """Three convolutions with odd numbers of filters, pooling, a dense layer; exact statistics.

    All parameters of batch norm are multiples of a quarter, so that the numbers compared are exact
    and some of them meet the comparison's edge.
    """
    lasagne.random.set_rng(np.random.RandomState(seed))
    options = {"stochastic": False, "nonlinearity": lasagne.nonlinearities.identity}
    network = lasagne.layers.InputLayer((None, channels, 9, 10))
    for number, n_filters in enumerate((37, 33, 5)):
        network = binary_net.Conv2DLayer(network, n_filters, 3, pad=1, **options)
        if number == 1:
            network = lasagne.layers.MaxPool2DLayer(network, (2, 3))
        network = binary_net.BatchNormLayer(network)
        network = lasagne.layers.NonlinearityLayer(network, activation)
    network = binary_net.DenseLayer(network, 6, **options)
    generator = np.random.RandomState(seed)
    for parameter in lasagne.layers.get_all_params(network):
        value = parameter.get_value()
        if parameter.name in ("b", "beta", "gamma", "mean", "inv_std"):
            quarters = generator.randint(-8, 9, value.shape) / 4
            parameter.set_value(quarters.astype(np.float32))
    return network


@pytest.mark.exhaustive
@pytest.mark.parametrize(("activation", "channels"), [(tanh, 3), (sigmoid, 3), (tanh, 5)])
def test_results_of_a_tested_network_are_the_same(activation, channels):
    network = small_network(activation, channels=channels)
    output = lasagne.layers.get_output(network, x4, deterministic=True)
    plain = theano.function(
        [x4], output, mode=theano.compile.get_default_mode().excluding("binary")
    )
    images = np.random.RandomState(3).randint(-4, 5, (5, channels, 9, 10)).astype(np.float32)
    spoilt = images.copy()
    spoilt[2, 1, 0, 0] = np.nan
    for instruction_set in INSTRUCTION_SETS:
        with kernels_with(instruction_set, 2):
            binary = theano.function([x4], output)
            assert any(isinstance(n.op, BinarySigns) for n in binary.maker.fgraph.toposort())
            for batch in (images, images[:1], spoilt):
                np.testing.assert_array_equal(binary(batch), plain(batch))
            found = np.isnan(binary(spoilt))
            assert found[2].all() and not found[:2].any()


FORWARD_REWRITES = (
    *("local_padding_into_conv", "local_binary_conv", "local_binary_dot"),
    *("binary_reshaped_rounding", "binary_conv_signs", "binary_packed_signs", "binary_signs"),
)


@pytest.mark.exhaustive
def test_a_trained_network_is_the_same():
    """Three steps with and without the forward rewrites, from one start."""
    generator = np.random.RandomState(7)
    images = generator.normal(size=(3, 8, 3, 9, 10)).astype(np.float32)
    targets = generator.choice([-1, 1], (3, 8, 6)).astype(np.float32)
    default = theano.compile.get_default_mode()
    courses = []
    for mode in (default, default.excluding(*FORWARD_REWRITES)):
        network, target = small_network(tanh, seed=8), T.matrix()
        loss = T.mean(T.sqr(T.maximum(0, 1 - target * lasagne.layers.get_output(network, x4))))
        weights = lasagne.layers.get_all_params(network, binary=True)
        gradients = binary_net.compute_grads(loss, network)
        updates = lasagne.updates.sgd(gradients, weights, 0.1)
        updates = binary_net.clipping_scaling(updates, network)
        step = theano.function([x4, target], loss, updates=updates, mode=mode)
        kinds = {type(node.op) for node in step.maker.fgraph.toposort()}
        assert ({BinaryConv2d, BinaryDot, BinarySigns} <= kinds) == (mode is default)
        losses = [step(*batch) for batch in zip(images, targets)]
        courses.append([*losses, *lasagne.layers.get_all_param_values(network)])
    for binary, plain in zip(*courses):
        np.testing.assert_array_equal(binary, plain)
