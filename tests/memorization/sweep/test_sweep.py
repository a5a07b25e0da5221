"""A grid of runs on a real local Ray: killed half way, finished, reported."""

from __future__ import annotations

import csv
import os
import re
import signal
import socket
import subprocess
import sys

import pytest
from support.project import PROJECT, check_one_line, run_command

from memorization.report.runs import read_run
from memorization.sweep import together
from memorization.sweep.cells import planned, script_of

NAMED = "python -m memorization sweep: error: "
SCRIPT = "cifar10_random_labels"
VARIED = ("train-size=40,60", "weights=binary,float")
# A network that is compiled in a second: what is tested is what happens around its training.
TINY = (f"{SCRIPT}.py", "--synthetic", "--network", "mlp", "--hidden", "16", "--epochs", "1")


def finished(folder):
    """When each finished run was begun, by its folder: its last figure is drawn."""
    found = {}
    for sheet in folder.glob("*/*/labels.png"):
        assert read_run(sheet.parent).finished
        found[sheet.parent] = (sheet.parent / "run.json").stat().st_mtime_ns
    return found


@pytest.mark.exhaustive
def test_a_sweep_killed_half_way_is_finished_by_the_same_command(tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed (optional extra [sweep])")
    folder = tmp_path / "results" / "sweep"
    arguments = ("--vary", *VARIED, "--", *TINY)
    with subprocess.Popen(
        [sys.executable, "-m", "memorization", "sweep", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as sweep:
        assert next(sweep.stdout) == "finished before: 0 of 4\n"
        assert next(sweep.stdout).endswith(": done, 3 to go\n")
        os.kill(sweep.pid, signal.SIGKILL)
    before = finished(folder)
    assert 1 <= len(before) < 4
    assert not (folder / "report").exists()

    done = run_command("sweep", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    # A cell that ran when the sweep was killed may have come to its end all the same.
    said = re.match(r"finished before: (\d+) of 4\n", done.stdout)
    assert said and len(before) <= int(said[1]) < 4, done.stdout
    after = finished(folder)
    assert len(after) == 4
    assert {run: after[run] for run in before} == before
    for run in after:
        options = read_run(run).options
        assert run.name == f"train-size-{options['train_size']}_weights-{options['weights']}"
    with open(folder / "report" / "report.csv", encoding="utf-8", newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 4

    # A third time there is nothing left to do, and other options are another sweep.
    again = run_command("sweep", *arguments, cwd=tmp_path)
    assert again.stdout.startswith("finished before: 4 of 4\n")
    # But a run is not at its end that was killed before its figures were drawn.
    (max(after) / "labels.png").unlink()
    drawn = run_command("sweep", *arguments, cwd=tmp_path)
    assert drawn.stdout.startswith("finished before: 3 of 4\n"), drawn.stderr
    assert (max(after) / "labels.png").exists()
    other = run_command("sweep", *arguments, "--lr-start", "0.1", cwd=tmp_path)
    check_one_line(other, f"{NAMED}results/sweep holds a sweep with ")
    assert finished(folder) == after


@pytest.mark.exhaustive
def test_seeds_train_together_and_count_where_only_what_is_kept_lies(tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed (optional extra [sweep])")
    own = ("--data", "patterns", "--patterns", "30", "8", "--network", "mlp", "--epochs", "3")
    sweep = ("--together", "--kept", "kept", "--vary", "hidden=4,6", "seed=0..2")
    given = ("--", "svhn_random_labels", *own, "--no-figures")
    done = run_command("sweep", *sweep, *given, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "kept").glob("*/*.json.xz"))) == 6
    runs = tmp_path / "results" / "sweep" / "svhn_random_labels"
    assert all(read_run(runs / f"hidden-{n}_seed-{s}").finished for n in (4, 6) for s in (0, 1, 2))
    assert "trained beside" in (runs / "hidden-4_seed-2.log").read_text(encoding="utf-8")

    elsewhere = run_command("sweep", "--results-dir", "other", *sweep, *given, cwd=tmp_path)
    assert elsewhere.returncode == 0, elsewhere.stderr
    assert elsewhere.stdout.startswith("finished before: 6 of 6\n")
    table = [done.stdout.splitlines(), elsewhere.stdout.splitlines()]
    rows = [[line for line in lines if re.match(r"[46] +[012] +3 ", line)] for lines in table]
    assert rows[0] == rows[1] and len(rows[0]) == 6


def test_what_cannot_train_together_trains_alone_and_says_why(tmp_path, capsys):
    own = ("--data", "patterns", "--patterns", "30", "8", "--network", "mlp")
    axes = {"batch-statistics": ("yes", "no"), "seed": ("0", "1")}
    cells = planned([script_of("svhn_random_labels")], [axes], own, tmp_path)
    assert together.grouped(cells, together=True) == [(cells[0],), (cells[1],), tuple(cells[2:])]
    assert capsys.readouterr().err == (
        "2 cells train one by one: --batch-statistics: not for replicas; train one run at a time\n"
    )


@pytest.mark.exhaustive
def test_a_cell_that_cannot_run_is_named(tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed (optional extra [sweep])")
    (tmp_path / "empty").mkdir()
    done = run_command("sweep", "--", SCRIPT, "--data-dir", tmp_path / "empty", cwd=tmp_path)
    assert done.returncode == 2
    first, *_, last = done.stderr.splitlines()
    assert first.startswith(f"{SCRIPT}/seed-0: --data-dir {tmp_path / 'empty'}: no CIFAR-10")
    assert last.startswith("python -m memorization sweep: error: no run to report")


OWN_SCRIPT = """
import argparse
from memorization import experiment

def main(argv=None):
    {before}
    chosen = experiment.options(__file__, "Mine.", argv, network="mlp", train_size=60)
    data = experiment.load("svhn", chosen)
    network = experiment.network("svhn", chosen)
    return experiment.run(chosen, network, data, parameters="mine")
"""


@pytest.mark.exhaustive
def test_every_cell_has_a_process_of_its_own(tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed (optional extra [sweep])")
    tells = "import os; print('process', os.getpid())"
    (tmp_path / "mine.py").write_text(OWN_SCRIPT.format(before=tells))
    tiny = ("--synthetic", "--hidden", "8", "--epochs", "1", "--quiet", "--no-figures")
    words = ("--cpus-per-run", "2", "--vary", "seed=0..2", "--", "mine.py", *tiny)
    done = run_command("sweep", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    logs = list((tmp_path / "results" / "sweep" / "mine").glob("seed-?.log"))
    told = {re.search(r"^process (\d+)$", log.read_text(), re.MULTILINE)[1] for log in logs}
    assert len(logs) == len(told) == 3


@pytest.mark.exhaustive
def test_a_dry_run_lists_cells_of_a_file_tells_the_time_and_writes_nothing(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "mine.py").write_text(OWN_SCRIPT.format(before="pass"))
    (folder / "cells").write_text(
        "# small ones\nhidden='8 8' width=1,.5\n\nhidden=16 width=1 # one\n"
    )
    words = ("--cells", "cells", "--vary", "seed=1..2", "--dry-run")
    done = run_command("sweep", *words, "--", "mine.py", "--synthetic", "--epochs", "3", cwd=folder)
    assert done.returncode == 0, done.stderr
    *cells, total, timing, estimate = done.stdout.splitlines()
    kinds = ("hidden-8+8_width-1.0", "hidden-8+8_width-0.5", "hidden-16_width-1.0")
    assert cells == [f"mine/{kind}_seed-{seed}" for kind in kinds for seed in (1, 2)]
    assert total == "6 cells, 0 of them finished"
    assert timing.startswith("timing 3 networks")
    assert re.match(r"about [\d.hms]+ of training and testing one after another", estimate)
    left = {path.name for path in folder.iterdir()}
    # Python's own, of a script that is imported.
    assert left - {"__pycache__"} == {"cells", "mine.py"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--vary", "seed=1", "--", "cifar10"), "'cifar10' is no script; give the path of one"),
        (("--vary", "seed=1"), "no script; give one after --"),
        (("--vary", "seed=1", "--", SCRIPT, "--epoch", "2"), "unrecognized arguments: --epoch 2"),
        (("--vary", "seed=1", "--", SCRIPT, "--seed", "2"), "--seed is varied"),
        (("--vary", "seed=1", "--", SCRIPT, "--name=mine"), "--name is the sweep's own"),
        (("--vary", "name=a,b", "--", SCRIPT), "--name is the sweep's own"),
        (("--vary", "widht=0.1", "--", SCRIPT), "unrecognized arguments: --widht=0.1"),
        (("--vary", "corruption=0.5,2", "--", SCRIPT), "corruption: '2' is not a number from 0 to"),
        (("--vary", "weights=binary,floats", "--", SCRIPT), "weights=floats: not one of binary"),
        (("--vary", "measure=maybe", "--", SCRIPT), "measure=maybe: --measure is given or not"),
        (("--vary", "seed=1,,2", "--", SCRIPT), "seed=1,,2: a value is missing"),
        (("--vary", "seed=4..0", "--", SCRIPT), "seed=4..0: a range goes up"),
        (("--vary", "seed=0..99999999999999", "--", SCRIPT), "a range goes up, and over at most"),
        (("--vary", "seed=0..999", "epochs=0..99", "--", SCRIPT), "more than 10000 cells"),
        (("--vary", "seed", "--", SCRIPT), "'seed' is not name=value,value"),
        (("--vary", "seed=1", "seed=2", "--", SCRIPT), "seed is varied twice"),
        (("--vary", "hidden=8,16", "--", SCRIPT), "--hidden is for --network mlp"),
        (("--together", "--slurm", "--vary", "seed=0,1", "--", SCRIPT), "--together: a job array"),
        (("--cells", "none", "--", SCRIPT), "none: no such file"),
        (("--cells", "{tmp_path}", "--", SCRIPT), "no readable cells"),
    ],
)
def test_mistakes_are_named_before_anything_starts(tmp_path, arguments, named):
    words = [word.format(tmp_path=tmp_path) for word in arguments]
    check_one_line(run_command("sweep", *words, cwd=tmp_path), named)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ("seed=1\nwidth=0.1 widht\n", "cells, line 2: 'widht' is not name=value,value"),
        ("seed='1\n", "cells, line 1: No closing quotation"),
        ("# nothing\n\n", "cells: no cell in it"),
        ("epochs=1,2\n", "epochs is varied by --vary and in cells"),
    ],
)
def test_mistakes_in_a_file_of_cells_are_named(tmp_path, lines, named):
    (tmp_path / "cells").write_text(lines)
    words = ("--cells", "cells", "--vary", "epochs=3", "--", SCRIPT)
    check_one_line(run_command("sweep", *words, cwd=tmp_path), named)
    assert [path.name for path in tmp_path.iterdir()] == ["cells"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("def main(", "cannot be imported (SyntaxError"),
        ("import no_such_module", "cannot be imported (ModuleNotFoundError"),
        ("print('hello')", "it has no main(argv)"),
        ("def main(argv): pass", "it does not use experiment.options"),
    ],
)
def test_scripts_that_cannot_be_swept_are_named(tmp_path, text, named):
    (tmp_path / "mine.py").write_text(text)
    done = run_command("sweep", "--vary", "seed=1", "--", "mine.py", cwd=tmp_path)
    check_one_line(done, "mine.py", named)
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
@pytest.mark.parametrize("address", ["127.0.0.1:{port}", "nowhere"])
def test_an_address_where_nothing_answers_is_named_at_once(tmp_path, address):
    pytest.importorskip("ray", reason="Ray is not installed (optional extra [sweep])")
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        address = address.format(port=unheard.getsockname()[1])
        done = run_command("sweep", "--address", address, "--", *TINY, cwd=tmp_path)
    assert done.returncode == 2
    said = rf"{NAMED}--address {address}: no Ray cluster answers there \(.*\)\n"
    assert re.fullmatch(said, done.stderr)


@pytest.mark.slow
def test_without_ray_the_extra_is_named(tmp_path):
    program = (
        "import runpy, sys; sys.modules['ray'] = None\n"
        f"sys.argv = ['memorization', 'sweep', '--', {SCRIPT!r}]\n"
        f"sys.path.insert(0, {str(PROJECT)!r})\n"
        f"runpy.run_module('memorization', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=3600
    )
    assert done.returncode == 2
    assert re.fullmatch(rf"{NAMED}.*Ray.*EXTRAS=sweep\n", done.stderr)
