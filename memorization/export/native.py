"""Scores of a packed network by a kernel that is compiled for the processor at hand.

The same bits as `inference.scores`, by population counts on whole vectors, on any number of
threads. It needs a C compiler: the one that the environment's CC names, else cc.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from foundations.errors import UserError
from foundations.reading import printable
from memorization.export.inference import unit_range
from memorization.export.model import PackedLayer, PackedNetwork

SOURCE = Path(__file__).with_name("native.c")
BLOCK = 16
WORD_BITS = 64
# Without contraction of products and sums; -Wno-psabi, since no vectors cross the library's border.
OPTIONS = ("-std=gnu11", "-O3", "-ffp-contract=off", "-fopenmp", "-shared", "-fPIC", "-Wno-psabi")

_POINTER, _INTEGER = ctypes.c_void_p, ctypes.c_int64
_GEOMETRY = ("rows", "columns", "convolutional", "pools", "next_border")


class _FirstLayer(ctypes.Structure):
    _fields_ = (
        *((name, _POINTER) for name in ("weights", "offsets", "affine")),
        *((name, _INTEGER) for name in ("blocks", "terms", "channels", *_GEOMETRY)),
    )


class _BitLayer(ctypes.Structure):
    _fields_ = (
        *((n, _POINTER) for n in ("weights", "threshold", "flipped", "outside", "affine")),
        *((name, _INTEGER) for name in ("blocks", "words", "inputs", *_GEOMETRY)),
    )


class _Network(ctypes.Structure):
    _fields_ = (
        ("first", _FirstLayer),
        ("layers", _POINTER),
        *((name, _INTEGER) for name in ("count", "low", "outputs")),
    )


class NativeNetwork:
    """A packed network with the kernel that computes it.

    `options` are added to the compiler's; without any it is told to compile for this processor.
    Raises UserError where nothing can be compiled. One call of `scores` at a time.
    """

    def __init__(self, network: PackedNetwork, options: tuple[str, ...] = ("-march=native",)):
        self.network = network
        self._compute = _compiled(options).packed_scores
        # What the structures point to, kept for as long as they are.
        self._held: list[np.ndarray] = []
        first, *others = network.layers
        borders = [int(layer.convolutional) for layer in network.layers]
        self._layers = (_BitLayer * len(others))()
        self._sizes = []
        shape = first.output_shape
        for number, layer in enumerate(others):
            self._layers[number] = self._bit_layer(layer, shape, [*borders[2:], 0][number])
            rows, columns = (size + 2 * borders[number + 1] for size in (*shape[1:], 1, 1)[:2])
            self._sizes.append(rows * columns * _count(shape[0], WORD_BITS))
            shape = layer.output_shape
        self._structure = _Network(
            self._first_layer(first, [*borders[1:], 0][0]),
            ctypes.cast(self._layers, _POINTER),
            len(others),
            network.low,
            network.layers[-1].units,
        )
        self._scratch: list[np.ndarray] = []

    def scores(self, images: np.ndarray, threads: int = 1) -> np.ndarray:
        """The outputs (n, outputs) float32 for images as `inference.scores` takes them."""
        first = self.network.layers[0]
        x = unit_range(images)
        if first.convolutional:
            x = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        x = np.ascontiguousarray(x.reshape(len(x), int(np.prod(x.shape[1:]))))
        units = self.network.layers[-1].units
        found = np.empty((len(x), BLOCK * _count(units, BLOCK)), np.float32)
        self._compute(
            ctypes.byref(self._structure),
            _INTEGER(len(x)),
            _POINTER(x.ctypes.data),
            _INTEGER(x.shape[1]),
            self._buffers(threads),
            ctypes.c_int(threads),
            _INTEGER(found.shape[1]),
            _POINTER(found.ctypes.data),
        )
        return found[:, :units].copy()

    def _buffers(self, threads: int):
        """Activations of every layer, for each thread; borders stay zero from call to call."""
        count = threads * (len(self._sizes) + 1)
        while len(self._scratch) < count:
            self._scratch += [np.zeros(size, np.uint64) for size in (*self._sizes, 1)]
        return (_POINTER * count)(*(array.ctypes.data for array in self._scratch[:count]))

    def _kept(self, array: np.ndarray) -> int:
        """The address of `array`, which stays."""
        self._held.append(np.ascontiguousarray(array))
        return self._held[-1].ctypes.data

    def _first_layer(self, layer: PackedLayer, next_border: int) -> _FirstLayer:
        terms = layer.positive.shape[1]
        offsets = np.arange(terms)
        channels, rows, columns = (*layer.input_shape, 1, 1)[:3]
        if layer.convolutional:
            channel, row, column = np.unravel_index(offsets, (channels, 3, 3))
            offsets = (channel * (rows + 2) + row) * (columns + 2) + column
        weights = np.where(layer.positive, np.float32(1), np.float32(-1))
        return _FirstLayer(
            self._kept(_blocks(weights).transpose(0, 2, 1)),
            self._kept(offsets.astype(np.int64)),
            self._kept(_affine_blocks(layer)),
            _count(layer.units, BLOCK),
            terms,
            channels,
            *(rows, columns, layer.convolutional, layer.pools, next_border),
        )

    def _bit_layer(self, layer: PackedLayer, shape: tuple[int, ...], next_border: int) -> _BitLayer:
        """`layer` behind one whose outputs have `shape`."""
        pixels = int(np.prod(shape[1:]))
        window = 9 if layer.convolutional else pixels
        inputs = shape[0] if layer.convolutional else shape[0] * pixels
        # A dense layer sees one pixel, in which every pixel of `shape` fills words of its own.
        positive = layer.positive.reshape(layer.units, shape[0], window).transpose(0, 2, 1)
        bits = np.zeros((*positive.shape[:2], WORD_BITS * _count(shape[0], WORD_BITS)), bool)
        bits[..., : shape[0]] = positive
        words = np.packbits(bits, axis=2, bitorder="little").view("<u8").astype(np.uint64)
        outside = None
        if layer.convolutional and self.network.low:
            added = _blocks(inputs - 2 * positive.sum(axis=2, dtype=np.int64))
            outside = self._kept(added.transpose(0, 2, 1))
        threshold, flipped, affine = None, None, None
        if layer.threshold is None or layer.flipped is None:
            affine = self._kept(_affine_blocks(layer))
        else:
            beyond = np.iinfo(np.int64).max
            threshold = self._kept(_blocks(layer.threshold.astype(np.int64), beyond))
            packed = np.packbits(_blocks(layer.flipped), axis=1, bitorder="little")
            flipped = self._kept(packed.view("<u2").astype(np.uint16))
        rows, columns = layer.input_shape[1:] if layer.convolutional else (1, 1)
        return _BitLayer(
            self._kept(_blocks(words.reshape(layer.units, -1)).transpose(0, 2, 1)),
            *(threshold, flipped, outside, affine),
            _count(layer.units, BLOCK),
            words.shape[2] * (1 if layer.convolutional else pixels),
            inputs,
            *(rows, columns, layer.convolutional, layer.pools, next_border),
        )


def _count(items: int, size: int) -> int:
    return -(-items // size)


def _blocks(rows: np.ndarray, filling=0) -> np.ndarray:
    """Rows (units, ...) as (blocks, BLOCK, ...), the last block filled up."""
    count = _count(len(rows), BLOCK)
    filled = np.full((count * BLOCK, *rows.shape[1:]), filling, rows.dtype)
    filled[: len(rows)] = rows
    return filled.reshape(count, BLOCK, *rows.shape[1:])


def _affine_blocks(layer: PackedLayer) -> np.ndarray:
    assert layer.affine is not None
    bias, mean, scale, beta = layer.affine
    # A beta of -2 is low, whatever the sum.
    padded = [_blocks(values) for values in (bias, mean, scale)] + [_blocks(beta, -2)]
    return np.stack(padded, axis=1)


def _compiled(options: tuple[str, ...]) -> ctypes.CDLL:
    """The library that SOURCE is; its file is gone as soon as it is loaded."""
    compiler = shlex.split(os.environ.get("CC", "")) or ["cc"]
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "native.so"
        command = [*compiler, *OPTIONS, *options, str(SOURCE), "-o", str(library)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        except OSError as error:
            raise UserError(
                f"no C compiler: {printable(compiler[0])}: {error.strerror}; install one, or name "
                "it in CC"
            ) from None
        if done.returncode:
            said = done.stderr.strip().splitlines()[-1:] or ["it failed"]
            raise UserError(f"{printable(shlex.join(compiler))}: {printable(said[0])}")
        return ctypes.CDLL(str(library))
