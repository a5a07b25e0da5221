"""The numbers of networks as C arrays, in the layouts of the two runtimes beside this file."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from memorization.export.inference import unit_range
from memorization.export.model import PackedLayer, PackedNetwork
from memorization.export.network import Layer, TrainedNetwork

WORD_BITS = 32


class _Arrays:
    """Writes arrays, and counts their bytes."""

    def __init__(self) -> None:
        self.constant_bytes = 0

    def _bits(self, name: str, rows: np.ndarray) -> str:
        """Rows of bits, each in words of its own."""
        count, bits = rows.shape
        padded = np.zeros((count, WORD_BITS * _words(bits)), bool)
        padded[:, :bits] = rows
        words = np.packbits(padded, axis=1, bitorder="little").view("<u4").ravel()
        return self._array("uint32_t", name, (f"0x{word:08x}" for word in words), words.size)

    def _integers(self, name: str, values: np.ndarray) -> str:
        return self._array("int32_t", name, map(str, values.tolist()), values.size)

    def _floats(self, name: str, values: np.ndarray) -> str:
        texts = (f"{float(value).hex()}f" for value in values)
        return self._array("float", name, texts, values.size)

    def _affine(self, name: str, layer: PackedLayer) -> str:
        assert layer.affine is not None
        parts = ("bias", "mean", "scale", "beta")
        arrays = [self._floats(f"{name}_{p}", a) for p, a in zip(parts, layer.affine)]
        listed = ", ".join(f"{name}_{part}" for part in parts)
        return "\n".join([*arrays, f"static const Affine {name}_affine = {{{listed}}};\n"])

    def _array(self, kind: str, name: str, texts: Iterable[str], count: int, size: int = 4) -> str:
        self.constant_bytes += size * count
        return f"static const {kind} {name}[{count}] = {{\n{_wrapped(texts)}}};\n"

    def _levels(self) -> str:
        """What each byte of an image is to the network."""
        return self._floats("levels", unit_range(np.arange(256, dtype=np.uint8)))


class BinaryData(_Arrays):
    """The data of a network with one bit per weight and activation."""

    runtime = "binary.c"

    def __init__(self, network: PackedNetwork):
        super().__init__()
        self.network = network
        sizes = [
            int(np.prod(layer.output_shape[1:])) * _words(layer.units)
            for layer in network.layers[:-1]
        ]
        # Layers write in turns to the one and to the other.
        self.words = [max(sizes[first::2], default=1) for first in (0, 1)]
        self.workspace_bytes = 4 * sum(self.words)
        self.data = self._make()

    def workspace_fields(self) -> str:
        one, other = self.words
        return f"    uint32_t one[{one}], other[{other}];"

    def macros(self) -> str:
        """What the runtime is compiled for."""
        first, *others = self.network.layers
        return "\n".join(
            [
                f"#define NETWORK_LOW ({self.network.low})",
                f"#define FIRST_UNITS {first.units}",
                f"#define FIRST_WINDOW {3 if first.convolutional else 1}",
                # Between the first layer and the last; -1 where they are one.
                f"#define BIT_LAYERS {len(others) - 1}",
                "",
            ]
        )

    def _make(self) -> str:
        network = self.network
        first, *others = network.layers
        lines = [
            self._levels(),
            self._bits("first_weights", first.positive),
            self._affine("first", first),
        ]
        shape = first.output_shape
        entries = []
        for number, layer in enumerate(others, 1):
            words, inputs, rows, columns = self._weights(f"weights_{number}", layer, shape, lines)
            size = 3 if layer.convolutional else 1
            geometry = ", ".join(
                map(str, (words, inputs, rows, columns, layer.units, size, int(layer.pools)))
            )
            if layer.threshold is not None and layer.flipped is not None:
                lines.append(self._integers(f"threshold_{number}", layer.threshold))
                lines.append(self._bits(f"flipped_{number}", layer.flipped[None]))
                parts = f"weights_{number}, threshold_{number}, flipped_{number}"
                entries.append(f"    {{{parts}, {geometry}}}")
            else:
                lines.append(self._affine("last", layer))
                lines.append(
                    f"static const BitLayer last_layer = {{weights_{number}, NULL, NULL, {geometry}"
                    "};\n"
                )
            shape = layer.output_shape
        if entries:
            text = ",\n".join(entries)
            lines.append(f"static const BitLayer bit_layers[BIT_LAYERS] = {{\n{text}}};\n")
        return "\n".join(lines) + "\n"

    def _weights(self, name: str, layer: PackedLayer, shape: tuple[int, ...], lines: list[str]):
        """Words and inputs of a pixel, rows and columns of what `layer` sees: bits of `shape`.

        A dense layer sees a single pixel, in which each pixel of `shape` fills words of its own.
        """
        pixels = int(np.prod(shape[1:]))
        if layer.convolutional:
            weights = layer.positive.reshape(layer.units, shape[0], 9)
            geometry = (_words(shape[0]), shape[0], *shape[1:])
        else:
            weights = layer.positive.reshape(layer.units, shape[0], pixels)
            geometry = (pixels * _words(shape[0]), shape[0] * pixels, 1, 1)
        lines.append(self._bits(name, weights.transpose(0, 2, 1).reshape(-1, shape[0])))
        return geometry


class RealData(_Arrays):
    """The data of a network whose weights or activations are real."""

    runtime = "real.c"

    def __init__(self, network: TrainedNetwork):
        super().__init__()
        self.network = network
        sizes = [int(np.prod(network.architecture.image_shape))]
        sizes += [int(np.prod(layer.output_shape)) for layer in network.layers[:-1]]
        self.numbers = [max(sizes[first::2], default=1) for first in (0, 1)]
        self.workspace_bytes = 4 * sum(self.numbers)
        self.data = self._make()

    def workspace_fields(self) -> str:
        one, other = self.numbers
        return f"    float one[{one}], other[{other}];"

    def macros(self) -> str:
        """What the runtime is compiled for."""
        architecture = self.network.architecture
        low = "-1.0f" if architecture.activation == "tanh" else "0.0f"
        return "\n".join(
            [
                f"#define BINARY_WEIGHTS {int(architecture.weights == 'binary')}",
                f"#define ACTIVATION_BINARY {int(architecture.activations == 'binary')}",
                f"#define ACTIVATION_HARD {int(architecture.activations == 'hard')}",
                f"#define ACTIVATION_LOW ({low})",
                f"#define LAYERS {len(self.network.layers)}",
                "",
            ]
        )

    def _make(self) -> str:
        lines, entries = [self._levels()], []
        for number, layer in enumerate(self.network.layers):
            lines.append(self._weights(f"weights_{number}", layer))
            parts = [f"{part}_{number}" for part in ("bias", "mean", "scale", "beta")]
            lines += [self._floats(name, array) for name, array in zip(parts, layer.affine())]
            channels, rows, columns = (*layer.input_shape, 1, 1)[:3]
            size = 3 if layer.convolutional else 1
            geometry = (channels, rows, columns, layer.units, size, int(layer.pools))
            told = ", ".join(map(str, geometry))
            entries.append(f"    {{weights_{number}, {{{', '.join(parts)}}}, {told}}}")
        text = ",\n".join(entries)
        return "\n".join([*lines, f"static const Layer layers[LAYERS] = {{\n{text}}};\n\n"])

    def _weights(self, name: str, layer: Layer) -> str:
        values = layer.rows().ravel()
        if not layer.binary:
            return self._floats(name, values)
        bits = np.packbits(values > 0, bitorder="little")
        return self._array("uint8_t", name, (f"0x{byte:02x}" for byte in bits), bits.size, 1)


def _words(bits: int) -> int:
    return -(-bits // WORD_BITS)


def _wrapped(texts: Iterable[str]) -> str:
    lines, line = [], "   "
    for text in texts:
        if len(line) + len(text) + 2 > 100:
            lines.append(line)
            line = "   "
        line += f" {text},"
    return "\n".join([*lines, line.rstrip(",")])
