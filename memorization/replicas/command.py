"""Several seeds of one run at once: a perceptron for each, side by side in one compiled function.

    python -m memorization replicas --seeds 0..4 \\
        -- svhn_random_labels.py --data patterns --patterns 200 32 --network mlp --hidden 32 32

After `--` comes the script, by path or by the name of one of the project's, and the options that
all have. Each seed is an ordinary run in a folder of its own: with binary weights and Adam it has
the bits that it has when it is trained alone, with others it differs from them by roundings. It
goes on alone or together: --resume after `--` goes on with the seeds that were begun, and begins
the others. Small networks train faster so, since a step of all calls each function once. For
--network mlp on the cpu, without layers that draw at random.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from foundations.errors import UserError
from foundations.reading import MOST_OF_A_PATH, printable
from memorization import command_line
from memorization.replicas import MOST_SEEDS, train
from memorization.sweep.cells import load_main, script_of
from memorization.sweep.grid import axes_of


def main(argv: Sequence[str] | None = None) -> None:
    words = list(sys.argv[1:] if argv is None else argv)
    middle = words.index("--") if "--" in words else len(words)
    own, after = words[:middle], words[middle + 1 :]
    parser = command_line.ArgumentParser("python -m memorization replicas", __doc__)
    parser.add_argument("--seeds", required=True, metavar="N..M", help="a range, or a list 0,3,7")
    seeds = axes_of([f"seed={parser.parse_args(own).seeds}"])["seed"]
    if len(seeds) > MOST_SEEDS:
        raise UserError(f"--seeds: {len(seeds)} of them; at most {MOST_SEEDS} train together")
    if not after or after[0].startswith("-"):
        raise UserError("no script; give one after --, by path or by the name of the project's")
    given = {word.partition("=")[0] for word in after}
    for word in ("--seed", "--name"):
        if word in given:
            raise UserError(f"{word}: each seed has its own; leave it out after --")
    run = load_main(script_of(after[0]))
    for folder in train(run, [[*after[1:], f"--seed={seed}"] for seed in seeds]):
        print(f"written to {printable(folder, MOST_OF_A_PATH)}", flush=True)
