"""A Slurm of one node, of Debian's packages, started in a folder and ended with the test."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "squeue", "scancel")
# Where Debian keeps what a user's PATH may lack.
WHERE = os.pathsep.join(filter(None, [os.environ.get("PATH"), "/usr/sbin", "/sbin"]))

_CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=10
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,bf_interval=1,requeue_delay=1
ReturnToService=2
MinJobAge=600
KillWait=60
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> list[str]:
    """The programs of Slurm and munge that this machine lacks."""
    return [name for name in PROGRAMS if shutil.which(name, path=WHERE) is None]


class Slurm:
    """The cluster whose files are in `folder`; `environment` is what its commands need."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": WHERE}

    def ask(self, *words: str) -> str:
        """What one of Slurm's commands prints."""
        done = subprocess.run(
            words,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=3600,
        )
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    def tasks(self) -> dict[str, str]:
        """The state of each task that has not been forgotten, by job and number: `4_0`."""
        lines = self.ask("squeue", "--noheader", "--array", "--states=all", "--format=%i %T")
        return dict(line.split() for line in lines.splitlines())

    def until(self, happened, what: str) -> None:
        """Wait until `happened()`; fails with what the cluster said after ten minutes."""
        for _ in range(6000):
            if happened():
                return
            time.sleep(0.1)
        logs = (self.folder / name for name in ("slurmctld.log", "slurmd.log"))
        told = "\n".join(path.read_text()[-3000:] for path in logs)
        raise AssertionError(f"waited in vain for {what}: {self.tasks()}\n{told}")


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[Slurm]:
    """A Slurm whose one node, this machine, runs two cells at a time."""
    slurm = Slurm(folder)
    environment = {**os.environ, **slurm.environment}
    for name in ("state", "spool"):
        (folder / name).mkdir()
    folder.chmod(0o755)
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    controller, node = _free_ports(2)
    host = socket.gethostname().partition(".")[0]
    (folder / "slurm.conf").write_text(
        _CONFIGURATION.format(
            host=host, folder=folder, controller=controller, node=node, user=getpass.getuser()
        )
    )
    configured = str(folder / "slurm.conf")
    commands = (
        [
            *("munged", "--foreground", "--force", f"--socket={folder}/munge.socket"),
            *(f"--key-file={key}", f"--pid-file={folder}/munge.pid"),
            *(f"--log-file={folder}/munge.log", f"--seed-file={folder}/munge.seed"),
        ],
        ["slurmctld", "-D", "-f", configured],
        ["slurmd", "-D", "-f", configured, "-N", host],
    )
    with contextlib.ExitStack() as stack:
        for command in commands:
            output = stack.enter_context(open(folder / f"{command[0]}.out", "w"))
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
            stack.callback(_end, process)
            if command[0] == "munged":
                _until_there(folder / "munge.socket", process)
        slurm.until(lambda: "idle" in _quietly(slurm, "sinfo", "--noheader"), "an idle node")
        try:
            yield slurm
        finally:
            _quietly(slurm, "scancel", "--user", getpass.getuser())
            slurm.until(lambda: not _quietly(slurm, "squeue", "--noheader"), "the end of all tasks")


def _quietly(slurm: Slurm, *words: str) -> str:
    with contextlib.suppress(AssertionError):
        return slurm.ask(*words)
    return ""


def _until_there(path: Path, process: subprocess.Popen) -> None:
    while not path.exists():
        assert process.poll() is None, f"{process.args[0]} ended: see {path.parent}"
        time.sleep(0.05)


def _end(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in opened:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in opened]
