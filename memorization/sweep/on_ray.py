"""Runs a sweep's cells on Ray: on this machine or on a cluster, again where one fails."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from foundations.errors import UserError
from foundations.reading import printable, reason
from memorization.sweep import kept, together
from memorization.sweep.cells import PROJECT, Cell
from memorization.sweep.request import Request
from memorization.sweep.stopping import handling, interrupted
from memorization.sweep.view import View

# A socket's path has at most 107 bytes, of which Ray's names take some seventy.
MOST_BYTES_OF_TMPDIR = 30
SECONDS_BETWEEN_LOOKS = 0.5


def run_all(groups: Sequence[Sequence[Cell]], request: Request, again: str) -> list[Cell]:
    """Run `groups` of cells on Ray, each in a process; the cells that failed.

    Raises Interrupted, which names the command `again`, where a signal asks for an end.
    """
    asked: list[int] = []
    wanted = [cell for group in groups for cell in group]
    gpus = request.gpus(wanted)
    # Noted, not raised: Ray's waiting knows no other exceptions than its own.
    with _ray(request.address) as ray, handling(asked.append):
        _see_that_there_is_room(ray.nodes(), request, gpus)

        # A function within a function: max_calls is forgotten of one that Ray finds by its name
        # where it looks for code.
        def in_a_process_of_its_own(group: Sequence[Cell]) -> str | None:
            return together.run(group)

        run = ray.remote(
            num_cpus=request.cpus_per_run,
            num_gpus=gpus,
            max_retries=request.retries,
            # Each try in a process of its own, which a failure before it cannot have marked.
            max_calls=1,
            retry_exceptions=True,
        )(in_a_process_of_its_own)
        failures: list[Cell] = []
        view = View(wanted)
        waiting = {run.remote(group): group for group in groups}
        while waiting:
            ready, _ = ray.wait(list(waiting), timeout=SECONDS_BETWEEN_LOOKS)
            if asked:
                view.close()
                raise interrupted(asked[0], again)
            for done in ready:
                group = waiting.pop(done)
                problem = _outcome(ray, done)
                for cell in group:
                    view.ended(cell, problem)
                if problem is not None:
                    failures += group
                elif request.kept is not None:
                    kept.keep(group, request.kept)
            view.look()
        view.close()
    return failures


def _outcome(ray: Any, done: Any) -> str | None:
    """What `together.run` returned, or the last line of what Ray says where it could not return."""
    try:
        return ray.get(done)
    except ray.exceptions.RayError as error:
        return printable(str(error).strip().rpartition("\n")[2])


def _see_that_there_is_room(
    nodes: Sequence[Mapping[str, Any]], request: Request, gpus: float
) -> None:
    """UserError where no machine has what one run is to have: Ray would wait for one for ever."""
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    for option, resource, wanted in (
        ("--cpus-per-run", "CPU", request.cpus_per_run),
        ("--gpus-per-run", "GPU", gpus),
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
