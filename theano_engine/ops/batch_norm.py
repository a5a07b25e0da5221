"""Training-time batch normalisation as one Op, and its gradient as another.

`batch_normalization_train` puts an abstract Op into the graph. A rewrite either gives it a kernel
or opens it into the elementwise graph that it stands for (`theano_engine.rewrites.batch_norm`).
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import theano
import theano.scalar as scalar
import theano.tensor as T
from theano.gof import Apply, Op, ParamsType
from theano.gradient import DisconnectedType

from theano_engine.ops.kernel_op import KernelOp

ACTIVATIONS = {None: 0, "tanh": 1, "sigmoid": 2}


def batch_normalization_train(x, gamma, beta, epsilon):
    """`(y, mean, inv_std)` of a batch: `y = (x - mean) * (gamma * inv_std) + beta`.

    `x` (batch, channels, ...) float; `gamma` and `beta` (channels,). `mean` and
    `inv_std = 1 / sqrt(variance + epsilon)`, both (channels,), are taken over all axes but the
    second, with the biased variance (Ioffe and Szegedy, arXiv 1502.03167, algorithm 1; semantics of
    Lasagne 0.2).
    """
    return BatchNormTrain(epsilon)(x, gamma, beta)


def plain_graph(x, gamma, beta, epsilon):
    """The outputs of `batch_normalization_train` as Theano's elementwise Ops and sums."""
    axes = (0, *range(2, x.ndim))
    pattern = ("x", 0, *("x",) * (x.ndim - 2))
    mean = x.mean(axes)
    inv_std = T.inv(T.sqrt(x.var(axes) + epsilon))
    y = (x - mean.dimshuffle(pattern)) * (gamma * inv_std).dimshuffle(pattern)
    return [y + beta.dimshuffle(pattern), mean, inv_std]


def normalized_by(x, axes, mean, inv_std, gamma=None, beta=None):
    """`(x - mean) * (gamma * inv_std) + beta`, without `gamma` or `beta` where it is None.

    The statistics, `gamma` and `beta` have the axes of `x` that are not among `axes`.
    """
    kept = iter(range(x.ndim - len(axes)))
    pattern = ["x" if axis in axes else next(kept) for axis in range(x.ndim)]
    scale = inv_std if gamma is None else gamma * inv_std
    output = (x - mean.dimshuffle(pattern)) * scale.dimshuffle(pattern)
    return output if beta is None else output + beta.dimshuffle(pattern)


class BatchNormTrain(Op):
    """Abstract: see `batch_normalization_train`; `perform` serves graphs that no rewrite saw."""

    __props__ = ("epsilon",)

    def __init__(self, epsilon):
        self.epsilon = float(epsilon)

    def make_node(self, x, gamma, beta):
        x, gamma, beta = (T.as_tensor_variable(v) for v in (x, gamma, beta))
        if x.ndim < 2 or gamma.ndim != 1 or beta.ndim != 1 or "float" not in x.dtype:
            raise TypeError(
                "batch norm takes float (batch, channels, ...) and two vectors, got "
                f"{x.type}, {gamma.type}, {beta.type}"
            )
        gamma, beta = (T.cast(v, x.dtype) for v in (gamma, beta))
        statistic = T.TensorType(x.dtype, (False,))
        return Apply(self, [x, gamma, beta], [x.type(), statistic(), statistic()])

    def infer_shape(self, node, shapes):
        return [shapes[0], (shapes[0][1],), (shapes[0][1],)]

    def connection_pattern(self, node):
        return [[True, True, True], [True, False, False], [True, False, False]]

    def perform(self, node, inputs, outputs):
        x, gamma, beta = inputs
        axes = (0, *range(2, x.ndim))
        mean = x.mean(axes, dtype="float64", keepdims=True).astype(x.dtype)
        variance = np.square(x - mean).mean(axes, dtype="float64", keepdims=True)
        inv_std = (1 / np.sqrt(variance.astype(x.dtype) + x.dtype.type(self.epsilon))).astype(
            x.dtype
        )
        shape = mean.shape
        y = (x - mean) * (gamma.reshape(shape) * inv_std) + beta.reshape(shape)
        outputs[0][0], outputs[1][0], outputs[2][0] = y, mean.ravel(), inv_std.ravel()

    def L_op(self, inputs, outputs, output_gradients):
        gradients = [T.zeros_like(x) for x in inputs]
        to_y, *to_statistics = output_gradients
        if not isinstance(to_y.type, DisconnectedType):
            gradients = BatchNormTrainGrad(self.epsilon)(*inputs, *outputs[1:], to_y)
        x, gamma, beta = inputs
        _, *statistics = plain_graph(x, gamma, beta, self.epsilon)
        known = OrderedDict(
            (statistic, gradient)
            for statistic, gradient in zip(statistics, to_statistics)
            if not isinstance(gradient.type, DisconnectedType)
        )
        if known:
            direct = theano.grad(None, x, known_grads=known)
            gradients = [gradients[0] + direct, *gradients[1:]]
        return gradients


