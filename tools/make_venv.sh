#!/bin/sh
# usage: make_venv.sh FOLDER EXTRAS
# Makes a virtual environment from a Python that Theano 1.0.5 installs on (3.9 to 3.11), with the
# dependencies that pyproject.toml names in the versions that requirements.lock pins.
set -eu
venv=$1
extras=$2

suits() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 11))' \
        >/dev/null 2>&1
}

if ! command -v "${CXX:-g++}" >/dev/null 2>&1; then
    echo "No C++ compiler: Theano needs g++ on the PATH (Debian and Ubuntu: apt install g++)." >&2
    exit 2
fi

python=
for candidate in ${PYTHON:-} python3.11 python3.10 python3.9 python3; do
    if suits "$candidate"; then
        python=$candidate
        break
    fi
done
if [ -n "${PYTHON:-}" ] && [ "$python" != "$PYTHON" ]; then
    echo "PYTHON=$PYTHON is not a Python 3.9, 3.10 or 3.11 with venv; Theano 1.0.5 needs one." >&2
    exit 2
fi

if suits "$venv/bin/python"; then
    :
elif [ -n "$python" ]; then
    rm -rf "$venv"
    "$python" -m venv "$venv"
elif command -v uv >/dev/null 2>&1 && uv python install --quiet 3.11; then
    rm -rf "$venv"
    uv venv --quiet --seed --python 3.11 "$venv"
else
    echo "No Python 3.9, 3.10 or 3.11 with venv: Theano 1.0.5 needs one. Install it (Debian and" \
        "Ubuntu: apt install python3.11-venv) or uv (pip install uv), then run make again." >&2
    exit 2
fi

echo "installing into $venv ..."
pip="$venv/bin/python -m pip --disable-pip-version-check"
# Theano and Lasagne are source packages whose setup.py predates build isolation.
$pip install --quiet --constraint requirements.lock 'setuptools<81' wheel
"$venv/bin/python" tools/requirements.py pyproject.toml "$extras" >"$venv/requirements.txt"
$pip install --quiet --no-build-isolation --constraint requirements.lock \
    --requirement "$venv/requirements.txt"
