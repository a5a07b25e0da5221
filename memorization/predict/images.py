"""Images that anybody may hand in, for a network that sees one form of them alone.

Nothing is converted in silence: an image of other colours, depth or size than the network's is
refused by name, but for its size where that is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from foundations import reading
from foundations.errors import UserError
from foundations.reading import MOST_OF_A_PATH, printable

PICTURES = (".png", ".jpg", ".jpeg")
ARRAYS = (".npy",)

# Of a picture that is to be resized, and of a file: far beyond photographs.
MOST_PIXELS = 1 << 26
MOST_BYTES = 1 << 28

# Of Pillow's names for pixels: how many channels they are, and what they are called here.
_CHANNELS = {"L": 1, "RGB": 3}
_CALLED = {
    "1": "black and white",
    "L": "grey",
    "P": "of a palette",
    "RGB": "of colours",
    "LA": "grey with transparency",
    "PA": "of a palette with transparency",
    "RGBA": "of colours with transparency",
    "I": "of more than 8 bits",
    "I;16": "of 16 bits",
    "I;16B": "of 16 bits",
    "CMYK": "of printing colours (CMYK)",
}
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Wanted:
    """The form of a network's images, (channels, rows, columns), and whether others are resized."""

    shape: tuple[int, ...]
    resize: bool = False


def files_of(place: Path) -> Iterator[Path]:
    """`place` itself, or of a folder the images in it, by name; hidden files are passed over.

    Raises UserError where there is none.
    """
    if not place.is_dir():
        yield place
        return
    with reading.file_errors(place, "cannot be listed"):
        found = sorted(
            path
            for path in place.iterdir()
            if path.suffix.lower() in PICTURES + ARRAYS and not path.name.startswith(".")
        )
    if not found:
        raise UserError(
            f"{printable(place, MOST_OF_A_PATH)}: no image in it ({', '.join(PICTURES + ARRAYS)})"
        )
    yield from found


def read(path: Path, wanted: Wanted) -> Iterator[tuple[str, np.ndarray]]:
    """The images of the file `path`: the name of each, and (channels, rows, columns).

    uint8; float32 from -1 to 1 where an array has such. Raises UserError for whatever else the
    file may be.
    """
    shown = printable(path, MOST_OF_A_PATH)
    with reading.file_errors(path, "no readable image"):
        if not path.exists():
            raise FileNotFoundError
        if not path.is_file():
            raise ValueError("not a file")
        if path.stat().st_size > MOST_BYTES and path.suffix.lower() not in ARRAYS:
            raise ValueError(f"larger than {MOST_BYTES:,} bytes")
        if path.suffix.lower() in ARRAYS:
            array = _array(path, wanted)
            # One image has no number.
            single = array.ndim == len(wanted.shape)
            images = array[None] if single else array
            names = [shown] if single else [f"{shown}[{n}]" for n in range(len(images))]
        else:
            names, images = [shown], _picture(path, wanted)[None]
    yield from zip(names, images)


def _array(path: Path, wanted: Wanted) -> np.ndarray:
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise ValueError("an archive; wanted is a .npy file with one array")
    if wanted.shape not in (array.shape, array.shape[1:]):
        rest = ", ".join(map(str, wanted.shape))
        raise UserError(
            f"{printable(path, MOST_OF_A_PATH)}: shape {array.shape}; the network sees ({rest}), "
            f"or many as (n, {rest}); --resize is for PNG and JPEG"
        )
    if array.dtype == np.uint8:
        return array
    if array.dtype != np.float32:
        raise ValueError(f"{array.dtype}; wanted is uint8, or float32 from -1 to 1")
    if array.size and not (array.min() >= -1 and array.max() <= 1):
        raise ValueError(f"from {array.min():g} to {array.max():g}; wanted is float32 from -1 to 1")
    return array


def _picture(path: Path, wanted: Wanted) -> np.ndarray:
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise UserError(
            f"{printable(path, MOST_OF_A_PATH)}: PNG and JPEG need Pillow: pip install pillow"
        ) from None
    with open(path, "rb") as stream:
        start = stream.read(26)
    # Pillow drops the lower half of such colours without a word.
    if start.startswith(_PNG) and len(start) == 26 and start[24] == 16:
        raise ValueError("of 16 bits; wanted are 8")
    # Its own limit warns before it refuses; `_check_size` comes before anything is unpacked.
    Image.MAX_IMAGE_PIXELS = None
    opened: Any
    with Image.open(path, formats=("PNG", "JPEG")) as opened:
        if getattr(opened, "n_frames", 1) > 1:
            raise ValueError(f"animated: {opened.n_frames} pictures, and one is wanted")
        _check_size(opened.size, wanted)
        _check_colours(opened, wanted)
        upright: Any = ImageOps.exif_transpose(opened)
        _, rows, columns = wanted.shape
        if upright.mode == "P":
            upright = upright.convert("RGB")
        if upright.size != (columns, rows):
            if not wanted.resize:
                raise ValueError(f"turned, it has {upright.height} rows x {upright.width} columns")
            upright = upright.resize((columns, rows), Image.Resampling.BILINEAR)
        pixels = np.asarray(upright, np.uint8)
    return pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, 2, 0)


def _check_size(size: tuple[int, int], wanted: Wanted) -> None:
    columns, rows = size
    # A few bytes may claim any size.
    if rows * columns > MOST_PIXELS:
        raise ValueError(f"{rows:,} rows x {columns:,} columns are too many")
    if not wanted.resize and sorted(size) != sorted(wanted.shape[1:]):
        _, right_rows, right_columns = wanted.shape
        raise ValueError(
            f"{rows} rows x {columns} columns; the network sees {right_rows} x {right_columns} "
            "(--resize changes it)"
        )


def _check_colours(opened, wanted: Wanted) -> None:
    mode = opened.mode
    if "transparency" in opened.info:
        raise ValueError("it has transparency; lay it on a background first")
    if mode == "P":
        mode = "RGB"
    if _CHANNELS.get(mode) != wanted.shape[0]:
        kinds = {1: "grey ones", 3: "colours"}
        needed = kinds.get(wanted.shape[0], f"{wanted.shape[0]} channels, which .npy files have")
        called = _CALLED.get(mode, f"of the kind {printable(mode)}")
        raise ValueError(f"it is {called}; the network sees {needed}")
