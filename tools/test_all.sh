#!/bin/sh
# usage: test_all.sh [EXTRAS]
# Runs `make test` under every Python 3.9, 3.10 and 3.11 that is found, each in a virtual environment
# of its own, .venv-3.x; a line says what became of each, and .venv-3.x.log has the rest.
set -u
extras=${1:-}

find_python() {
    for candidate in "$(command -v "python$1")" "$HOME/.pyenv/versions/$1."*/bin/python \
        "$(uv python find --no-project "$1" 2>/dev/null)"; do
        # A shim of pyenv may be there without the version that it is for.
        if "$candidate" -c "import sys; sys.exit(sys.version_info[:2] != (3, ${1#3.}))" 2>/dev/null
        then
            echo "$candidate"
            return
        fi
    done
}

failed=0
for version in 3.9 3.10 3.11; do
    python=$(find_python "$version")
    if [ -z "$python" ]; then
        echo "Python $version: not found here, not tested"
        continue
    fi
    venv=.venv-$version
    log=$venv.log
    if make test VENV="$venv" PYTHON="$python" EXTRAS="$extras" >"$log" 2>&1; then
        result=$(grep -E '^=+ .* (passed|failed)' "$log" | tail -n 1 | tr -d =)
        echo "Python $version:$result"
    else
        echo "Python $version: FAILED, see $log"
        failed=1
    fi
done
exit $failed
