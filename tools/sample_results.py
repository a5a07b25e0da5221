"""Make the figures and the table of docs/experiments.md anew: every experiment, narrow and short.

    python tools/sample_results.py [options of the scripts, such as --data-dir DIR]

Runs are kept in results/sample/, so that a second call only draws.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from memorization import command_line, report, sweep
from memorization.sweep.cells import experiments

PROJECT = Path(__file__).resolve().parent.parent
PAGE = PROJECT / "docs" / "experiments.md"
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"
RESULTS = PROJECT / "results" / "sample"
OPTIONS = (
    *("--width", "0.25", "--batch-size", "25"),
    *("--lr-start", "0.003", "--lr-fin", "0.0003"),
)
# The SVHN samples are 160 training images, so that an epoch has a third of the steps.
OF_DATA = {
    "cifar10": ("--train-size", "500", "--epochs", "40"),
    "svhn": ("--train-size", "160", "--epochs", "150"),
}


def main(extra: list[str]) -> None:
    for data, own in OF_DATA.items():
        names = [name for name in experiments() if name.startswith(data)]
        place = ("--results-dir", str(RESULTS / data))
        options = (*OPTIONS, *own, *extra)
        sweep.main(["--vary", "seed=0", *place, "--", *names, *options])
    figures = PROJECT / "docs" / "figures"
    figures.mkdir(exist_ok=True)
    for curves in sorted(RESULTS.glob("*/*/seed-0/curves.svg")):
        shutil.copyfile(curves, figures / f"{curves.parent.parent.name}.svg")
    report.report_runs([RESULTS], RESULTS / "report")
    shutil.copyfile(RESULTS / "report" / "comparison.svg", figures / "comparison.svg")
    table = (RESULTS / "report" / "report.md").read_text(encoding="utf-8").partition("\n\n")[0]
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}{table}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    command_line.run_command(lambda: main(sys.argv[1:]))
