"""A network as one C99 file and its header, without dependencies."""

from __future__ import annotations

import re
from pathlib import Path

from foundations import files
from foundations.errors import UserError
from foundations.reading import printable
from memorization.export.c_data import BinaryData, RealData
from memorization.export.folding import fold
from memorization.export.network import TrainedNetwork

_RUNTIME = Path(__file__).parent / "c_runtime"
_PLACE = "/*@DATA@*/"
# What the first half of an include takes as it stands.
_FILE_NAME = re.compile(r"[A-Za-z0-9._+-]+")

HEADER = """\
/* {source}: {layers} layers, as `python -m memorization export` wrote them.
 *
 * Constants: {constants:,} bytes. Workspace: {workspace:,} bytes, given by the caller; nothing is
 * allocated. The code keeps no state: several threads may predict, each with its own workspace.
 * Define NETWORK_MAIN for a program that reads images from its standard input.
 */
#ifndef NETWORK_H
#define NETWORK_H

#include <stdint.h>

#define NETWORK_CHANNELS {channels}
#define NETWORK_ROWS {rows}
#define NETWORK_COLUMNS {columns}
#define NETWORK_INPUTS (NETWORK_CHANNELS * NETWORK_ROWS * NETWORK_COLUMNS)
#define NETWORK_CLASSES {classes}
#define NETWORK_OUTPUTS {outputs} /* of two classes one score: the second's, where it is >= 0 */

typedef struct {{
{workspace_fields}
}} network_workspace;

extern const char *const network_class_names[NETWORK_CLASSES];

/* The class, from 0 on, of an image [channel][row][column]; its scores as well. */
int network_predict(const uint8_t image[NETWORK_INPUTS], network_workspace *workspace,
                    float scores[NETWORK_OUTPUTS]);

#endif
"""


def save(network: TrainedNetwork, path: Path) -> list[Path]:
    """Write `network` as the C file `path` and a header beside it; returns both.

    Raises UserError where the name of the file is none for C.
    """
    if path.suffix != ".c" or not _FILE_NAME.fullmatch(path.name):
        raise UserError(
            f"{printable(path)}: a C file is named with letters, digits and ._+- alone, and ends "
            "in .c (--output)"
        )
    data = BinaryData(fold(network)) if network.binary else RealData(network)
    header = path.with_suffix(".h")
    texts = {header: _header(network, data), path: _source(network, data, header.name)}
    for file, text in texts.items():
        with files.replacing(file, "w") as stream:
            stream.write(text)
    return [path, header]


def _header(network: TrainedNetwork, data: BinaryData | RealData) -> str:
    architecture = network.architecture
    channels, rows, columns = architecture.image_shape
    return HEADER.format(
        source=_comment(network.source.name),
        layers=len(network.layers),
        constants=data.constant_bytes,
        workspace=data.workspace_bytes,
        workspace_fields=data.workspace_fields(),
        channels=channels,
        rows=rows,
        columns=columns,
        classes=architecture.n_classes,
        outputs=architecture.outputs,
    )


def _source(network: TrainedNetwork, data: BinaryData | RealData, header: str) -> str:
    names = ",\n".join(f"    {_string(name)}" for name in network.class_names)
    runtime = (_RUNTIME / data.runtime).read_text(encoding="utf-8")
    classes = f"const char *const network_class_names[NETWORK_CLASSES] = {{\n{names}}};\n"
    return (
        f'#include "{header}"\n\n'
        + data.macros()
        + runtime.replace(_PLACE, data.data + classes)
        + "\n"
        + (_RUNTIME / "common.c").read_text(encoding="utf-8")
    )


def _comment(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._ +-]", "_", text[:200])


def _string(text: str) -> str:
    """`text` as a C string; what C may take for something else is written as octal numbers."""
    encoded = text.encode("utf-8", "backslashreplace")
    plain = b" _-+.,:()"
    return (
        '"'
        + "".join(
            chr(byte) if (chr(byte).isalnum() and byte < 128) or byte in plain else f"\\{byte:03o}"
            for byte in encoded
        )
        + '"'
    )
