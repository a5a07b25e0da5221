"""The quarter-width SVHN network on a Cortex-M4 under QEMU."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from support.trained import images_of, network_of

from memorization.architecture import WIDTHS, Architecture
from memorization.export import c_source, inference
from memorization.export.folding import fold

BOARD = Path(__file__).parent / "cortex_m4"
COMPILER = "arm-none-eabi-gcc"
EMULATOR = "qemu-system-arm"
PROCESSOR = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"]
STRICT = ["-Wall", "-Wextra", "-Werror"]

pytestmark = pytest.mark.skipif(
    not (shutil.which(COMPILER) and shutil.which(EMULATOR)),
    reason=f"no {COMPILER} or no {EMULATOR}: apt install gcc-arm-none-eabi qemu-system-arm",
)


@pytest.mark.exhaustive
def test_predictions_scores_and_sizes(tmp_path):
    network = network_of(Architecture(WIDTHS["svhn"]).scaled(0.25))
    c_source.save(network, tmp_path / "network.c")
    compile_it = [COMPILER, *PROCESSOR, "-O2", "-std=gnu99", *STRICT, f"-I{tmp_path}"]
    subprocess.run([*compile_it, "-c", "network.c", "-o", "network.o"], cwd=tmp_path, check=True)
    linked = ["-nostartfiles", "--specs=rdimon.specs", "-T", str(BOARD / "board.ld")]
    sources = ["network.o", str(BOARD / "board.c")]
    subprocess.run([*compile_it, *sources, *linked, "-o", "board.elf"], cwd=tmp_path, check=True)
    images = images_of(network.architecture, 5)
    done = subprocess.run(
        [
            *(EMULATOR, "-M", "mps2-an386", "-nographic", "-monitor", "none", "-serial", "none"),
            *("-semihosting-config", "enable=on,target=native", "-kernel", "board.elf"),
        ],
        cwd=tmp_path,
        input=images.tobytes(),
        capture_output=True,
        timeout=3600,
    )
    assert done.returncode == 0, done.stderr.decode()
    *lines, (_, stack) = [line.split() for line in done.stdout.decode().splitlines()]
    expected = inference.scores(fold(network), images)
    scores = np.array([line[1:] for line in lines], np.float64).astype(np.float32)
    assert scores.tobytes() == expected.tobytes()
    classes = [int(line[0]) for line in lines]
    assert classes == inference.predicted_classes(expected).tolist()
    # As docs/export.md states them.
    header = (tmp_path / "network.h").read_text()
    constants = int(re.search(r"Constants: ([\d,]+) bytes", header)[1].replace(",", ""))
    size = subprocess.run(
        ["arm-none-eabi-size", "network.o"], cwd=tmp_path, capture_output=True, check=True
    )
    text, data, bss = map(int, size.stdout.decode().splitlines()[1].split()[:3])
    assert constants < text < constants + 2500 and data == bss == 0
    assert 0 < int(stack) < 512
    assert constants == 55_548 and "Workspace: 5,120 bytes" in header