class BatchNormTrainGrad(Op):
    """Abstract: the gradients for (x, gamma, beta), given those inputs, mean, inv_std and y's."""

    __props__ = ("epsilon",)

    def __init__(self, epsilon):
        self.epsilon = float(epsilon)

    def make_node(self, x, gamma, beta, mean, inv_std, gradient):
        inputs = [T.as_tensor_variable(v) for v in (x, gamma, beta, mean, inv_std, gradient)]
        return Apply(self, inputs, [inputs[0].type(), inputs[1].type(), inputs[2].type()])

    def infer_shape(self, node, shapes):
        return shapes[:3]

    def perform(self, node, inputs, outputs):
        x, gamma, _beta, mean, inv_std, gradient = inputs
        axes = (0, *range(2, x.ndim))
        shape = (1, -1) + (1,) * (x.ndim - 2)
        count = x.size / max(x.shape[1], 1)
        difference = x - mean.reshape(shape)
        total = gradient.sum(axes, dtype="float64")
        projected = (gradient * difference).sum(axes, dtype="float64")
        slope = (projected / count * inv_std**2).astype(x.dtype).reshape(shape)
        average = (total / count).astype(x.dtype).reshape(shape)
        scale = (gamma * inv_std).reshape(shape)
        outputs[0][0] = scale * (gradient - average - difference * slope)
        outputs[1][0] = (projected * inv_std).astype(gamma.dtype)
        outputs[2][0] = total.astype(gamma.dtype)

    def grad(self, inputs, output_gradients):
        return theano.grad(
            None,
            inputs,
            known_grads=OrderedDict(zip(self.plain(inputs), output_gradients)),
            disconnected_inputs="ignore",
        )

    def plain(self, inputs):
        """The gradients of the plain graph, as Theano derives them."""
        x, gamma, beta, _mean, _inv_std, gradient = inputs
        y = plain_graph(x, gamma, beta, self.epsilon)[0]
        return theano.grad(None, [x, gamma, beta], known_grads={y: gradient})


class _BatchNormKernel(KernelOp):
    kernel = "batch_norm.h"

    def c_support_code(self):
        return super().c_support_code() + _SUPPORT_CODE


class BatchNormTrainKernel(_BatchNormKernel):
    """`BatchNormTrain` on float32, followed by the binary activation `activation` if there is one.

    Inputs: x, gamma, beta; outputs: y or its activation ("tanh": -1 and +1, "sigmoid": 0 and 1),
    mean, inv_std.
    """

    __props__ = ("epsilon", "activation")
    params_type = ParamsType(epsilon=scalar.float64, activation=scalar.int64)

    def __init__(self, epsilon, activation=None):
        self.epsilon = float(epsilon)
        self.activation = activation
        if activation is not None:
            self.output_values = {0: frozenset({-1.0 if activation == "tanh" else 0.0, 1.0})}

    def get_params(self, node):
        return self.params_type.get_params(
            epsilon=self.epsilon, activation=ACTIVATIONS[self.activation]
        )

    make_node = BatchNormTrain.make_node
    infer_shape = BatchNormTrain.infer_shape

    def c_code(self, node, name, inputs, outputs, sub):
        x, gamma, beta = inputs
        y, mean, inv_std = outputs
        fail, params = sub["fail"], sub["params"]
        return f"""
        {{
            batch_norm::Shape shape = channel_shape({x});
            npy_intp channels[1] = {{shape.channels}};
            if (!has_channels({gamma}, shape) || !has_channels({beta}, shape)
                || !fresh_output(&{y}, PyArray_NDIM({x}), PyArray_DIMS({x}))
                || !fresh_output(&{mean}, 1, channels) || !fresh_output(&{inv_std}, 1, channels))
                {{ {fail} }}
            Contiguous x({x}), gamma({gamma}), beta({beta});
            if (!x.array || !gamma.array || !beta.array) {{ {fail} }}
            Py_BEGIN_ALLOW_THREADS
            batch_norm::forward(shape, {params}->activation, x.data(), gamma.data(), beta.data(),
                                {params}->epsilon, kernel_threads(), (float *)PyArray_DATA({y}),
                                (float *)PyArray_DATA({mean}), (float *)PyArray_DATA({inv_std}));
            Py_END_ALLOW_THREADS
        }}
        """


