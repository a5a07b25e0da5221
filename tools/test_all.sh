#!/bin/sh
# usage: test_all.sh [EXTRAS]
# Runs `make test` under every supported Python that is found, each in a virtual environment of its
# own, .venv-3.x; a line says what became of each, and .venv-3.x.log has the rest.
set -u
extras=${1:-}
tools=$(cd "$(dirname "$0")" && pwd)
. "$tools/find_python.sh"

failed=0
for version in $SUPPORTED; do
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
