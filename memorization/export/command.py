"""python -m memorization export RUN --to FORMAT: a trained network for other programs.

RUN is the folder of a run, its .npz of parameters, or one that BinaryNet's own scripts saved.
docs/export.md describes what is written: packed, one bit per weight; c, a C99 file; onnx, standard
operators; binarynet, an .npz for BinaryNet's scripts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from foundations.errors import UserError
from foundations.reading import MOST_OF_A_PATH, printable
from memorization import command_line
from memorization.export import c_source, foreign, onnx_check, onnx_file, packed, untold
from memorization.export.folding import fold
from memorization.export.network import TrainedNetwork


def _packed(network: TrainedNetwork, path: Path) -> list[Path]:
    packed.save(path, fold(network))
    return [path]


# By --to: the ending of the file, and what writes it and tells which files it wrote.
FORMATS: dict[str, tuple[str, Callable[[TrainedNetwork, Path], list[Path]]]] = {
    "packed": (".h5", _packed),
    "c": (".c", c_source.save),
    "onnx": (".onnx", onnx_file.save),
    "binarynet": (".binarynet.npz", foreign.save),
}


def main(argv: Sequence[str] | None = None) -> None:
    parser = command_line.ArgumentParser("python -m memorization export", __doc__)
    add = parser.add_argument
    add("run", type=Path, metavar="RUN", help="the folder of a run, or its .npz")
    add("--to", choices=tuple(FORMATS), required=True, help="what to write")
    add(
        "--output",
        type=Path,
        metavar="FILE",
        help="where to (default: beside the parameters, under their name)",
    )
    add("--overwrite", action="store_true", help="in the place of a file that is there")
    add(
        "--check",
        type=Path,
        metavar="FILE.npy",
        help="with --to onnx: run these images, uint8, in onnxruntime; tells which are so near a "
        "threshold that rounding may decide, and that all others agree",
    )
    untold.add_options(parser)
    chosen = parser.parse_args(argv)
    if chosen.check is not None and chosen.to != "onnx":
        parser.error("--check is for --to onnx")
    network = foreign.network_of(chosen.run, chosen)
    images = onnx_check.images(chosen.check, network) if chosen.check is not None else None
    ending, write = FORMATS[chosen.to]
    path = chosen.output or network.source.with_suffix(ending)
    if path.exists() and not chosen.overwrite:
        shown = printable(path, MOST_OF_A_PATH)
        raise UserError(f"{shown} is there already; give --overwrite, or another --output")
    if not path.parent.is_dir():
        raise UserError(f"{printable(path.parent, MOST_OF_A_PATH)}: no such folder (--output)")
    for written in write(network, path):
        shown = printable(written, MOST_OF_A_PATH)
        print(f"{shown}: {written.stat().st_size:,} bytes")
    print(f"{printable(network.source, MOST_OF_A_PATH)}: {network.source.stat().st_size:,} bytes")
    if images is not None:
        print(onnx_check.compare(network, path, images))
