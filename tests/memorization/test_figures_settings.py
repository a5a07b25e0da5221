"""What its user has set for matplotlib does not reach a run's figures, and cannot end a run."""

from __future__ import annotations

import shutil

import pytest
from support.project import run_command, run_script
from support.runs import SHORT

pytestmark = pytest.mark.exhaustive

SETTINGS = (
    "text.usetex: True\nsavefig.format: pdf\nfont.size: 40\naxes.facecolor: red\nnonsense: 1\n"
)


def figures_under(short_run, folder, settings, **environment):
    """curves.svg of a copy of `short_run`, drawn where matplotlibrc holds `settings`."""
    copy = shutil.copytree(short_run, folder / short_run.parent.name / short_run.name)
    (copy / "curves.svg").unlink()
    if settings is not None:
        (folder / "matplotlibrc").write_bytes(settings)
    done = run_command("figures", copy, cwd=folder, **environment)
    return done, copy / "curves.svg"


@pytest.mark.parametrize(
    "backend",
    ["module://matplotlib_inline.backend_inline", "module://nowhere", "nonsense", "TkAgg"],
)
def test_a_back_end_left_in_the_environment(short_run, tmp_path, backend):
    done, curves = figures_under(short_run, tmp_path, None, MPLBACKEND=backend)
    assert (done.returncode, done.stderr) == (0, "")
    assert curves.read_bytes() == (short_run / "curves.svg").read_bytes()


def test_a_matplotlibrc_with_latex_and_its_own_look(short_run, tmp_path):
    done, curves = figures_under(short_run, tmp_path, SETTINGS.encode())
    assert (done.returncode, done.stderr) == (0, "")
    assert curves.read_bytes() == (short_run / "curves.svg").read_bytes()


def test_a_run_whose_figures_cannot_be_drawn_is_finished(tmp_path):
    """matplotlib itself cannot be imported under a matplotlibrc that is not UTF-8."""
    (tmp_path / "matplotlibrc").write_bytes(b"font.family: \xff\xfe\n")
    done = run_script("cifar10_random_labels.py", *SHORT, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("warning: matplotlib: cannot be imported (UnicodeDecodeError")
    assert line.endswith("python -m memorization figures results/cifar10_random_labels/run")
    assert "\nlast " in done.stdout
    assert not (tmp_path / "results" / "cifar10_random_labels" / "run" / "curves.png").exists()

    # The report goes without its figure, and the figures are drawn when there are settings to read.
    report = run_command("report", "results", "--output", "out", cwd=tmp_path)
    assert report.returncode == 1
    assert "cannot be imported" in report.stderr
    assert "<figure>" not in (tmp_path / "out" / "report.html").read_text("utf-8")
    (tmp_path / "matplotlibrc").unlink()
    again = run_script("cifar10_random_labels.py", *SHORT, "--resume", cwd=tmp_path)
    assert (again.returncode, again.stderr) == (0, "")
    assert (tmp_path / "results" / "cifar10_random_labels" / "run" / "curves.png").exists()
