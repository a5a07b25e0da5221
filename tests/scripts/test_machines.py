"""Odd places to run in: no terminal, closed streams, plain locales, names with spaces, one core."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from support.project import PROJECT, copy_sources, without_waiting
from support.runs import SHORT, reproducible_metrics

pytestmark = pytest.mark.slow


SCRIPT = "cifar10_random_labels"
OPTIONS = " ".join((*SHORT, "--no-figures"))
COMMAND = f"{sys.executable} {PROJECT / SCRIPT}.py {OPTIONS}"


@pytest.fixture
def metrics(short_run):
    """What the same run in ordinary surroundings measured."""
    return reproducible_metrics(short_run)


def shell(line, folder, expected=0, **environment):
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
    )
    assert done.returncode == expected, done.stderr
    done.stderr = without_waiting(done.stderr.decode())
    return done


@pytest.mark.exhaustive
@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_closed_streams(closed, metrics, tmp_path):
    done = shell(f"{COMMAND} {closed}", tmp_path)
    assert "Traceback" not in done.stderr
    assert reproducible_metrics(tmp_path / "results" / SCRIPT / "run") == metrics


@pytest.mark.exhaustive
def test_a_reader_that_goes(tmp_path):
    done = shell(f"{COMMAND} | head -n 1; exit ${{PIPESTATUS[0]}}", tmp_path, expected=141)
    assert done.stdout.count(b"\n") == 1
    assert done.stderr.splitlines() == [f"{SCRIPT}.py: stopped: what read its output has gone"]


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "TERM": "dumb"},
        {"OMP_NUM_THREADS": "1"},
    ],
    ids=" ".join,
)
def test_surroundings(environment, metrics, tmp_path):
    first_core = "taskset -c 0 " if "OMP_NUM_THREADS" in environment else ""
    done = shell(first_core + COMMAND, tmp_path, **environment)
    assert done.stderr == ""
    done.stdout.decode("ascii")
    assert reproducible_metrics(tmp_path / "results" / SCRIPT / "run") == metrics


@pytest.mark.exhaustive
def test_names_with_spaces_and_other_letters(metrics, tmp_path):
    """The project's folder, the home folder with the compile cache, and the results."""
    project, home = tmp_path / "mein Übungs projekt", tmp_path / "hö me"
    home.mkdir()
    copy_sources(project)
    line = f"'{sys.executable}' {SCRIPT}.py {OPTIONS} --results-dir 'meine Läufe'"
    shell(line, project)
    assert reproducible_metrics(project / "meine Läufe" / SCRIPT / "run") == metrics
    code = "from theano_engine import T; print(T.tanh(T.ones(3)).sum().eval())"
    shell(f"'{sys.executable}' -c '{code}'", project, HOME=str(home), THEANO_FLAGS="")
    assert list((home / ".theano").glob("compiledir*"))


def test_a_home_that_cannot_be_written(tmp_path):
    """The compile cache goes elsewhere; which of its parents can be written does not matter."""
    code = "from theano_engine import theano; print(theano.config.base_compiledir)"
    done = subprocess.run(
        [
            *("unshare", "--map-root-user", "--mount", "sh", "-c"),
            f"mount -t tmpfs -o ro home {tmp_path} && {sys.executable} -c '{code}'",
        ],
        cwd=PROJECT,
        env={**os.environ, "HOME": str(tmp_path), "THEANO_FLAGS": ""},
        capture_output=True,
        text=True,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no file system can be mounted here: {done.stderr.splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    assert not done.stdout.startswith(str(tmp_path))