class BatchNormTrainGradKernel(_BatchNormKernel):
    """`BatchNormTrainGrad` on float32; `masked`, through a binary activation's clipping too.

    With `masked`, the incoming gradient counts `factor`-fold where `0 <= (y + 1) / 2 <= 1` and
    nowhere else; `y` is computed again from x.
    """

    __props__ = ("masked", "factor")
    params_type = ParamsType(masked=scalar.int64, factor=scalar.float64)

    def __init__(self, masked=False, factor=1.0):
        self.masked = bool(masked)
        self.factor = float(factor)

    def get_params(self, node):
        return self.params_type.get_params(masked=int(self.masked), factor=self.factor)

    make_node = BatchNormTrainGrad.make_node
    infer_shape = BatchNormTrainGrad.infer_shape

    def c_code(self, node, name, inputs, outputs, sub):
        x, gamma, beta, mean, inv_std, gradient = inputs
        vectors = (gamma, beta, mean, inv_std)
        checks = " || ".join(f"!has_channels({v}, shape)" for v in vectors)
        x_gradient, gamma_gradient, beta_gradient = outputs
        fail, params = sub["fail"], sub["params"]
        return f"""
        {{
            batch_norm::Shape shape = channel_shape({x});
            npy_intp channels[1] = {{shape.channels}};
            if ({checks}) {{ {fail} }}
            if (!PyArray_SAMESHAPE({x}, {gradient})) {{
                PyErr_SetString(PyExc_ValueError, "batch norm: x and gradient differ in shape");
                {fail}
            }}
            if (!fresh_output(&{x_gradient}, PyArray_NDIM({x}), PyArray_DIMS({x}))
                || !fresh_output(&{gamma_gradient}, 1, channels)
                || !fresh_output(&{beta_gradient}, 1, channels)) {{ {fail} }}
            Contiguous x({x}), gradient({gradient}), gamma({gamma}), beta({beta}), mean({mean}),
                inv_std({inv_std});
            if (!x.array || !gradient.array || !gamma.array || !beta.array || !mean.array
                || !inv_std.array) {{ {fail} }}
            Py_BEGIN_ALLOW_THREADS
            batch_norm::backward(shape, {params}->masked, x.data(), gradient.data(), gamma.data(),
                                 beta.data(), mean.data(), inv_std.data(), {params}->factor,
                                 kernel_threads(), (float *)PyArray_DATA({x_gradient}),
                                 (float *)PyArray_DATA({gamma_gradient}),
                                 (float *)PyArray_DATA({beta_gradient}));
            Py_END_ALLOW_THREADS
        }}
        """


class ChannelSum(_BatchNormKernel):
    """Sum of float32 (batch, channels, ...) over all axes but the second, in double precision."""

    __props__ = ()

    def make_node(self, x):
        x = T.as_tensor_variable(x)
        return Apply(self, [x], [T.TensorType("float32", (x.broadcastable[1],))()])

    def infer_shape(self, node, shapes):
        return [(shapes[0][1],)]

    def c_code(self, node, name, inputs, outputs, sub):
        (x,), (sums,), fail = inputs, outputs, sub["fail"]
        return f"""
        {{
            batch_norm::Shape shape = channel_shape({x});
            npy_intp channels[1] = {{shape.channels}};
            if (!fresh_output(&{sums}, 1, channels)) {{ {fail} }}
            Contiguous x({x});
            if (!x.array) {{ {fail} }}
            Py_BEGIN_ALLOW_THREADS
            batch_norm::channel_sums(shape, x.data(), kernel_threads(),
                                     (float *)PyArray_DATA({sums}));
            Py_END_ALLOW_THREADS
        }}
        """


_SUPPORT_CODE = """
static batch_norm::Shape channel_shape(PyArrayObject *array) {
    batch_norm::Shape shape = {PyArray_DIM(array, 0), PyArray_DIM(array, 1), 1, 1};
    shape.sizes[0] = (float)shape.batch;
    for (int axis = 2; axis < PyArray_NDIM(array); axis++) {
        shape.pixels *= PyArray_DIM(array, axis);
        shape.sizes[shape.averaged++] = (float)PyArray_DIM(array, axis);
    }
    return shape;
}

static bool has_channels(PyArrayObject *vector, const batch_norm::Shape &shape) {
    if (PyArray_DIM(vector, 0) == shape.channels) return true;
    PyErr_Format(PyExc_ValueError, "batch norm: %lld values for %lld channels",
                 (long long)PyArray_DIM(vector, 0), (long long)shape.channels);
    return false;
}
"""
