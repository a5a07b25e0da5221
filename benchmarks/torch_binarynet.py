"""BinaryNet as one would write it in PyTorch: the alternative that the benchmarks measure against.

The same networks, loss and updates as `memorization/networks`, in PyTorch's own layers, optimizer
and autograd. Parameters are exchanged with Lasagne's, so that both sides can be seen to compute the
same losses from the same start.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

EPSILON = 1e-4
BETA2 = 0.999


class _BinaryTanh(torch.autograd.Function):
    """+1 where x >= 0, else -1; the gradient passes where |x| <= 1."""

    @staticmethod
    def forward(context, x):
        context.save_for_backward(x)
        return torch.where(x >= 0, 1.0, -1.0)

    @staticmethod
    def backward(context, gradient):
        (x,) = context.saved_tensors
        return gradient * (x.abs() <= 1)


class _BinaryWeights(torch.autograd.Function):
    """+1 where W > 0, else -1; the gradient passes."""

    @staticmethod
    def forward(context, weights):
        return torch.where(weights > 0, 1.0, -1.0)

    @staticmethod
    def backward(context, gradient):
        return gradient


class _MaxPoolToAllMaxima(torch.autograd.Function):
    """2x2 max-pooling whose gradient goes to every maximum of a window, as Theano's does."""

    @staticmethod
    def forward(context, x):
        pooled = F.max_pool2d(x, 2)
        context.save_for_backward(x, pooled)
        return pooled

    @staticmethod
    def backward(context, gradient):
        x, pooled = context.saved_tensors
        at_maximum = x == F.interpolate(pooled, scale_factor=2)
        return F.interpolate(gradient, scale_factor=2) * at_maximum


class BinaryConv2d(nn.Conv2d):
    def forward(self, x):
        return F.conv2d(x, _BinaryWeights.apply(self.weight), self.bias, padding=self.padding)


class BinaryLinear(nn.Linear):
    def forward(self, x):
        return F.linear(x, _BinaryWeights.apply(self.weight), self.bias)


class BinaryNet(nn.Module):
    """`convolutions` 3x3 convolutions on images of 32x32, then dense layers: `networks.build`.

    Without convolutions the first dense layer takes `inputs` numbers.
    Sums of +1 and -1 tie often, and PyTorch gives the gradient of max-pooling to one of the maxima.
    With `gradient_to_all_maxima` it is Theano's, for comparing numbers; timings use PyTorch's own.
    """

    def __init__(
        self,
        widths: Sequence[int],
        classes: int = 10,
        gradient_to_all_maxima: bool = False,
        convolutions: int = 6,
        inputs: int = 0,
    ):
        super().__init__()
        self._pool = (
            _MaxPoolToAllMaxima.apply if gradient_to_all_maxima else lambda x: F.max_pool2d(x, 2)
        )
        channels = (3, *widths[:convolutions])
        self.convolutions = nn.ModuleList(
            BinaryConv2d(a, b, 3, padding=1) for a, b in itertools.pairwise(channels)
        )
        flat = channels[-1] * 16 if convolutions else inputs
        units = (flat, *widths[convolutions:], classes)
        self.dense = nn.ModuleList(BinaryLinear(a, b) for a, b in itertools.pairwise(units))
        # PyTorch's momentum is Lasagne's alpha.
        self.conv_norms = nn.ModuleList(nn.BatchNorm2d(n, EPSILON, 0.1) for n in channels[1:])
        self.dense_norms = nn.ModuleList(nn.BatchNorm1d(n, EPSILON, 0.1) for n in units[1:])

    def forward(self, x):
        for number, (layer, norm) in enumerate(zip(self.convolutions, self.conv_norms)):
            x = layer(x)
            if number % 2:
                x = self._pool(x)
            x = _BinaryTanh.apply(norm(x))
        x = x.flatten(1)
        for layer, norm in zip(self.dense[:-1], self.dense_norms[:-1]):
            x = _BinaryTanh.apply(norm(layer(x)))
        return self.dense_norms[-1](self.dense[-1](x))

    @torch.no_grad()
    def load(self, parameters: Sequence[np.ndarray]) -> None:
        """Take over Lasagne's parameters: per layer W, b, beta, gamma, mean, inv_std."""
        layers = [*self.convolutions, *self.dense]
        norms = [*self.conv_norms, *self.dense_norms]
        for number, (layer, norm) in enumerate(zip(layers, norms)):
            arrays = [torch.from_numpy(a.copy()) for a in parameters[6 * number : 6 * number + 6]]
            W, b, beta, gamma, mean, inv_std = arrays
            # Theano's convolution flips the filters, and its dense weights are (inputs, units).
            layer.weight.copy_(W.flip(2, 3) if W.ndim == 4 else W.t())
            layer.bias.copy_(b)
            norm.bias.copy_(beta)
            norm.weight.copy_(gamma)
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(inv_std**-2 - EPSILON)


