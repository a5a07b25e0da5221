"""Does the Dockerfile work? Its lines, in order, in a bare Debian root, without Docker.

    python tools/try_dockerfile.py ROOT [--bind FOLDER ...]

makes the folder ROOT a Debian of the release that FROM names (debootstrap, minbase), runs every RUN
in it and, last, CMD. COPY brings what git has of the last commit. To be run by root, on Debian.
With --bind folders of this machine are seen in the root at the same place: certificates, packages.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
# What a root needs of the machine that it is in.
MOUNTED = ("/proc", "/dev")
FROM = re.compile(r"debian:([a-z]+)(-slim)?")


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path, metavar="ROOT")
    parser.add_argument("--bind", action="append", default=[], type=Path, metavar="FOLDER")
    options = parser.parse_args(arguments)
    lines = instructions((PROJECT / "Dockerfile").read_text(encoding="utf-8"))
    if options.root.exists() and any(options.root.iterdir()):
        parser.error(f"{options.root} is not empty: name a new folder")
    bound = [Path(folder) for folder in MOUNTED] + options.bind
    workdir = Path("/")
    with contextlib.ExitStack() as mounts:
        for word, rest in lines:
            print(f"{word} {rest}", flush=True)
            if word == "FROM":
                debootstrap(rest, options.root)
                mounts.enter_context(mounted(bound, options.root))
            elif word == "WORKDIR":
                workdir = Path(rest)
                inside(options.root, workdir).mkdir(parents=True, exist_ok=True)
            elif word == "COPY":
                copy_commit(inside(options.root, workdir))
            elif word == "RUN":
                run_in(options.root, workdir, ["sh", "-c", rest])
            else:
                run_in(options.root, workdir, json.loads(rest))


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile: their words, and the rest with continued lines joined.

    SystemExit at one that this tool does not know.
    """
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    found = [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]
    for word, rest in found:
        known = word in ("FROM", "WORKDIR", "RUN", "CMD") or (word, rest) == ("COPY", ". .")
        if not known or (word == "FROM" and not FROM.fullmatch(rest)):
            sys.exit(f"Dockerfile: {word} {rest}: not known to this tool")
    return found


def debootstrap(image: str, root: Path) -> None:
    match = FROM.fullmatch(image)
    assert match
    command = ["debootstrap", "--variant=minbase", match[1], str(root)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def inside(root: Path, path: Path) -> Path:
    """`path` of the root as this machine sees it."""
    return root / path.relative_to("/")


@contextlib.contextmanager
def mounted(folders: list[Path], root: Path) -> Iterator[None]:
    """While the block lasts, `folders` of this machine are in the root too."""
    done: list[Path] = []
    try:
        for folder in folders:
            place = inside(root, folder)
            place.mkdir(parents=True, exist_ok=True)
            subprocess.run(["mount", "--bind", str(folder), str(place)], check=True)
            done.append(place)
        yield
    finally:
        for place in reversed(done):
            subprocess.run(["umount", "--lazy", str(place)], check=True)


def copy_commit(folder: Path) -> None:
    archive = subprocess.Popen(["git", "archive", "HEAD"], cwd=PROJECT, stdout=subprocess.PIPE)
    subprocess.run(["tar", "--extract"], cwd=folder, stdin=archive.stdout, check=True)
    if archive.wait():
        sys.exit("git archive HEAD failed")


def run_in(root: Path, workdir: Path, command: list[str]) -> None:
    program = ["chroot", str(root), "sh", "-c", f'cd {workdir} && exec "$@"', "sh", *command]
    environment = {**os.environ, "HOME": "/root", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    done = subprocess.run(program, env=environment)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}")


if __name__ == "__main__":
    main()
