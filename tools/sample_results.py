"""Make the table and the figures of docs/experiments.md anew (studies/capacity/PLAN.md, part 4).

    python tools/sample_results.py [--data-dir DIR] [--dry-run] [--page PAGE]

Every experiment at a quarter of the width on 1,000 images: CIFAR-10's are those of DIR (or of
$BINARYNET_DATA), SVHN's drawn digits. The two baselines and their float twins (float weights,
rectifiers) have five seeds, the others three. Runs are kept in results/experiments/, and what they
measured in studies/capacity/kept/: what is in either is not trained again, so that the same command
goes on where it was stopped. --dry-run lists the cells and tells how long they take.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from foundations import files
from foundations.errors import UserError
from memorization import command_line
from memorization.report import comparison
from memorization.report.figures import draw_curves
from memorization.report.runs import Group
from studies.capacity import experiments

PROJECT = Path(__file__).resolve().parent.parent
PAGE = PROJECT / "docs" / "experiments.md"
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"


def draw(groups: Sequence[Group], place: Path) -> None:
    """`comparison.svg`, and of each experiment's first seed the curves, into the folder `place`."""
    place.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        comparison.draw(groups, Path(name) / "comparison")
        shutil.copyfile(Path(name) / "comparison.svg", place / "comparison.svg")
        for group in groups:
            if not experiments.is_float(group):
                run = group.runs[0]
                # The figure's title.
                folder = Path(name) / group.experiment / f"seed-{run.seed}"
                folder.mkdir(parents=True)
                draw_curves(folder, run.rows, group.classes)
                shutil.copyfile(folder / "curves.svg", place / f"{group.experiment}.svg")


def write(page: Path, groups: Sequence[Group]) -> None:
    """Put the table of `groups` between the markers of `page`, and draw into `figures` beside it.

    Raises UserError where `page` has no markers.
    """
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise UserError(f"{page}: {BEGIN.strip()} and {END.strip()} do not stand in it")
    draw(groups, page.parent / "figures")
    with files.replacing(page, "w") as stream:
        stream.write(f"{before}{BEGIN}{experiments.markdown(groups)}\n{END}{after}")


def main(argv: Sequence[str]) -> None:
    parser = command_line.ArgumentParser("python tools/sample_results.py", __doc__)
    parser.add_argument("--data-dir", metavar="DIR", help="folder with CIFAR-10's files")
    parser.add_argument("--dry-run", action="store_true", help="train and write nothing")
    parser.add_argument("--page", type=Path, default=PAGE)
    chosen = parser.parse_args(argv)
    for each in experiments.sweeps(chosen.data_dir):
        each.run(*(["--dry-run"] if chosen.dry_run else []))
    if not chosen.dry_run:
        try:
            groups = experiments.groups_of(experiments.cells(), [experiments.KEPT])
        except ValueError as error:
            raise UserError(f"{error} in {experiments.KEPT}") from error
        write(chosen.page, groups)


if __name__ == "__main__":
    command_line.run_command(lambda: main(sys.argv[1:]))
