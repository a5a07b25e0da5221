"""A run that goes on under other threads or versions says so, or with --exact does not go on."""

from __future__ import annotations

import json
import shutil
import signal

import pytest
from support.project import check_one_line, run_script
from support.runs import ARGUMENTS, SCRIPT, finished_epochs, made_once, start, until

from foundations.errors import UserError
from memorization.run.record import load_record

pytestmark = pytest.mark.exhaustive

THREADS = {"OMP_NUM_THREADS": "2"}
RESUME = ("--resume", "--quiet")


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """The folder of a run that SIGTERM stopped on two threads; to be copied."""

    def run(folder):
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("OMP_NUM_THREADS", "2")
            process = start(folder)
        until(process, lambda: finished_epochs(folder / "results" / SCRIPT / "run") >= 1)
        process.terminate()
        _, errors = process.communicate()
        assert process.returncode == 128 + signal.SIGTERM, errors

    return made_once(tmp_path_factory, "stopped", run) / "results" / SCRIPT / "run"


@pytest.fixture
def run(stopped, tmp_path):
    """A copy of the stopped run, in the results of `tmp_path`."""
    return shutil.copytree(stopped, tmp_path / "results" / SCRIPT / "run")


def go_on(run, *more, threads="2"):
    arguments = (*ARGUMENTS, *RESUME, *more)
    return run_script(f"{SCRIPT}.py", *arguments, cwd=run.parents[2], OMP_NUM_THREADS=threads)


def contents(run):
    return {path.name: path.read_bytes() for path in run.rglob("*") if path.is_file()}


def edit(run, change):
    """Let `change` alter the record of `run`, as another machine may have written it."""
    record = json.loads((run / "run.json").read_text())
    change(record)
    (run / "run.json").write_text(json.dumps(record))
    return record


def last_environment(record):
    return record["environments"][-1]["environment"]


def test_other_threads_are_named_and_recorded(run):
    begun = load_record(run)
    epochs = finished_epochs(run)
    done = go_on(run, threads="1")
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.splitlines()
    assert "warning: " in line and "threads 1 (was 2)" in line and "numpy" not in line
    assert finished_epochs(run) == 4
    now = load_record(run)
    first, second = now.pop("environments")
    assert [first] == begun.pop("environments")
    *earlier, last = now.pop("processes")
    assert len(earlier) == len(begun.pop("processes")) and last["from_epoch"] == epochs + 1
    assert now == begun
    assert (first["from_epoch"], second["from_epoch"]) == (1, epochs + 1)
    assert second["environment"] == {
        **first["environment"],
        "threads": 1,
        **({"BLAS threads": 1} if "BLAS threads" in first["environment"] else {}),
    }


def test_exact_refuses_other_threads_and_changes_nothing(run):
    before = contents(run)
    check_one_line(go_on(run, "--exact", threads="1"), "--exact", "threads 1 (was 2)")
    assert contents(run) == before


def test_exact_goes_on_where_nothing_differs(run, undisturbed):
    begun = load_record(run)
    done = go_on(run, "--exact")
    assert done.returncode == 0
    assert done.stderr == ""
    now = load_record(run)
    assert now.pop("processes")[:-1] == begun.pop("processes")
    assert now == begun
    assert finished_epochs(run) == 4


@pytest.mark.parametrize("exact", [(), ("--exact",)])
def test_other_versions_and_machines_are_named(run, exact):
    def elsewhere(record):
        last_environment(record).update(
            {"numpy": "0.\x1b[2J9", "processor": "Z80", "compiler": "cc", "BLAS": "ATLAS"}
        )

    edit(run, elsewhere)
    before = contents(run)
    done = go_on(run, *exact)
    (line,) = done.stderr.splitlines()
    for text in ("numpy", "(was 0.\\x1b[2J9)", "(was Z80)", "(was cc)", "(was ATLAS)"):
        assert text in line
    assert "threads" not in line.replace("BLAS threads", "").replace("MAX_THREADS", "")
    if exact:
        assert done.returncode == 2
        assert contents(run) == before
    else:
        assert done.returncode == 0
        assert len(load_record(run)["environments"]) == 2


def test_a_run_of_before_goes_on_and_is_not_called_exact(run):
    record = edit(run, lambda record: record.pop("environments"))
    check_one_line(go_on(run, "--exact"), "no environment is recorded", "--exact")
    done = go_on(run)
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert "no environment is recorded" in line
    aside = {"environments": None, "processes": None}
    assert {**load_record(run), **aside} == {**record, **aside}
    assert len(load_record(run)["environments"]) == 1


@pytest.mark.parametrize(
    "environments",
    [
        None,
        [],
        {},
        "threads",
        [1],
        [{"from_epoch": 0, "environment": {}}],
        [{"from_epoch": "1", "environment": {}}],
        [{"from_epoch": 1, "environment": []}],
        [{"from_epoch": 1, "environment": {"threads": [2]}}],
        [{"from_epoch": 1, "environment": {"threads": True}}],
        [{"from_epoch": 3, "environment": {}}, {"from_epoch": 2, "environment": {}}],
    ],
)
def test_damaged_environments_are_refused(stopped, tmp_path, environments):
    shutil.copy(stopped / "run.json", tmp_path)
    edit(tmp_path, lambda record: record.update(environments=environments))
    with pytest.raises(UserError, match=r"run\.json: no readable record of a run") as refused:
        load_record(tmp_path)
    assert "\n" not in str(refused.value)


def test_a_damaged_environment_stops_a_script_in_a_line(run):
    edit(run, lambda record: last_environment(record).update(threads=[2]))
    before = contents(run)
    check_one_line(go_on(run), "run.json", "threads")
    assert contents(run) == before
