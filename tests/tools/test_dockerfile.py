"""Dockerfile and devcontainer, against what they name; tools/try_dockerfile.py runs them."""

from __future__ import annotations

import json
import re

import pytest
from support.project import PROJECT

from tools import try_dockerfile

TEXT = (PROJECT / "Dockerfile").read_text()
LINES = try_dockerfile.instructions(TEXT)
MAKEFILE = (PROJECT / "Makefile").read_text()


def targets(command):
    return re.findall(r"\bmake ([a-z-]+)", command)


def test_what_is_made_is_there_to_be_made():
    container = json.loads((PROJECT / ".devcontainer" / "devcontainer.json").read_text())
    commands = [rest for word, rest in LINES if word == "RUN" and "apt-get" not in rest]
    commands += [" ".join(json.loads(rest)) for word, rest in LINES if word == "CMD"]
    made = [target for command in commands for target in targets(command)]
    assert made == ["venv", "demo"]
    for target in [*made, *targets(container["postCreateCommand"])]:
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target
    assert (PROJECT / ".devcontainer" / container["build"]["dockerfile"]).samefile(
        PROJECT / "Dockerfile"
    )


def test_its_packages_are_those_of_the_bare_root():
    named = (PROJECT / "docs" / "compatibility.md").read_text()
    wanted = re.search(r"chroot \S+ apt-get install --no-install-recommends (.*)", named)[1].split()
    (install,) = (rest for word, rest in LINES if word == "RUN" and "apt-get" in rest)
    assert {*wanted} <= {*install.split()}


@pytest.mark.parametrize("line", ["ADD . /suite", "FROM alpine", "COPY a b"])
def test_what_it_does_not_know_is_named(line):
    with pytest.raises(SystemExit, match=line):
        try_dockerfile.instructions(TEXT + line + "\n")
