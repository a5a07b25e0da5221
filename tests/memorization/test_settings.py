"""What a run's folder is called, and that runs are found under whatever name."""

from __future__ import annotations

import hashlib
import re
import shutil

import pytest
from support.project import check_one_line, run_command, run_script
from support.runs import SHORT, assert_same_run, run_in

from memorization.experiment import options

SCRIPT = "cifar10_random_labels"
PLAIN = SHORT[: SHORT.index("--name")]
SMALL = ("--synthetic", "--network", "mlp", "--hidden", "16", "--epochs", "1", "--train-size", "60")


def name_of(*arguments, script=SCRIPT, **defaults):
    return options(f"{script}.py", "", arguments, **defaults).name


@pytest.mark.parametrize(
    "arguments, name",
    [
        ("", "seed-0"),
        ("--seed 0 --corruption 1", "seed-0"),
        ("--seed 12 --label-seed 3", "seed-12_label-seed-3"),
        (
            "--epochs 3 --device torch-cpu --results-dir x --measure --quiet --save-every 2",
            "seed-0",
        ),
        ("--synthetic --width 0.25", "seed-0_synthetic_width-0.25"),
        ("--corruption 0.5 --train-size 500", "seed-0_train-size-500_corruption-0.5"),
        ("--corruption 0", "seed-0_corruption-0.0"),
        ("--lr-start 0.003 --lr-fin 1e-05", "seed-0_lr-start-0.003_lr-fin-1e-05"),
        ("--margin 1", "seed-0"),
        ("--margin 12.5", "seed-0_margin-12.5"),
        ("--network mlp --hidden 64 32 --bias no", "seed-0_network-mlp_hidden-64-32_bias-no"),
        (
            "--data patterns --patterns 9 5 --corruption 0 --teacher",
            "seed-0_data-patterns_patterns-9-5_classes-2_corruption-0.0_teacher",
        ),
        (
            "--data patterns --patterns 9 5 --corruption 0.5 --teacher 7 8",
            "seed-0_data-patterns_patterns-9-5_classes-2_corruption-0.5_teacher-7-8",
        ),
        ("--as-in-2017 --images shuffled-pixels", "seed-0_as-in-2017_images-shuffled-pixels"),
    ],
)
def test_the_seed_and_what_is_not_the_scripts_default(arguments, name):
    found = name_of(*arguments.split(), corruption=1.0, epochs=500, lr_start=1e-3, lr_fin=3e-7)
    # In whichever order the options are declared.
    assert sorted(found.split("_")) == sorted(name.split("_"))
    assert found.startswith(name.split("_")[0])


def test_two_runs_that_differ_have_two_names():
    names = [name_of("--lr-start", text) for text in ("0.1", "0.10000001", "0.2")]
    assert len(set(names)) == 3


def test_parameters_go_by_their_contents(tmp_path):
    contents = [b"one", b"two"]
    names = []
    for folder, content in zip("ab", contents):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "model parameters.npz"
        path.write_bytes(content)
        names.append(name_of("--init", str(path)))
    digits = [hashlib.sha256(content).hexdigest()[:8] for content in contents]
    assert names == [f"seed-0_init-model-parameters-{of}" for of in digits]


def test_a_long_name_is_cut_and_stays_one_of_its_own():
    hidden = [str(number) for number in range(100, 160)]
    one, other = (name_of("--network", "mlp", "--hidden", *hidden, last) for last in ("500", "501"))
    assert one != other
    assert one[:111] == other[:111]
    assert len(one) == 120
    assert re.fullmatch(r"[0-9a-f]{8}", one[112:])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "a\nb", "x" * 300])
def test_what_is_no_name_of_a_folder(name, tmp_path):
    done = run_script(f"{SCRIPT}.py", "--synthetic", f"--name={name}", cwd=tmp_path)
    check_one_line(done, "--name", "name of a folder")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.exhaustive
def test_two_seeds_side_by_side_and_found_again(tmp_path):
    for more in ((), ("--seed", "1"), ("--name", "mine", "--seed", "2")):
        done = run_script(f"{SCRIPT}.py", *SMALL, "--no-figures", *more, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    here = tmp_path / "results" / SCRIPT
    settings = "synthetic_train-size-60_network-mlp_hidden-16"
    assert {path.name for path in here.iterdir()} == {
        *(f"seed-0_{settings}", f"seed-1_{settings}", "mine")
    }
    report = run_command("report", "results", "--output", "out", cwd=tmp_path)
    assert report.returncode == 0, report.stderr
    assert "standard deviation" in report.stdout
    figures = [path / "curves.png" for path in here.iterdir()]
    drawn = run_command("figures", "results", cwd=tmp_path)
    assert drawn.returncode == 0, drawn.stderr
    assert all(path.exists() for path in figures)


@pytest.mark.exhaustive
def test_a_run_in_the_experiments_own_folder_goes_on_there(short_run, tmp_path):
    """Where runs lay before they had names."""
    run = shutil.copytree(short_run, tmp_path / "results" / SCRIPT)
    (run / "labels.png").unlink()
    done = run_script(f"{SCRIPT}.py", *PLAIN, "--resume", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert run_in(tmp_path) == run
    assert_same_run(run, short_run)
    assert (run / "labels.png").exists()
    # A new one finds its place below, and both are found.
    more = ("--seed", "1", "--no-figures")
    done = run_script(f"{SCRIPT}.py", *PLAIN, *more, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    report = run_command("report", "results", "--output", "out", cwd=tmp_path)
    assert "standard deviation" in report.stdout


@pytest.mark.slow
def test_what_there_is_to_resume_is_named(short_run, tmp_path):
    shutil.copytree(short_run, tmp_path / "results" / SCRIPT / "mine")
    done = run_script(f"{SCRIPT}.py", *PLAIN, "--resume", cwd=tmp_path)
    check_one_line(done, "no run there to resume", "runs of this experiment: mine")
