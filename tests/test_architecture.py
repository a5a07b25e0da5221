"""The folder shows the architecture: imports go one way."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
SCRIPTS = sorted(
    path.stem for pattern in ("svhn_*.py", "cifar10_*.py") for path in PROJECT.glob(pattern)
)


def imported_names(path: Path) -> set[str]:
    """Top-level names of every import in a file, those inside functions included."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add((node.module or "").partition(".")[0])
    return names


def imports_of(folder: str) -> set[str]:
    files = list((PROJECT / folder).rglob("*.py"))
    assert files
    return set().union(*map(imported_names, files))


PACKAGES = {"foundations", "datasets", "training_loop", "theano_engine", "memorization"}
OWN = {path.stem for path in PROJECT.glob("*.py")} | PACKAGES


def test_datasets_know_neither_theano_nor_anything_above():
    allowed = {"datasets", "foundations"}
    assert imports_of("datasets") & (OWN | {"theano", "lasagne", "torch"}) <= allowed


def test_engine_knows_neither_lasagne_nor_anything_above():
    assert imports_of("theano_engine") & (OWN | {"lasagne"}) <= {"theano_engine", "foundations"}


def test_binary_net_stands_on_the_engine_alone():
    allowed = {"theano_engine", "training_loop", "foundations"}
    assert imported_names(PROJECT / "binary_net.py") & OWN == allowed
    assert imports_of("training_loop") & OWN <= {"training_loop", "foundations"}


@pytest.mark.parametrize("script", SCRIPTS)
def test_nothing_imports_a_script(script):
    for path in PROJECT.glob("*.py"):
        assert script not in imported_names(path), path


def test_no_import_circles():
    graph = {
        path.stem: imported_names(path) & {p.stem for p in PROJECT.glob("*.py")}
        for path in PROJECT.glob("*.py")
    }
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join((*above, name))
        if name not in done:
            for other in sorted(graph[name]):
                visit(other, (*above, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_files_are_of_readable_length():
    found = [
        *PROJECT.glob("*.py"),
        *(p for name in PACKAGES for p in PROJECT.rglob(f"{name}/**/*.py")),
    ]
    assert len(found) > 60
    for path in found:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 420, path


def test_importing_binary_net_is_quiet_and_enough():
    program = "import binary_net, theano, lasagne; print(theano.config.floatX)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, timeout=300
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "float32\n", "")


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_needs_no_theano(script):
    program = (
        "import runpy, sys; sys.argv = ['x.py', '--help']\n"
        f"try: runpy.run_path({str(PROJECT / (script + '.py'))!r}, run_name='__main__')\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "assert not {'theano', 'lasagne', 'torch', 'matplotlib'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "--data-dir" in done.stdout
