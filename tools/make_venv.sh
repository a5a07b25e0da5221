#!/bin/sh
# usage: make_venv.sh FOLDER EXTRAS
# Makes a virtual environment from the newest supported Python that is found, or from $PYTHON, and
# brings the project's dependencies into it with tools/install.sh.
set -eu
venv=$1
extras=$2
tools=$(cd "$(dirname "$0")" && pwd)
. "$tools/find_python.sh"
. "$tools/packages.sh"

stop() {
    echo "$*" >&2
    exit 2
}

supported() {
    case " $SUPPORTED " in *" $(version_of "$1") "*) ;; *) return 1 ;; esac
}

can_make_venv() {
    "$1" -c 'import venv, ensurepip' >/dev/null 2>&1
}

if ! { [ -z "${PYTHON:-}" ] && supported "$venv/bin/python"; }; then
    python=
    lacking=
    if [ -n "${PYTHON:-}" ]; then
        supported "$PYTHON" || stop "PYTHON=$PYTHON is not a Python of version $SUPPORTED."
        if can_make_venv "$PYTHON"; then python=$PYTHON; else lacking=$PYTHON; fi
    else
        for version in $SUPPORTED; do
            found=$(find_python "$version")
            [ -n "$found" ] || continue
            if can_make_venv "$found"; then
                python=$found
                break
            fi
            lacking=${lacking:-$found}
        done
    fi
    if [ -n "$python" ]; then
        rm -rf "$venv"
        "$python" -m venv "$venv"
    elif [ -n "$lacking" ]; then
        version=$(version_of "$lacking")
        stop "$lacking has no venv and ensurepip: $(how_to_get venv "$version"), then run make again."
    elif command -v uv >/dev/null 2>&1 && uv python install --quiet 3.13; then
        rm -rf "$venv"
        uv venv --quiet --seed --python 3.13 "$venv"
    else
        stop "No Python of version $SUPPORTED: $(how_to_get venv 3.13), then run make again."
    fi
fi
echo "installing into $venv ..."
sh "$tools/install.sh" "$venv/bin/python" "$extras"
