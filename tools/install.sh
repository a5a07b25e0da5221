#!/bin/sh
# usage: install.sh PYTHON [EXTRA[,EXTRA...]]
# Brings the suite, in editable form, into the environment of PYTHON: its dependencies, in the
# versions that requirements.lock pins, and a .pth file that names this folder, so that programs and
# notebooks anywhere can `import binary_net`. docs/compatibility.md has the same by hand.
set -eu
python=${1:?usage: install.sh PYTHON [EXTRA[,EXTRA...]]}
extras=${2:-}
tools=$(cd "$(dirname "$0")" && pwd)
project=$(dirname "$tools")
. "$tools/find_python.sh"
. "$tools/packages.sh"

stop() {
    echo "$*" >&2
    exit 2
}

version=$(version_of "$python") || true
case " $SUPPORTED " in
    *" ${version:-none} "*) ;;
    *) stop "$python is not a Python of version $SUPPORTED." ;;
esac
if ! "$python" -c 'import os, sys, sysconfig
marker = os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
sys.exit(sys.prefix == sys.base_prefix and os.path.exists(marker))'; then
    stop "$python belongs to the system, whose packages pip leaves alone: make venv, or make an" \
        "environment of your own ($python -m venv FOLDER) and name its Python."
fi
"$python" -m pip --version >/dev/null 2>&1 ||
    stop "$python has no pip: $python -m ensurepip, or $(how_to_get venv "$version")."
command -v "${CXX:-g++}" >/dev/null 2>&1 || command -v clang++ >/dev/null 2>&1 ||
    stop "No C++ compiler, by which Theano compiles its graphs: $(how_to_get compiler "$version")."
"$python" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' ||
    stop "The headers of $python (Python.h) are missing: $(how_to_get headers "$version")."

requirements=$(mktemp)
trap 'rm -f "$requirements"' EXIT
"$python" -c 'import sys, tomllib
with open(sys.argv[1], "rb") as file:
    project = tomllib.load(file)["project"]
extras = list(filter(None, sys.argv[2].split(",")))
unknown = sorted(set(extras) - project["optional-dependencies"].keys())
if unknown:
    sys.exit("no such extra: " + ", ".join(unknown))
for names in (project["dependencies"], *map(project["optional-dependencies"].get, extras)):
    print("\n".join(names))' "$project/pyproject.toml" "$extras" >"$requirements"

pip() {
    "$python" -m pip --disable-pip-version-check install --quiet \
        --constraint "$project/requirements.lock" "$@"
}
# Theano and Lasagne are source packages whose setup.py predates build isolation; Theano's asks for
# what Python 3.12 removed.
pip setuptools wheel
PYTHONPATH="$tools/build_shims" pip --no-build-isolation --requirement "$requirements"

# Programs may import theano before binary_net: the finder prepares for it, and imports nothing.
start=
if [ -f "$project/theano_engine/setup/finder.py" ]; then
    start='import theano_engine.setup.finder; theano_engine.setup.finder.install_at_start()'
fi
"$python" -c 'import pathlib, sys, sysconfig
link = pathlib.Path(sysconfig.get_path("purelib"), "binarized_memorization.pth")
link.write_text("\n".join(sys.argv[1:]) + "\n", encoding="utf-8")' "$project" "$start"
