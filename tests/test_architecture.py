"""The tree is as CONTRIBUTING.md says: imports go one way, files are of readable length."""

from __future__ import annotations

import ast
import re
import shutil

import pytest
from support.architecture import House
from support.project import PROJECT, project_files, run_code

EXPERIMENTS = {
    "cifar10_randX_input",
    "cifar10_random_labels",
    "cifar10_stochastic_sigmoid_random_labels",
    "cifar10_train_acc_dropout",
    "svhn_evaluation_random_labels",
    "svhn_random_labels",
    "svhn_random_labels_dropout",
    "svhn_random_labels_l2_regularization",
    "svhn_stochastic_sigmoid_random_labels",
}
SCRIPTS = sorted(EXPERIMENTS)


@pytest.fixture(scope="module")
def house():
    return House(PROJECT)


def test_every_import_is_one_of_the_table(house):
    assert house.wrong_imports() == []


def test_no_circles(house):
    assert house.circles() == []


@pytest.fixture(scope="module")
def copied(tmp_path_factory, house):
    """A copy of the sources and of the table, to plant violations in."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copy(PROJECT / "CONTRIBUTING.md", folder)
    for path in house.modules.values():
        place = folder / path.relative_to(PROJECT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    return folder


def planted(folder, path, text):
    """What House finds in `folder` while the file at `path` has `text` as its last lines."""
    place = folder / path
    before = place.read_text(encoding="utf-8") if place.exists() else None
    place.write_text((before or "") + "\n\n" + text, encoding="utf-8")
    try:
        house = House(folder)
        return house.wrong_imports(), house.circles()
    finally:
        if before is None:
            place.unlink()
        else:
            place.write_text(before, encoding="utf-8")


@pytest.mark.parametrize(
    ("path", "text", "wrong"),
    [
        ("memorization/report/figures.py", "import theano.tensor", "theano"),
        ("memorization/report/figures.py", "from theano_engine import T", "theano_engine"),
        ("memorization/report/table.py", "import torch", "torch"),
        (
            "memorization/run/folder.py",
            "def late():\n    from memorization import networks",
            "memorization.networks",
        ),
        ("memorization/run/folder.py", "from .. import networks", "memorization.networks"),
        ("memorization/run/state.py", "import matplotlib.pyplot as plt", "matplotlib"),
        ("foundations/reading.py", "from memorization.options import Options", "memorization"),
        ("training_loop/metrics.py", "import lasagne", "lasagne"),
        ("datasets/pool.py", "class Late:\n    import theano", "theano"),
        ("datasets/pool.py", "import importlib\nimportlib.import_module('theano')", "theano"),
        ("theano_engine/rewrites/new.py", "import theano_engine.torch_linker", "theano_engine"),
        ("theano_engine/ops/new.py", "import lasagne.layers", "lasagne"),
        ("binary_net.py", "import svhn_random_labels", "svhn_random_labels"),
        ("binary_net.py", "import torch", "torch"),
        ("svhn_random_labels.py", "import datasets", "datasets"),
        ("memorization/sweep/grid.py", "import torch", "torch"),
    ],
)
def test_a_planted_import_is_named(copied, path, text, wrong):
    module = path.removesuffix(".py").replace("/", ".")
    (line,) = planted(copied, path, text)[0]
    assert line.startswith(f"{module} imports {wrong}")


def test_a_planted_file_of_no_room_is_named(copied):
    (line,) = planted(copied, "helpers.py", "")[0]
    assert line == "helpers is in no room of CONTRIBUTING.md's table"


def test_a_planted_circle_is_named(copied):
    text = "def late():\n    from foundations import files"
    (line,) = planted(copied, "foundations/errors.py", text)[1]
    assert set(line.split(" -> ")) == {"foundations.errors", "foundations.files"}


def test_the_root_holds_the_scripts_alone():
    assert {path.stem for path in PROJECT.glob("*.py")} == {"binary_net", *EXPERIMENTS}


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_is_one_import_and_one_page(house, script):
    (imported,) = house.imports(script)
    assert house.name_of_room(imported) == "memorization"
    assert len(house.modules[script].read_text(encoding="utf-8").splitlines()) <= 50


def test_files_are_of_readable_length(house):
    sources = [
        *house.modules.values(),
        *(PROJECT / "tests").rglob("*.py"),
        *(path for kind in ("h", "cpp", "js") for path in PROJECT.glob(f"[!.]*/**/*.{kind}")),
    ]
    assert {path.suffix for path in sources} == {".py", ".h", ".cpp", ".js"}
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sources}
    assert {path: length for path, length in lengths.items() if length > 400} == {}


def test_no_test_imports_another():
    tests = list((PROJECT / "tests").rglob("test_*.py"))
    names = [path.stem for path in tests]
    assert len(set(names)) == len(names)
    for path in tests:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            imported = [
                alias.name for alias in getattr(node, "names", []) if hasattr(alias, "name")
            ]
            assert not {*imported, getattr(node, "module", None)} & {*names, "conftest"}, path


def test_tests_stand_in_the_order_of_the_tree(house):
    folders = {
        path.parent.relative_to(PROJECT / "tests") for path in PROJECT.glob("tests/*/**/test_*.py")
    }
    rooms = {module.replace(".", "/") for module in house.modules}
    apart = {"scripts", "faults", "tools"}
    assert {str(folder) for folder in folders} - apart <= rooms


def test_documents_name_files_that_are_there():
    files = project_files()
    # The changelog names what once was.
    documents = [name for name in files if name.endswith(".md") and name != "CHANGELOG.md"]
    assert {"README.md", "CONTRIBUTING.md", "docs/experiments.md"} <= set(documents)
    for document in documents:
        text = re.sub(r"https?://\S+", "", (PROJECT / document).read_text(encoding="utf-8"))
        named = set(re.findall(r"(?:[\w.-]+/)*[\w-]+\.(?:py|h|cpp|sh)\b", text))
        gone = [name for name in named if not any(f"/{f}".endswith(f"/{name}") for f in files)]
        assert gone == [], document


@pytest.mark.slow
def test_importing_binary_net_is_quiet_and_enough():
    program = "import binary_net, theano, lasagne; print(theano.config.floatX)"
    done = run_code(program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "float32\n", "")


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_help_needs_no_theano(script):
    program = (
        "import runpy, sys; sys.argv = ['x.py', '--help']\n"
        f"try: runpy.run_path({str(PROJECT / (script + '.py'))!r}, run_name='__main__')\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "assert not {'theano', 'lasagne', 'torch', 'matplotlib'} & set(sys.modules)\n"
    )
    done = run_code(program)
    assert done.returncode == 0, done.stderr
    assert "--data-dir" in done.stdout
