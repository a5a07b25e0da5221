"""Softmax and its fusions with the cross-entropy."""

from __future__ import annotations

import torch
from theano.tensor.nnet.nnet import (
    CrossentropyCategorical1Hot,
    CrossentropyCategorical1HotGrad,
    CrossentropySoftmax1HotWithBiasDx,
    CrossentropySoftmaxArgmax1HotWithBias,
    LogSoftmax,
    Softmax,
    SoftmaxGrad,
    SoftmaxWithBias,
)

from theano_engine.torch_linker.dispatch.registry import handles


@handles(Softmax)
def softmax(op, node):
    def softmax(x):
        return torch.softmax(x, -1)

    return softmax


@handles(LogSoftmax)
def log_softmax(op, node):
    def log_softmax(x):
        return torch.log_softmax(x, -1)

    return log_softmax


@handles(SoftmaxWithBias)
def softmax_with_bias(op, node):
    def softmax_with_bias(x, bias):
        return torch.softmax(x + bias, -1)

    return softmax_with_bias


@handles(SoftmaxGrad)
def softmax_gradient(op, node):
    def softmax_gradient(gradient, softmax):
        product = gradient * softmax
        return product - product.sum(1, keepdim=True) * softmax

    return softmax_gradient


@handles(CrossentropySoftmaxArgmax1HotWithBias)
def crossentropy_softmax_argmax(op, node):
    def crossentropy_softmax_argmax(x, bias, labels):
        x = x + bias
        losses = -torch.log_softmax(x, 1).gather(1, labels.long()[:, None])[:, 0]
        return losses, torch.softmax(x, 1), torch.argmax(x, 1).to(labels.dtype)

    return crossentropy_softmax_argmax


@handles(CrossentropySoftmax1HotWithBiasDx)
def crossentropy_softmax_gradient(op, node):
    def crossentropy_softmax_gradient(gradient, softmax, labels):
        gradient = gradient.expand(labels.shape)[:, None]
        return gradient * (softmax - _one_hot(softmax, labels))

    return crossentropy_softmax_gradient


@handles(CrossentropyCategorical1Hot)
def crossentropy(op, node):
    def crossentropy(probabilities, labels):
        return -torch.log(probabilities.gather(1, labels.long()[:, None])[:, 0])

    return crossentropy


@handles(CrossentropyCategorical1HotGrad)
def crossentropy_gradient(op, node):
    def crossentropy_gradient(gradient, probabilities, labels):
        return -gradient[:, None] * _one_hot(probabilities, labels) / probabilities

    return crossentropy_gradient


def _one_hot(like, labels):
    return torch.zeros_like(like).scatter(1, labels.long()[:, None], 1.0)
