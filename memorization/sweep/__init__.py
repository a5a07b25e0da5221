"""Many runs: every combination of the values that options of a script are to have.

    python -m memorization sweep --vary width=0.125,0.25 train-size=100,200,400 seed=0..4 \\
        -- cifar10_random_labels.py --epochs 50

After `--` comes what all runs have in common: the script, or several, by path or by the name of one
of the project's, and any of their options. --vary names options of the scripts and their values: a
list, a range 0..4, yes and no for an option without a value, "64 64" for one that has several.
--cells names a file with such words, a line for each grid, whose cells are all run.

Each cell is an ordinary run, in `<results-dir>/<script>/<cell>/`, its output beside it in
`<cell>.log`. Cells that are finished are passed over and half-done ones go on, so that the same
command continues a sweep that was stopped. The report is written to `<results-dir>/report/` at the
end. --dry-run lists the cells, times their networks here for some seconds each, and tells how long
the sweep will take.

Ray (the optional extra [sweep]: make venv EXTRAS=sweep) decides what runs when and where, and tries
again what fails: on this machine, or with --address on a cluster whose machines share this folder
and the results'. The exit code is 1 where a cell failed. With --slurm the cells that are not
finished become a job array instead, and the same command reports once all are: docs/sweeps.md.
With --together runs of a perceptron that differ in their seeds alone train in one process.
With --kept record and metrics of each cell are kept in a folder that may go to other machines, on
which its cells count as finished.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

from foundations.reading import pasteable
from memorization import report
from memorization.sweep import estimate, kept, on_ray, record, slurm, view
from memorization.sweep.cells import Cell
from memorization.sweep.request import Request, parse
from memorization.sweep.stopping import handling, interrupted
from memorization.sweep.together import grouped


def main(argv: Sequence[str] | None = None) -> None:
    words = sys.argv[1:] if argv is None else argv
    again = pasteable(["python", "-m", "memorization", "sweep", *words])
    request = parse(words, __doc__)
    record.check_same_sweep(request.results_dir, request.extra)
    every = request.cells()
    place = request.kept
    wanted = [
        cell
        for cell in every
        if not (cell.finished() or (place is not None and kept.holds(cell, place)))
    ]
    groups = grouped(wanted, request.together)
    if request.dry_run:
        estimate.tell(every, wanted, request)
        return
    record.keep(request.results_dir, request.extra)
    if place is not None:
        kept.keep(every, place)
    print(f"finished before: {len(every) - len(wanted)} of {len(every)}", flush=True)
    if request.slurm is not None and wanted:
        slurm.submit(wanted, request)
        print(view.table(every, place))
        return

    asked = []

    def stop(number: int) -> None:
        asked.append(number)
        # Nothing that makes a warning of an exception makes one of this.
        raise KeyboardInterrupt

    try:
        with handling(stop):
            failures = on_ray.run_all(groups, request, again) if groups else []
            print(view.table(every, place), flush=True)
            left_out = _report(every, request)
    except KeyboardInterrupt:
        raise interrupted(asked[0] if asked else signal.SIGINT, again) from None
    if failures or left_out:
        sys.exit(1)


def _report(cells: Sequence[Cell], request: Request) -> list[str]:
    """Report on those of `cells` that are here; a line for all that is left out."""
    results = request.results_dir
    if request.kept is not None and not any(cell.folder.exists() for cell in cells):
        print(f"no cell was trained here, so that there is no report; all are in {request.kept}")
        return []
    return report.report_runs([results], results / "report", show_table=False)
