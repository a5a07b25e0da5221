"""Run experiments x seeds x corruption levels, and report on all of them.

    python -m memorization sweep --experiments cifar10_random_labels svhn_random_labels \\
        --seeds 0 1 --corruptions 0 0.5 1 -- --width 0.25 --epochs 50

What follows `--` is given to every script. Each cell is an ordinary run, in
`<results-dir>/<experiment>/<cell>/`, its output beside it in `<cell>.log`. Cells that are
finished are passed over and half-done ones go on, so that the same command continues a sweep that
was stopped. The report is written to `<results-dir>/report/` at the end.

Ray (the optional extra [sweep]: make venv EXTRAS=sweep) decides what runs when and where, and tries
again what fails: on this machine, or with --address on a cluster whose machines share this folder
and the results'. The exit code is 1 where a cell failed.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from foundations import files, reading
from foundations.errors import UserError
from foundations.reading import pasteable, printable, reason
from memorization import command_line, options, report
from memorization.command_line import MOST_OF_A_LINE
from memorization.report.runs import read_run
from memorization.run.folder import LAST_FILE
from memorization.run.record import RUN_FILE
from memorization.signals import Interrupted

PROJECT = Path(__file__).resolve().parent.parent
SWEEP_FILE = "sweep.json"
# A socket's path has at most 107 bytes, of which Ray's names take some seventy.
MOST_BYTES_OF_TMPDIR = 30
SECONDS_BETWEEN_LOOKS = 0.5


@dataclass(frozen=True)
class Cell:
    """One run of the sweep: an experiment's name, the options it is given, where its folder is."""

    experiment: str
    arguments: tuple[str, ...]
    folder: Path

    @property
    def name(self) -> str:
        """What the cell is called on the terminal."""
        return f"{self.experiment}/{self.folder.name}"

    def finished(self) -> bool:
        """Whether the run has done all of its epochs, and drawn its figures."""
        try:
            drawn = (self.folder / LAST_FILE).exists()
            return drawn and read_run(self.folder).finished
        except UserError:
            return False

    def continuation(self) -> list[str]:
        """What the script needs to be told about a run that was begun before."""
        return ["--resume"] if (self.folder / RUN_FILE).exists() else []

    def run(self) -> str | None:
        """Run the script in this process; the line of what the user must put right, or None."""
        script = importlib.import_module(self.experiment)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            log = stack.enter_context(open(f"{self.folder}.log", "a", encoding="utf-8"))
            stack.enter_context(contextlib.redirect_stdout(log))
            stack.enter_context(contextlib.redirect_stderr(log))
            try:
                script.main([*self.arguments, *self.continuation()])
            except files.InUseError:
                # The process of a machine that was lost may take a moment to end: tried again.
                raise
            except UserError as error:
                print(printable(error, MOST_OF_A_LINE))
                return printable(error, MOST_OF_A_LINE)
        return None


def experiments() -> list[str]:
    """The names of all training scripts."""
    found = {path.stem for kind in ("cifar10", "svhn") for path in PROJECT.glob(f"{kind}_*.py")}
    return sorted(found - {"svhn_evaluation_random_labels"})


