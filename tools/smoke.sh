#!/bin/sh
# usage: smoke.sh PYTHON
# Five minutes with a Python into which the suite is installed: import it from elsewhere, train the
# recorded training of 2017, run a script, stop a run and go on with it.
set -eu
# Absolute, and not the program that a virtual environment's link leads to.
python=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
project=$(cd "$(dirname "$0")/.." && pwd)
elsewhere=$(mktemp -d)
trap 'rm -rf "$elsewhere"' EXIT

cd "$elsewhere"
"$python" -c 'import binary_net; print("import binary_net from elsewhere:", binary_net.__file__)'
"$python" "$project/cifar10_random_labels.py" --synthetic --width 0.0625 --epochs 1 \
    --train-size 60 --quiet
cd "$project"
"$python" -m pytest -q tests/binary_net/test_original.py \
    tests/memorization/test_resume.py::test_ctrl_c_and_sigterm_save_and_say_how_to_go_on
