"""The file of a packed network, described byte by byte in docs/export.md.

HDF5 behind a header of 512 bytes, which tells the version and the checksum of the rest: damaged and
foreign files, and those of a later version, are known before HDF5 looks at them.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from foundations import files, reading
from foundations.reading import printable
from memorization.architecture import UNITS
from memorization.export.model import MOST_INPUTS, PackedLayer, PackedNetwork

MAGIC = b"BINARYNETPACKED\n"
VERSION = 1
# Magic, version, bytes of the whole file, SHA-256 of what follows the header.
HEADER = struct.Struct("<16sIQ32s")
HEADER_BYTES = 512

AFFINE = ("bias", "mean", "scale", "beta")
KINDS = ("convolution", "dense")

# Far beyond any network here; what claims more is damaged, or meant to fill the memory.
MOST_LAYERS = 1000
MOST_BYTES = 1 << 30
MOST_NUMBERS_OF_A_LAYER = 1 << 28


def is_packed(path: Path) -> bool:
    """Whether the file at `path`, if there is one, begins as a packed network does."""
    try:
        with open(path, "rb") as stream:
            return stream.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def save(path: Path, network: PackedNetwork) -> None:
    """Write `network` to `path`, whole or not at all; the same network gives the same bytes."""
    content = io.BytesIO()
    with h5py.File(content, "w", userblock_size=HEADER_BYTES) as file:
        described = json.dumps(_description(network), separators=(",", ":"), ensure_ascii=False)
        # Names of classes may be of any characters, halves of pairs too.
        text = described.encode("utf-8", "backslashreplace")
        file["description"] = np.frombuffer(text, np.uint8)
        for number, layer in enumerate(network.layers):
            for name, array in _arrays(layer).items():
                file[f"layer_{number}/{name}"] = array
    body = content.getvalue()[HEADER_BYTES:]
    header = HEADER.pack(MAGIC, VERSION, HEADER_BYTES + len(body), hashlib.sha256(body).digest())
    with files.replacing(path) as stream:
        stream.write(header.ljust(HEADER_BYTES, b"\0"))
        stream.write(body)


def _description(network: PackedNetwork) -> dict[str, Any]:
    return {
        "image_shape": network.image_shape,
        "class_names": network.class_names,
        "unit": network.unit,
        "layers": [
            {
                "kind": KINDS[0] if layer.convolutional else KINDS[1],
                "units": layer.units,
                "pools": layer.pools,
            }
            for layer in network.layers
        ],
        "record": network.record,
    }


def _arrays(layer: PackedLayer) -> dict[str, np.ndarray]:
    arrays = {"weights": np.packbits(layer.positive, axis=1, bitorder="little")}
    if layer.affine is None:
        assert layer.threshold is not None and layer.flipped is not None
        arrays["threshold"] = layer.threshold.astype("<i4")
        arrays["flipped"] = np.packbits(layer.flipped, bitorder="little")
    else:
        arrays |= {name: array.astype("<f4") for name, array in zip(AFFINE, layer.affine)}
    return arrays


def load(path: Path) -> PackedNetwork:
    """The network that `save` wrote to `path`; UserError where there is none, or it is damaged."""
    told = reading.file_errors(path, "no readable packed network", advice="export it anew")
    with told:
        with open(path, "rb") as stream:
            content = stream.read(MOST_BYTES + 1)
        _check_header(content)
        with h5py.File(io.BytesIO(content), "r") as file:
            return _Reader(file, len(content)).network()


def _check_header(content: bytes) -> None:
    if len(content) < HEADER_BYTES or not content.startswith(MAGIC):
        raise ValueError("it does not begin as one")
    _, version, size, digest = HEADER.unpack_from(content)
    if version != VERSION:
        raise ValueError(f"version {version}; this suite reads version {VERSION}")
    if size != len(content):
        raise ValueError(f"{len(content):,} bytes or more, of {size:,}")
    if any(content[HEADER.size : HEADER_BYTES]):
        raise ValueError("its header is damaged")
    if hashlib.sha256(content[HEADER_BYTES:]).digest() != digest:
        raise ValueError("its checksum is another")


class _Reader:
    """Reads an open file of so many bytes, and believes nothing of it; raises ValueError."""

    def __init__(self, file: h5py.File, size: int):
        self.file, self.size = file, size

    def network(self) -> PackedNetwork:
        text = self._dataset(self.file, "description", np.uint8, None).tobytes()
        told = json.loads(text.decode("utf-8"))
        kinds = {"image_shape": list, "class_names": list, "unit": str, "layers": list}
        reading.check_fields(told, {**kinds, "record": dict})
        shape, names = tuple(told["image_shape"]), told["class_names"]
        if len(shape) != 3 or not all(type(n) is int and 0 < n < 1 << 16 for n in shape):
            raise ValueError(f"the shape of an image is {printable(shape)}")
        if math.prod(shape) > MOST_INPUTS:
            raise ValueError(f"images of {math.prod(shape):,} numbers")
        if told["unit"] not in UNITS:
            raise ValueError(f"unit is {printable(told['unit'])}")
        if not 0 < len(told["layers"]) <= MOST_LAYERS:
            raise ValueError(f"{len(told['layers'])} layers")
        layers = tuple(self._layers(told["layers"], shape))
        outputs = 1 if len(names) == 2 else len(names)
        if not all(isinstance(name, str) for name in names) or layers[-1].units != outputs:
            raise ValueError(f"{layers[-1].units} outputs for {len(names)} classes")
        return PackedNetwork(shape, tuple(names), told["unit"], layers, told["record"])

    def _layers(self, told: list, shape: tuple[int, ...]) -> Iterator[PackedLayer]:
        for number, described in enumerate(told):
            reading.check_fields(described, {"kind": str, "units": int, "pools": bool})
            kind, units, pools = (described[name] for name in ("kind", "units", "pools"))
            if kind not in KINDS or (kind == "convolution" and len(shape) == 1):
                raise ValueError(f"layer {number} is {printable(kind)} behind {shape}")
            if kind == "dense":
                shape = (math.prod(shape),)
            if not 0 < units < 1 << 24 or (pools and (kind == "dense" or min(shape[1:]) < 2)):
                raise ValueError(f"layer {number}: {units} units, pooling {pools}")
            inputs = shape[0] * (9 if kind == "convolution" else 1)
            numbers = units * math.prod(shape[1:])
            # The bits have to be in the file; then no array is much larger than it.
            if inputs >= MOST_INPUTS or units * inputs > 8 * self.size:
                raise ValueError(f"layer {number}: {units:,} units of {inputs:,} inputs")
            if max(numbers, inputs * math.prod(shape[1:])) > MOST_NUMBERS_OF_A_LAYER:
                raise ValueError(f"layer {number}: {numbers:,} sums")
            parts = self._parts(number, units, inputs, real=number in (0, len(told) - 1))
            layer = PackedLayer(input_shape=shape, pools=pools, **parts)
            yield layer
            shape = layer.output_shape

    def _parts(self, number: int, units: int, inputs: int, real: bool) -> Mapping[str, Any]:
        name = f"layer_{number}"
        group = self._item(self.file, name, h5py.Group)
        positive = self._bits(group, "weights", (units,), inputs)
        if real:
            arrays = tuple(self._dataset(group, part, "<f4", (units,)) for part in AFFINE)
            if not all(np.isfinite(array).all() for array in arrays):
                raise ValueError(f"{name} holds what is no number")
            return {"positive": positive, "affine": arrays}
        threshold = self._dataset(group, "threshold", "<i4", (units,))
        reading.check_vector(f"{name}/threshold", threshold, "i", -inputs, inputs + 1)
        return {
            "positive": positive,
            "threshold": threshold,
            "flipped": self._bits(group, "flipped", (), units),
        }

    def _bits(self, group, name: str, before: tuple[int, ...], count: int) -> np.ndarray:
        packed = self._dataset(group, name, np.uint8, (*before, -(-count // 8)))
        bits = np.unpackbits(packed, axis=-1, bitorder="little").astype(bool)
        if bits[..., count:].any():
            raise ValueError(f"{name} has bits behind its last")
        return bits[..., :count]

    def _item(self, group, name: str, kind: type) -> Any:
        # Links to other files, and to nowhere, are none of this format.
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"no {name}")
        item = group[name]
        if not isinstance(item, kind):
            raise ValueError(f"{name} is a {type(item).__name__}")
        return item

    def _dataset(self, group, name: str, dtype, shape: tuple[int, ...] | None) -> np.ndarray:
        dataset = self._item(group, name, h5py.Dataset)
        made = dataset.id.get_create_plist()
        # Neither chunks, which may be compressed, nor bytes of other files.
        if made.get_layout() != h5py.h5d.CONTIGUOUS or made.get_external_count():
            raise ValueError(f"{name} is not stored as it stands")
        if dataset.dtype != np.dtype(dtype) or dataset.ndim != (1 if shape is None else len(shape)):
            raise ValueError(f"{name} is {dataset.dtype} of shape {dataset.shape}")
        if shape is not None and dataset.shape != shape:
            raise ValueError(f"{name} has shape {dataset.shape}; wanted is {shape}")
        if dataset.nbytes > self.size or dataset.id.get_storage_size() != dataset.nbytes:
            raise ValueError(f"{name} is not whole")
        return dataset[()]
