"""Kill one run again and again: python killed_run.py FOLDER KILLS SEED

Writes FOLDER/undisturbed and FOLDER/killed, two runs of the same options. Each life of the second
is a process that gets SIGKILL, or now and then SIGTERM, at a moment drawn at random, half of them
while it writes; the next one goes on by --resume. The graphs are compiled once and every life is
forked from there, since compiling anew would take most of each life. Prints what became of the
lives, as JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

from tqdm import tqdm

from memorization.signals import Interrupted
from support.project import PROJECT  # noqa: F401 - puts the project on the path
from support.runs import finished_epochs

SCRIPT = "svhn_stochastic_sigmoid_random_labels"
ARGUMENTS = (
    *("--synthetic", "--width", "0.0625", "--train-size", "60", "--batch-size", "10"),
    *("--lr-fin", "1e-4", "--quiet", "--name", "run"),
)


def build_once(module, name):
    """Let every call of `module.name` return what the first one returned."""
    build, built = getattr(module, name), []

    def build_or_recall(*arguments, **keywords):
        if not built:
            built.append(build(*arguments, **keywords))
        return built[0]

    setattr(module, name, build_or_recall)


def fork(main, *arguments):
    """A process that calls `main` with `arguments`; its number."""
    number = os.fork()
    if number:
        return number
    code = 1
    try:
        main([*ARGUMENTS, *arguments])
        code = 0
    except Interrupted as interruption:
        code = interruption.exit_code
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def end_of(number):
    """The exit code of a child, negative for the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


def wait_for(number, happened):
    """Wait until `happened()`, or until the child has ended."""
    while not happened() and not os.waitid(os.P_PID, number, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        time.sleep(0.0005)


def wait_for_a_moment(number, run, draw):
    """Let the child finish up to two epochs, then begin to write or work on for a while."""
    reached = finished_epochs(run) + draw.randrange(3)
    wait_for(number, lambda: finished_epochs(run) >= reached)
    if draw.random() < 0.5:
        wait_for(number, lambda: any(run.glob(".*.part")))
    else:
        time.sleep(draw.uniform(0, 0.1))


def live_again_and_again(main, folder, epochs, kills, seed):
    """`kills` lives that are ended, then one to the end; counts of what happened."""
    draw = random.Random(seed)
    run = folder / SCRIPT / "run"
    counts = dict.fromkeys(("killed", "while_writing", "stopped", "too_late"), 0)
    for last in [False] * kills + [True]:
        more = ["--resume"] if (run / "run.json").exists() else []
        arguments = ("--epochs", str(epochs), "--results-dir", str(folder), *more)
        number = fork(main, *arguments)
        if not last:
            wait_for_a_moment(number, run, draw)
            os.kill(number, draw.choice([signal.SIGKILL] * 3 + [signal.SIGTERM]))
        code = end_of(number)
        if last or code == 0:
            assert code == 0, f"exit code {code}"
            counts["too_late"] += not last
        elif code in (-signal.SIGKILL, -signal.SIGTERM):
            counts["killed"] += 1
            counts["while_writing"] += any(run.glob(".*.part"))
        else:
            assert code == 128 + signal.SIGTERM, f"exit code {code}"
            counts["stopped"] += 1
    return counts


def main():
    folder, kills, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    # Its thread would not survive a fork.
    tqdm.monitor_interval = 0
    from memorization import experiment, functions, networks

    build_once(experiment, "load")
    build_once(networks, "build")
    build_once(functions, "build_functions")
    script = importlib.import_module(SCRIPT).main
    script([*ARGUMENTS, "--epochs", "0", "--results-dir", str(folder / "compiled")])

    epochs = 2 * kills
    undisturbed = fork(
        script, "--epochs", str(epochs), "--results-dir", str(folder / "undisturbed")
    )
    assert end_of(undisturbed) == 0
    counts = live_again_and_again(script, folder / "killed", epochs, kills, seed)
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
