"""Networks that a program of one's own builds: how a record names them, and how they are rebuilt.

A record names the function that built the network, `module:function`, and the SHA-256 of its file.
That code is run again only where its name is given.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from foundations import reading
from foundations.errors import UserError
from foundations.reading import printable

# image_shape (channels, rows, columns), outputs -> the output layer (batch, outputs).
Builder = Callable[[tuple[int, ...], int], Any]


@dataclass(frozen=True)
class OwnNetwork:
    """What a record tells of such a network, in the place of an `Architecture`."""

    builder: str
    sha256: str
    image_shape: tuple[int, ...]
    n_classes: int

    # Nothing is known of it that a rewrite or a penalty could build on.
    binary: ClassVar[bool] = False
    mixed: ClassVar[bool] = False
    freeze_weights: ClassVar[bool] = False

    @property
    def outputs(self) -> int:
        """How many outputs it has: one for each class, a single one for two."""
        return 1 if self.n_classes == 2 else self.n_classes

    def recorded(self) -> dict[str, Any]:
        """The fields, ready for JSON."""
        return {
            "builder": self.builder,
            "sha256": self.sha256,
            "image_shape": list(self.image_shape),
            "n_classes": self.n_classes,
        }

    def build(self, builder: Builder) -> Any:
        """The output layer that `builder` gives; UserError where it is not of this form."""
        output = builder(self.image_shape, self.outputs)
        shape = getattr(output, "output_shape", None)
        if shape is None or len(shape) != 2 or shape[1] != self.outputs:
            raise UserError(
                f"{self.builder} gives {printable(shape or type(output).__name__)}; wanted is an "
                f"output layer of shape (None, {self.outputs})"
            )
        return output


def described(builder: Builder, image_shape: tuple[int, ...], n_classes: int) -> OwnNetwork:
    """`builder` as a record names it; UserError where it could not be found again by its name."""
    name = getattr(builder, "__qualname__", "")
    module = sys.modules.get(getattr(builder, "__module__", ""))
    source = None if module is None else getattr(module, "__file__", None)
    if source is None or getattr(module, name, None) is not builder:
        raise UserError(
            f"the network's builder {printable(name or builder)} is no function at the top of a "
            "file, where the evaluation could find it again"
        )
    assert module is not None
    # Of a script, the name under which it can be imported.
    of_module = Path(source).stem if module.__name__ == "__main__" else module.__name__
    return OwnNetwork(f"{of_module}:{name}", _digest(Path(source)), image_shape, n_classes)


def from_record(network: Mapping[str, Any]) -> OwnNetwork:
    """What `OwnNetwork.recorded` told of; ValueError where a field is none that it can be."""
    needed = {"builder": str, "sha256": str, "image_shape": list, "n_classes": int}
    reading.check_fields(network, needed)
    if unknown := network.keys() - needed:
        raise ValueError(f"a network with {printable(', '.join(sorted(unknown)))}")
    shape = network["image_shape"]
    if len(shape) != 3 or not all(type(n) is int and 0 < n < 2**16 for n in shape):
        raise ValueError(f"the shape of an image is {printable(shape)}")
    return OwnNetwork(**{**network, "image_shape": tuple(shape)})


def rebuilt(network: OwnNetwork, named: str | None) -> Any:
    """The output layer of a run's network, by the function `named` with --builder.

    `named` is `module:function` or `file.py:function`. Raises UserError where it is not given, is
    not the run's, or its file has changed since.
    """
    shown = printable(network.builder)
    if named is None:
        raise UserError(
            f"the network was built by {shown}, a program of one's own, which is run only where "
            f"it is named: --builder {shown}"
        )
    place, _, function = named.rpartition(":")
    module = _imported(place, named)
    if f"{module.__name__}:{function}" != network.builder:
        raise UserError(f"--builder {printable(named)}: the run's network was built by {shown}")
    if _digest(Path(inspect.getfile(module))) != network.sha256:
        raise UserError(
            f"--builder {printable(named)}: its file has changed since the run, so that it may "
            "build another network; evaluate with the file as it was"
        )
    builder = getattr(module, function, None)
    if not callable(builder):
        raise UserError(f"--builder {printable(named)}: no function {printable(function)} there")
    return network.build(builder)


def _imported(place: str, named: str) -> ModuleType:
    try:
        if not place.endswith(".py"):
            # As `python -m` finds it.
            sys.path.append(os.getcwd())
            return importlib.import_module(place)
        path = Path(place)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    except (ImportError, OSError, ValueError, SyntaxError) as error:
        raise UserError(
            f"--builder {printable(named)}: {printable(error)}; give module:function or "
            "file.py:function"
        ) from error


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
