"""What a network is made of, as the options choose it and as a run's record tells it; no Theano."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from foundations import memory, reading
from foundations.errors import UserError
from memorization import own_network
from memorization.own_network import OwnNetwork

# Filters of the six convolutions, then units of the two hidden dense layers.
WIDTHS = {
    "cifar10": (128, 128, 256, 256, 512, 512, 1024, 1024),
    "svhn": (64, 64, 128, 128, 256, 256, 1024, 1024),
}
CONVOLUTIONS = 6
# A max-pooling follows every second convolution.
POOLINGS = CONVOLUTIONS // 2

KINDS = ("cnn", "mlp")
WEIGHTS = ("binary", "float")
UNITS = ("tanh", "sigmoid")
ACTIVATIONS = ("binary", "hard", "relu")
NORMS = ("batch", "none", "frozen")


@dataclass(frozen=True)
class Architecture:
    """All of a network but the numbers in it.

    - `widths`: filters and units of the hidden layers, in order.
    - `kind`: "cnn", six convolutions with max-pooling after every second one and dense layers, or
      "mlp", dense layers alone.
    - `weights`: "binary", -1 and +1, or "float"; `stochastic`: binary ones are drawn anew for every
      output that is not deterministic.
    - `activation`: the script's unit, "tanh" (-1 and +1) or "sigmoid" (0 and 1); `activations`:
      "binary" for that unit itself, "hard" for its surrogate without rounding, "relu".
    - `dropout`: probabilities after the last hidden layers, before their norm.
    - `norm`: "batch", "none", or "frozen", batch norm whose beta and gamma stay as they begin.
    - `bias`: whether layers have one; `freeze_weights`: weights stay as they begin.
    - `image_shape`: (channels, rows, columns).
    """

    widths: tuple[int, ...]
    kind: str = "cnn"
    weights: str = "binary"
    stochastic: bool = False
    activation: str = "tanh"
    activations: str = "binary"
    dropout: tuple[float, ...] = (0.0, 0.0)
    norm: str = "batch"
    bias: bool = True
    freeze_weights: bool = False
    image_shape: tuple[int, ...] = (3, 32, 32)
    n_classes: int = 10

    @property
    def convolutions(self) -> int:
        """How many of the hidden layers are convolutions."""
        return CONVOLUTIONS if self.kind == "cnn" else 0

    @property
    def outputs(self) -> int:
        """One for each class; of two classes a single one tells, by its sign."""
        return 1 if self.n_classes == 2 else self.n_classes

    @property
    def binary(self) -> bool:
        """Whether both weights and activations have two values."""
        return self.weights == self.activations == "binary"

    @property
    def mixed(self) -> bool:
        """Whether either weights or activations have two values, and the others any."""
        return (self.weights == "binary") != (self.activations == "binary")

    def scaled(self, factor: float) -> Architecture:
        """This one with every width times `factor`, rounded.

        Raises UserError where a layer would vanish, or the weights would not fit the memory.
        """
        named = f"--width {factor:g}{' and this --hidden' if self.kind == 'mlp' else ''}: "
        self._check_memory([width * factor for width in self.widths], named)
        widths = tuple(round(width * factor) for width in self.widths)
        if min(widths, default=1) < 1:
            raise UserError(
                f"--width {factor:g} leaves a layer with nothing in it: the narrowest has "
                f"{min(self.widths)}, so use at least {1 / min(self.widths):g}"
            )
        return replace(self, widths=widths)

    def check(self) -> None:
        """Raise UserError where no such network can be built on this machine."""
        check_images(self.kind, self.image_shape)
        if self.kind == "mlp" and any(self.dropout) and len(self.widths) < len(self.dropout):
            raise UserError(
                f"--dropout is after the last {len(self.dropout)} hidden layers, and --hidden has "
                f"{len(self.widths)}; --dropout 0 0 leaves it out"
            )
        self._check_memory(self.widths, "")

    def _check_memory(self, widths: Sequence[float], named: str) -> None:
        if 16 * self._weights(widths) > memory.available():
            raise UserError(
                f"{named}the weights alone, with their gradients and Adam's moments, are "
                f"more than the {memory.available() / 2**30:.1f} GB of memory that there are"
            )

    def _weights(self, widths: Sequence[float]) -> float:
        """How many weights a network of these `widths` has; biases are left out."""
        channels, rows, columns = self.image_shape
        filters, units = widths[: self.convolutions], widths[self.convolutions :]
        inputs: float = channels * rows * columns
        if filters:
            inputs = filters[-1] * (rows // 2**POOLINGS) * (columns // 2**POOLINGS)
        weights = sum(9 * a * b for a, b in zip((channels, *filters), filters))
        return weights + sum(a * b for a, b in zip((inputs, *units), (*units, self.outputs)))

    def recorded(self) -> dict[str, Any]:
        """The fields, ready for JSON."""
        texts = asdict(self)
        return {name: list(v) if isinstance(v, tuple) else v for name, v in texts.items()}


def check_images(kind: str, image_shape: tuple[int, ...]) -> None:
    """Raise UserError where no network of this `kind` can see such images."""
    _, rows, columns = image_shape
    if kind == "cnn" and min(rows, columns) < 2**POOLINGS:
        raise UserError(
            f"--network cnn pools images to an eighth, and these have {rows} x {columns} pixels; "
            "use --network mlp"
        )


def from_record(network: Mapping[str, Any]) -> Architecture | OwnNetwork:
    """The architecture that `Architecture.recorded` told of, today or by an earlier version.

    What an earlier version did not tell was then as the defaults are. Of a network that a program
    of one's own has built, what `OwnNetwork.recorded` told. Raises ValueError where a field is
    missing, unknown or has a value that none can have.
    """
    if "builder" in network:
        return own_network.from_record(network)
    needed = {"widths": list, "activation": str, "stochastic": bool, "dropout": list}
    reading.check_fields(network, needed)
    values = {**Architecture(()).recorded(), **network}
    _check_kinds(values)
    if unknown := values.keys() - {field.name for field in fields(Architecture)}:
        raise ValueError(f"a network with {reading.printable(', '.join(sorted(unknown)))}")
    lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return Architecture(**{**values, **lists})


def _check_kinds(values: Mapping[str, Any]) -> None:
    reading.check_fields(
        values,
        {
            **{"image_shape": list, "n_classes": int, "bias": bool, "freeze_weights": bool},
            **dict.fromkeys(("kind", "weights", "activations", "norm"), str),
        },
    )
    choices = {
        **{"kind": KINDS, "weights": WEIGHTS, "norm": NORMS},
        **{"activation": UNITS, "activations": ACTIVATIONS},
    }
    for name, allowed in choices.items():
        if values[name] not in allowed:
            raise ValueError(f"{name} is {reading.printable(values[name])}")
    widths = values["widths"]
    wanted = len(WIDTHS["cifar10"]) if values["kind"] == "cnn" else len(widths)
    if len(widths) != wanted or not all(type(n) is int and n > 0 for n in widths):
        raise ValueError(f"widths are {reading.printable(widths)}")
    if not all(type(p) in (int, float) and 0 <= p < 1 for p in values["dropout"]):
        raise ValueError(f"dropout is {reading.printable(values['dropout'])}")
    shape = values["image_shape"]
    if len(shape) != 3 or not all(type(n) is int and 0 < n < 2**16 for n in shape):
        raise ValueError(f"the shape of an image is {reading.printable(shape)}")
