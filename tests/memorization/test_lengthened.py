"""Runs go on by their folder alone, longer than meant, and begin again by their record."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys

import pytest
from support.project import PROJECT, check_one_line, run_command, run_script
from support.runs import assert_same_run, made_once, metrics, reproducible_metrics

from foundations.errors import UserError
from foundations.version import __version__
from memorization.run import earlier

pytestmark = pytest.mark.slow

SCRIPT = "cifar10_random_labels"


def record_of(run):
    return json.loads((run / "run.json").read_text(encoding="utf-8"))


def rates(run):
    return [float(row["learning_rate"]) for row in metrics(run)]


@pytest.fixture(scope="module")
def lengthened(short_run, tmp_path_factory):
    """The folder of `short_run` after two more epochs; `printed` beside it is what was printed."""

    def run(folder):
        shutil.copytree(short_run, folder / "run")
        done = run_script(f"{SCRIPT}.py", "--resume", "run", "--epochs", "3", cwd=folder)
        assert done.returncode == 0, done.stderr
        (folder / "printed").write_text(done.stdout)

    return made_once(tmp_path_factory, "lengthened", run) / "run"


def test_a_finished_run_goes_on_at_its_last_learning_rate(short_run, lengthened):
    assert "going on after epoch 1" in (lengthened.parent / "printed").read_text()
    assert rates(lengthened) == rates(short_run) * 3
    first = reproducible_metrics(short_run)
    assert reproducible_metrics(lengthened).startswith(first)
    record = record_of(lengthened)
    assert (record["options"]["epochs"], record["options"]["decay_epochs"]) == (3, 1)
    told = {"from_epoch": 2, "epochs": 3, "learning_rate": "the last"}
    assert record["lengthened"] == [told]
    # Of its figures none is left that shows one epoch alone.
    assert (lengthened / "labels.png").stat().st_mtime > (short_run / "labels.png").stat().st_mtime


@pytest.mark.exhaustive
def test_its_schedule_is_stretched_on_request(short_run, tmp_path):
    run = shutil.copytree(short_run, tmp_path / "run")
    more = ("--epochs", "3", "--stretch-schedule", "--quiet", "--no-figures")
    done = run_script(f"{SCRIPT}.py", "--resume", "run", *more, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    options = record_of(run)["options"]
    decay = (options["lr_fin"] / options["lr_start"]) ** (1 / 3)
    assert rates(run) == pytest.approx([options["lr_start"] * decay**n for n in range(3)])
    assert record_of(run)["lengthened"][0]["learning_rate"] == "computed anew"


def test_the_record_tells_each_process(short_run, lengthened):
    first, second = record_of(lengthened)["processes"]
    assert [first] == record_of(short_run)["processes"]
    assert (first["from_epoch"], second["from_epoch"]) == (1, 2)
    for process in (first, second):
        assert shlex.split(process["command"])[:2] == [
            sys.executable,
            str(PROJECT / f"{SCRIPT}.py"),
        ]
        assert process["version"] == __version__
        assert process["seconds"] > 0 and process["began"] < process["ended"]
        assert process["host"] and process["system"]
    if (PROJECT / ".git").exists():
        head = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=PROJECT, capture_output=True, text=True
        )
        assert len(first["commit"]) == len(head.stdout.strip())
        assert first["changed"] in (True, False)


@pytest.mark.exhaustive
def test_options_given_have_to_agree(lengthened, tmp_path):
    run = shutil.copytree(lengthened, tmp_path / "run")
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    for wrong, told in (
        (("--seed", "3"), "--seed 3 contradicts"),
        (("--epochs", "2"), "--epochs 2 contradicts"),
        (("--epochs", "5", "--decay-epochs", "4"), "--decay-epochs"),
        (("--overwrite",), "--overwrite"),
    ):
        check_one_line(run_script(f"{SCRIPT}.py", "--resume", "run", *wrong, cwd=tmp_path), told)
    other = run_script("svhn_random_labels.py", "--resume", "run", cwd=tmp_path)
    check_one_line(other, SCRIPT)
    check_one_line(run_script(f"{SCRIPT}.py", "--stretch-schedule", cwd=tmp_path), "--resume")
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


def unfinished(run, folder, **options):
    """A copy of `run` in `folder` that has an epoch more to do."""
    shutil.copytree(run, folder)
    record = record_of(folder)
    record["options"].update(epochs=2, **options)
    (folder / "run.json").write_text(json.dumps(record))
    return folder


@pytest.mark.exhaustive
def test_the_script_finds_its_unfinished_run(short_run, tmp_path):
    place = tmp_path / "results" / SCRIPT
    shutil.copytree(short_run, place / "done")
    nothing = run_script(f"{SCRIPT}.py", "--resume", cwd=tmp_path)
    check_one_line(nothing, "no run there to resume", "done")
    run = unfinished(short_run, place / "one")
    unfinished(short_run, place / "two", seed=1)
    both = run_script(f"{SCRIPT}.py", "--resume", cwd=tmp_path)
    check_one_line(both, "2 unfinished", f"--resume results/{SCRIPT}/one", f"results/{SCRIPT}/two")
    options = ("--resume", "--seed", "0", "--no-figures")
    found = run_script(f"{SCRIPT}.py", *options, cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert len(metrics(run)) == 2 and len(metrics(place / "two")) == 1


@pytest.mark.exhaustive
def test_a_run_is_repeated_from_its_record(short_run, tmp_path):
    shutil.copy(short_run / "run.json", tmp_path / "elsewhere.json")
    again = ("--config", "elsewhere.json", "--name", "again", "--quiet", "--no-figures")
    done = run_script(f"{SCRIPT}.py", *again, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert_same_run(tmp_path / "results" / SCRIPT / "again", short_run)
    assert (
        "--config" in record_of(tmp_path / "results" / SCRIPT / "again")["processes"][0]["command"]
    )


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": "many"}, {"epochs": -1}, {"device": "abacus"}, {"synthetic": "yes"},
        {"hidden": 5}, {"lr_start": None}, {"unheard_of": 1}, {"corruption": 2.0},
    ],
)  # fmt: skip
def test_a_record_by_another_hand_is_checked_as_options_are(short_run, tmp_path, change):
    record = record_of(short_run)
    record["options"].update(change)
    (tmp_path / "run.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match=rf"run\.json.*{next(iter(change)).replace('_', '.')}"):
        earlier.options_of_before(SCRIPT, {"config": str(tmp_path / "run.json")}, {})


@pytest.mark.exhaustive
def test_lengthened_runs_are_no_seeds_of_others(short_run, lengthened, tmp_path):
    whole = shutil.copytree(lengthened, tmp_path / "whole")
    meant = shutil.copytree(lengthened, tmp_path / "meant")
    record = record_of(meant)
    record["options"].update(decay_epochs=None, seed=1)
    (meant / "run.json").write_text(json.dumps(record))
    done = run_command("report", str(whole), str(meant), "--output", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "standard deviation" not in done.stdout and "decay" in done.stdout