def squared_hinge(output, labels):
    """`max(0, 1 - target * output) ** 2` per image and class, targets +1 and -1."""
    targets = 2.0 * F.one_hot(labels, output.shape[1]).to(output.dtype) - 1.0
    return F.relu(1.0 - targets * output).square()


def to_unit_range(images):
    """uint8 images to float32 in [-1, 1]; others as they are."""
    if images.dtype != torch.uint8:
        return images
    return images.float() * (2.0 / 255) - 1.0


class Trainer:
    """Training and testing of a BinaryNet on uint8 images.

    `compile_options` are torch.compile's, None for none. With `bfloat16` convolutions and products
    are computed in it, as autocast has it; with `channels_last` images and filters lie in memory
    that way. `shape` are BinaryNet's `convolutions` and `inputs`.
    """

    def __init__(
        self,
        widths: Sequence[int],
        device: str = "cpu",
        compile_options=None,
        gradient_to_all_maxima: bool = False,
        bfloat16: bool = False,
        channels_last: bool = False,
        **shape,
    ):
        model = BinaryNet(widths, gradient_to_all_maxima=gradient_to_all_maxima, **shape)
        self._format = torch.channels_last if channels_last else torch.contiguous_format
        self._precision = torch.autocast(device, torch.bfloat16, enabled=bfloat16)
        self.model = model.to(device, memory_format=self._format)
        layers = [*self.model.convolutions, *self.model.dense]
        # Adam's step is proportional to the learning rate, so that scaling one scales the other.
        groups = [{"params": [layer.weight], "scale": self._scale(layer)} for layer in layers]
        binary = {id(layer.weight) for layer in layers}
        others = [p for p in self.model.parameters() if id(p) not in binary]
        groups.append({"params": others, "scale": 1.0})
        self.optimizer = torch.optim.Adam(groups, lr=1e-3, betas=(0.9, BETA2), fused=True)
        self._steps = 0
        self._weights = [layer.weight for layer in layers]
        self._loss, self._test = self._forward_loss, self._forward_test
        if compile_options is not None:
            self._loss = torch.compile(self._loss, **compile_options)
            self._test = torch.compile(self._test, **compile_options)

    def lasagne_weights(self) -> list[np.ndarray]:
        """The real-valued weights in Lasagne's layout, filters flipped, dense (inputs, units)."""
        arrays = [weight.detach().cpu() for weight in self._weights]
        return [(W.flip(2, 3) if W.ndim == 4 else W.t()).numpy() for W in arrays]

    @staticmethod
    def _scale(layer) -> float:
        area = layer.weight[0, 0].numel() if layer.weight.ndim == 4 else 1
        fans = (layer.weight.shape[0] + layer.weight.shape[1]) * area
        return (fans / 1.5) ** 0.5

    def _output(self, images):
        with self._precision:
            images = to_unit_range(images).contiguous(memory_format=self._format)
            return self.model(images).float()

    def _forward_loss(self, images, labels):
        return squared_hinge(self._output(images), labels).mean()

    def _forward_test(self, images, labels):
        output = self._output(images)
        return squared_hinge(output, labels).mean(dim=1), output.argmax(dim=1)

    def step(self, images, labels, learning_rate: float):
        """One training step on images (n, 3, 32, 32) uint8 and labels (n,); the mean loss."""
        self.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        loss = self._loss(images, labels)
        loss.backward()
        self._steps += 1
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate * group["scale"]
            # Lasagne adds epsilon before the bias correction, PyTorch after it.
            group["eps"] = 1e-8 / (1 - BETA2**self._steps) ** 0.5
        self.optimizer.step()
        with torch.no_grad():
            for weight in self._weights:
                weight.clamp_(-1.0, 1.0)
        return loss.detach()

    @torch.no_grad()
    def test(self, images, labels):
        """Each image's loss and predicted class, with the stored averages."""
        self.model.eval()
        return self._test(images, labels)
