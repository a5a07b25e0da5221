"""What a newcomer meets who starts with the wrong Python, or with pip, or without a package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from support.project import PROJECT, check_one_line

pytestmark = pytest.mark.slow

SCRIPTS = sorted(path.name for kind in ("cifar10", "svhn") for path in PROJECT.glob(f"{kind}_*.py"))
TOOLS = PROJECT / "tools"


def run(*command, **environment):
    return subprocess.run(
        list(map(str, command)),
        cwd=PROJECT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=3600,
    )


@pytest.mark.parametrize("command", [*([name] for name in SCRIPTS), ["-m", "memorization"]])
def test_a_python_without_the_packages(command):
    done = run(sys.executable, "-S", *command)
    check_one_line(done, "make venv", "numpy", "theano", sys.executable)


def test_pip_install_says_what_to_do_instead():
    done = run(sys.executable, "-m", "pip", "install", "--no-build-isolation", "--no-deps", ".")
    assert done.returncode != 0
    assert "make venv" in done.stderr + done.stdout
    assert "tools/install.sh" in done.stderr + done.stdout


@pytest.mark.parametrize(
    "release, needed, command",
    [
        ("ID=debian", "venv", "apt install python3.13-venv"),
        ("ID=debian", "headers", "apt install python3.13-dev"),
        ("ID=ubuntu\nID_LIKE=debian", "headers", "apt install python3.13-dev"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"', "compiler", "apt install g++"),
        ("ID=fedora", "headers", "-devel"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"', "compiler", "dnf install gcc-c++"),
        ("ID=arch", "venv", "pacman -S python"),
        ("ID=unheard", "headers", "headers (Python.h) of Python 3.13"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no /etc/os-release")
def test_the_package_of_this_system(release, needed, command, tmp_path):
    (tmp_path / "os-release").write_text(release + "\n", encoding="utf-8")
    line = f'. "{TOOLS}/packages.sh"; how_to_get {needed} 3.13'
    done = run("sh", "-euc", line, OS_RELEASE=str(tmp_path / "os-release"))
    assert done.returncode == 0, done.stderr
    assert command in done.stdout
    assert len(done.stdout.splitlines()) == 1


def python_that_lacks(folder, what):
    """A Python that answers `what`, a part of the question that it is asked, with a failure."""
    wrapper = folder / "python"
    wrapper.write_text(
        f'#!/bin/sh\ncase "$*" in *{what}*) exit 1 ;; esac\nexec "{sys.executable}" "$@"\n',
        encoding="utf-8",
    )
    wrapper.chmod(0o755)
    return wrapper


@pytest.mark.parametrize(
    "lacking, mentioned", [("ensurepip", "venv"), ("EXTERNALLY-MANAGED", "make venv")]
)
def test_a_python_that_cannot_be_installed_into(lacking, mentioned, tmp_path):
    python = python_that_lacks(tmp_path, lacking)
    if lacking == "ensurepip":
        done = run("sh", TOOLS / "make_venv.sh", tmp_path / "venv", "", PYTHON=str(python))
        assert not (tmp_path / "venv").exists()
    else:
        done = run("sh", TOOLS / "install.sh", python)
    check_one_line(done, mentioned, str(python))


def test_no_compiler(tmp_path):
    for name in ("sh", "dirname", "mktemp", "rm", "uname", "cat"):
        (tmp_path / name).symlink_to(shutil.which(name))
    done = run("/bin/sh", TOOLS / "install.sh", sys.executable, PATH=str(tmp_path))
    check_one_line(done, "C++ compiler")


def test_no_headers(tmp_path):
    python = python_that_lacks(tmp_path, "Python.h")
    check_one_line(run("sh", TOOLS / "install.sh", python), "Python.h", str(python))


def test_a_python_that_is_too_old(tmp_path):
    old = tmp_path / "python3.10"
    old.write_text("#!/bin/sh\necho 3.10\n", encoding="utf-8")
    old.chmod(0o755)
    for script in (["make_venv.sh", str(tmp_path / "venv"), ""], ["install.sh", str(old)]):
        done = run("sh", TOOLS / script[0], *script[1:], PYTHON=str(old))
        check_one_line(done, "3.14 3.13 3.12 3.11", str(old))


def test_a_script_of_another_clone_takes_its_own_packages(tmp_path):
    package = tmp_path / "theano_engine"
    package.mkdir()
    (package / "__init__.py").touch()
    script = tmp_path / "script.py"
    script.write_text("import theano_engine\nprint(theano_engine.__file__)\n", encoding="utf-8")
    done = run(sys.executable, script)
    assert (done.stdout.strip(), done.stderr) == (str(package / "__init__.py"), "")