def parse(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """The sweep's own options, and those after `--`, which are the scripts'."""
    parser = command_line.ArgumentParser("python -m memorization sweep", __doc__)
    add = parser.add_argument
    add("--experiments", nargs="+", required=True, choices=experiments(), metavar="NAME")
    add("--seeds", nargs="+", type=command_line.seed_number, default=[0], metavar="N")
    add(
        "--corruptions",
        nargs="+",
        type=command_line.fraction,
        metavar="F",
        help="shares of the labels that are replaced (default: each script's own)",
    )
    add("--results-dir", type=Path, default=Path("results/sweep"), metavar="DIR")
    add("--address", default="local", help="a Ray cluster's address (default: this machine)")
    add("--cpus-per-run", type=command_line.positive_int, default=1, metavar="N")
    add(
        "--gpus-per-run",
        type=command_line.fraction,
        metavar="F",
        help="share of a GPU (default: 1 with --device cuda, otherwise 0)",
    )
    add(
        "--retries",
        type=command_line.whole_number,
        default=2,
        metavar="N",
        help="how often a cell that fails is tried again (default: 2)",
    )
    own, extra = list(argv), []
    if "--" in own:
        own, extra = own[: own.index("--")], own[own.index("--") + 1 :]
    chosen = parser.parse_args(own)
    own_options = ("--seed", "--corruption", "--results-dir", "--name", "--overwrite", "--resume")
    for option in own_options:
        if any(argument.partition("=")[0] == option for argument in extra):
            parser.error(f"{option} is the sweep's own to give; leave it out after --")
    for experiment in chosen.experiments:
        # The scripts' own parser complains here, before anything is started.
        device = options.parse(f"{experiment}.py", "", extra).device
    if chosen.gpus_per_run is None:
        chosen.gpus_per_run = float(device == "cuda")
    return chosen, extra


def cells(chosen: argparse.Namespace, extra: Sequence[str]) -> list[Cell]:
    """All runs of the sweep."""
    found = []
    # A level or a seed that is given twice is one: two processes cannot share a folder.
    for corruption in dict.fromkeys(chosen.corruptions or [None]):
        for seed in dict.fromkeys(chosen.seeds):
            name = (
                f"seed{seed}" if corruption is None else f"corruption{_text(corruption)}_seed{seed}"
            )
            place = chosen.results_dir.resolve()
            given = [*extra, "--seed", str(seed), "--results-dir", str(place), "--name", name]
            if corruption is not None:
                given += ["--corruption", str(corruption)]
            for experiment in dict.fromkeys(chosen.experiments):
                found.append(Cell(experiment, tuple(given), place / experiment / name))
    return found


def _text(corruption: float) -> str:
    """`corruption` in short, or with all its digits where they are needed to tell it apart."""
    short = f"{corruption:g}"
    return short if float(short) == corruption else repr(corruption)


def run_all(wanted: Sequence[Cell], chosen: argparse.Namespace, again: str) -> list[str]:
    """Run `wanted` on Ray; a line for each cell that failed.

    Raises Interrupted, which names the command `again`, where a signal asks for an end.
    """
    asked: list[int] = []
    # Noted, not raised: Ray's waiting knows no other exceptions than its own.
    with _ray(chosen.address) as ray, _handling(asked.append):
        _see_that_there_is_room(ray.nodes(), chosen)
        run = ray.remote(
            num_cpus=chosen.cpus_per_run,
            num_gpus=chosen.gpus_per_run,
            max_retries=chosen.retries,
            # Each try in a process of its own, which a failure before it cannot have marked.
            max_calls=1,
            retry_exceptions=True,
        )(Cell.run)
        failures = []
        waiting = {run.remote(cell): cell for cell in wanted}
        while waiting:
            ready, _ = ray.wait(list(waiting), timeout=SECONDS_BETWEEN_LOOKS)
            if asked:
                raise _interrupted(asked[0], again)
            for done in ready:
                cell = waiting.pop(done)
                problem = _outcome(ray, done)
                if problem is None:
                    print(f"{cell.name}: done, {len(waiting)} to go", flush=True)
                else:
                    failures.append(f"{cell.name}: {problem} (see {cell.folder}.log)")
                    print(printable(failures[-1], MOST_OF_A_LINE), file=sys.stderr, flush=True)
    return failures


def _outcome(ray: Any, done: Any) -> str | None:
    """What `Cell.run` returned, or the last line of what Ray says where it could not return."""
    try:
        return ray.get(done)
    except ray.exceptions.RayError as error:
        return printable(str(error).strip().rpartition("\n")[2])


def _interrupted(number: int, again: str) -> Interrupted:
    return Interrupted(f"stopped; what is done is kept, go on with: {again}", number)


@contextlib.contextmanager
def _handling(handle: Callable[[int], Any]) -> Iterator[None]:
    """Within this context `handle` is called with the number of a signal that asks for an end.

    A second one of the same kind does what the system does.
    """

    def first(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        handle(number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # What nohup has made its processes ignore stays ignored.
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, first)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _see_that_there_is_room(nodes: Sequence[Mapping[str, Any]], chosen: argparse.Namespace) -> None:
    """UserError where no machine has what one run is to have: Ray would wait for one for ever."""
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    for option, resource, wanted in (
        ("--cpus-per-run", "CPU", chosen.cpus_per_run),
        ("--gpus-per-run", "GPU", chosen.gpus_per_run),
    ):
        most = max((resources.get(resource, 0) for resources in alive), default=0)
        if wanted > most:
            raise UserError(f"{option} {wanted:g}: no machine has more than {most:g}; give less")


@contextlib.contextmanager
def _ray(address: str) -> Iterator[Any]:
    """Ray, connected to the cluster at `address` or started on this machine.

    Raises UserError where it is not installed, does not answer, or cannot start.
    """
    # Read when Ray is imported: no usage statistics to its makers.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # What Ray will do of its own accord, and warns of until then.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ModuleNotFoundError as error:
        raise UserError(
            "sweeps need Ray, which is not installed: make venv EXTRAS=sweep"
        ) from error
    _see_that_somebody_listens(address)
    with contextlib.ExitStack() as stack:
        local: dict[str, Any] = {"include_dashboard": False, "object_store_memory": 100 << 20}
        if address == "local":
            local["_temp_dir"] = stack.enter_context(_folder_for_sockets())
        stack.callback(ray.shutdown)
        try:
            ray.init(
                address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                # Of its own accord Ray hands on the folder that the command was given in, no other.
                job_config=ray.job_config.JobConfig(code_search_path=[str(PROJECT)]),
                **(local if address == "local" else {}),
            )
        except (OSError, ValueError, RuntimeError) as error:
            if address == "local":
                raise UserError(f"Ray cannot start here ({reason(error)})") from error
            raise UserError(
                f"--address {address}: no Ray cluster answers there ({reason(error)})"
            ) from error
        yield ray


@contextlib.contextmanager
def _folder_for_sockets() -> Iterator[str]:
    """A folder of our own for Ray's session, under a name so short that its sockets can be made.

    Raises UserError where there is none.
    """
    usual = tempfile.gettempdir()
    short = [usual] if len(os.fsencode(usual)) <= MOST_BYTES_OF_TMPDIR else []
    for parent in (*short, "/tmp", "/var/tmp", "/dev/shm"):
        with contextlib.suppress(OSError):
            folder = tempfile.mkdtemp(prefix="ray-", dir=parent)
            break
    else:
        raise UserError(
            f"{usual}: too long a name for Ray's sockets, and no shorter folder can be written; "
            "name one in TMPDIR"
        )
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _see_that_somebody_listens(address: str) -> None:
    """UserError where nothing answers at a host:port, which Ray would try for minutes."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not (colon and port.isdigit()):
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise UserError(f"--address {address}: no Ray cluster answers there ({error})") from error


def recorded_options(path: Path) -> list[str]:
    """The scripts' options that a sweep's record holds; UserError where it cannot be read."""
    with reading.file_errors(path, "no readable record of a sweep"):
        words = reading.load_json(path)["options"]
        if not (isinstance(words, list) and all(isinstance(word, str) for word in words)):
            raise ValueError(f"options are {reading.printable(words)}")
    return words


def _same_sweep(folder: Path, extra: Sequence[str]) -> None:
    """Keep the scripts' options beside the cells, or refuse others than those of before."""
    path = folder / SWEEP_FILE
    if path.exists():
        before = recorded_options(path)
        if before != list(extra):
            raise UserError(
                f"{folder} holds a sweep with the options {pasteable(before)}; give the same "
                "after --, or another --results-dir"
            )
    folder.mkdir(parents=True, exist_ok=True)
    files.save_json(path, {"options": list(extra)})


def main(argv: Sequence[str] | None = None) -> None:
    words = sys.argv[1:] if argv is None else argv
    again = pasteable(["python", "-m", "memorization", "sweep", *words])
    chosen, extra = parse(words)
    _same_sweep(chosen.results_dir, extra)
    every = cells(chosen, extra)
    wanted = [cell for cell in every if not cell.finished()]
    print(f"finished before: {len(every) - len(wanted)} of {len(every)}", flush=True)

    asked = []

    def stop(number: int) -> None:
        asked.append(number)
        # Nothing that makes a warning of an exception makes one of this.
        raise KeyboardInterrupt

    try:
        with _handling(stop):
            failures = run_all(wanted, chosen, again) if wanted else []
            left_out = report.report_runs([chosen.results_dir], chosen.results_dir / "report")
    except KeyboardInterrupt:
        raise _interrupted(asked[0] if asked else signal.SIGINT, again) from None
    if failures or left_out:
        sys.exit(1)
