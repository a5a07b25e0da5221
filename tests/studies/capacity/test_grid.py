"""The study's definition files, and a cell of one trained, found again and drawn."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from support.project import PROJECT, check_one_line, run_command

from memorization.sweep import grid, kept, together
from memorization.sweep.cells import planned, script_of
from studies.capacity import define

EXTRA = ("--data", "patterns", "--classes", "10", "--network", "mlp", "--quiet")
SCRIPT = "svhn_random_labels"


def test_the_files_are_what_their_rule_says():
    for name, lines in define.files().items():
        written = (define.CELLS / name).read_text(encoding="utf-8").splitlines()
        assert [line for line in written if not line.startswith("#")] == lines, name


@pytest.mark.parametrize("path", sorted(define.CELLS.glob("*.txt")), ids=lambda path: path.name)
def test_the_sweep_reads_every_file(path, tmp_path):
    axes = grid.read_axes(path)
    for of_line in axes:
        if "patterns" in of_line and "batch-size" in of_line:
            (size,) = of_line["batch-size"]
            assert all(int(of.split()[0]) % int(size) == 0 for of in of_line["patterns"])
    if "hidden" in axes[0]:
        cells = planned([script_of(SCRIPT)], [{**axes[0], "seed": ("0",)}], EXTRA, tmp_path)
        assert cells[0].options.epochs in (1000, 3000)


def test_the_plan_names_every_file():
    plan = (define.CELLS.parent / "PLAN.md").read_text(encoding="utf-8")
    for path in define.CELLS.glob("*.txt"):
        assert path.name in plan or f"{path.name.split('-')[0]}-*.txt" in plan, path.name
    named = re.findall(r"studies/capacity/[\w/]+\.\w+", plan.replace("-", "_"))
    assert named


@pytest.mark.exhaustive
def test_a_small_cell_is_trained_found_and_drawn(tmp_path):
    axes = grid.read_axes(define.CELLS / "capacity-binary-binary.txt")
    (smallest, *_) = (of for of in axes if of["hidden"] == ("16 16",))
    extra = (*EXTRA, "--save-every", "300", "--no-figures")
    cells = planned([script_of(SCRIPT)], [{**smallest, "seed": ("0", "1")}], extra, tmp_path)
    (group,) = together.grouped(cells, together=True)
    assert together.run(group) is None, cells[0].log.read_text(encoding="utf-8")
    assert all(cell.finished() and cell.log.exists() for cell in cells)
    assert not list(cells[0].folder.glob("*.svg"))
    assert cells[0].measured().epochs == 1000
    drawn = draw(tmp_path / "c.png", tmp_path)
    assert drawn.startswith("16-16-16-10 binary binary: 0.0")
    # Which three seeds would have to tell.
    assert "n_max None, bound 1.323" in drawn

    # Kept, the cells count on a machine that has nothing else of them, and draw the same.
    kept.keep(cells, tmp_path / "kept")
    (path, _) = sorted((tmp_path / "kept").rglob("*.json.xz"))
    assert path.stat().st_size < 20_000
    for cell in cells:
        of_kept = kept.measured(cell, tmp_path / "kept")
        assert of_kept.finished and of_kept.epochs == 1000
        assert of_kept.seconds == pytest.approx(cell.measured().seconds)
    assert draw(tmp_path / "k.png", tmp_path / "kept") == drawn
    words = [f"{name}={value}" for name, (value,) in smallest.items()]
    sweep = ("--kept", tmp_path / "kept", "--dry-run", "--vary", *words)
    done = run_command("sweep", *sweep, "seed=0,1", "--", SCRIPT, *extra, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "2 cells, 2 of them finished", done.stderr
    path.write_bytes(b"{}")
    damaged = run_command("sweep", *sweep, "seed=0,1", "--", SCRIPT, *extra, cwd=tmp_path)
    check_one_line(damaged, path, "no readable cell of a sweep")


def draw(picture, place):
    """What the drawing command says of the runs at `place`."""
    done = subprocess.run(
        [sys.executable, "-m", "studies.capacity.draw", str(place), "--output", str(picture)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")
    return done.stdout
