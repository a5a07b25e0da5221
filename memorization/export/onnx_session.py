"""Reading of exported ONNX files, and what onnxruntime computes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from foundations.errors import UserError
from foundations.reading import MOST_OF_A_PATH, printable
from memorization.export import onnx_file

# Images computed at once.
_STEP = 100


class OnnxNetwork:
    """An exported network in onnxruntime.

    `image_shape` is (channels, rows, columns). Raises UserError where the package is missing, or
    the file is none that the export wrote.
    """

    def __init__(self, path: Path):
        self._shown = printable(path, MOST_OF_A_PATH)
        runtime = _runtime()
        try:
            self._session = runtime.InferenceSession(
                path.read_bytes(), providers=["CPUExecutionProvider"]
            )
            (images,) = self._session.get_inputs()
            found = [(value.name, value.type) for value in self._session.get_outputs()]
            names = json.loads(self._session.get_modelmeta().custom_metadata_map["class_names"])
            self.image_shape = tuple(int(size) for size in images.shape[1:])
            self.class_names = tuple(str(name) for name in names)
        except OSError:
            raise
        # onnxruntime has an error of its own for each kind of damage, and no base of them.
        except Exception as error:
            raise self._foreign(error) from error
        wanted = [("scores", "tensor(float)"), ("classes", "tensor(int64)")]
        if (images.name, images.type) != ("images", "tensor(uint8)") or found != wanted:
            raise self._foreign(f"its input is {images.name}, {images.type}")

    def _foreign(self, why: object) -> UserError:
        return UserError(
            f"{self._shown}: no ONNX file that `python -m memorization export --to onnx` wrote "
            f"({printable(why)})"
        )

    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scores (n, outputs) float32 and classes (n,) int64 of images (n, *image shape) uint8."""
        if images.dtype != np.uint8:
            raise UserError(
                f"{self._shown}: it takes images of whole numbers from 0 to 255, not {images.dtype}"
            )
        found = [
            self._session.run(["scores", "classes"], {"images": np.asarray(images[n : n + _STEP])})
            for n in range(0, len(images), _STEP)
        ]
        scores, classes = zip(*found)
        return np.concatenate(scores), np.concatenate(classes)

    def scores(self, images: np.ndarray) -> np.ndarray:
        """The scores alone."""
        return self.run(images)[0]


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise onnx_file.missing("onnxruntime") from error
    return onnxruntime
