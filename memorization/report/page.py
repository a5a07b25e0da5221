"""The report as one HTML file: no script, no font, no image from anywhere else."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from string import Template

from foundations.errors import UserError
from foundations.reading import MOST_OF_A_PATH, file_errors, pasteable, printable, read_text
from memorization.report.runs import MeasuredRun
from memorization.report.table import CAPTION, Table

CURVES = "curves.svg"
# Those of a run of a thousand epochs are a twentieth of it.
MOST_BYTES_OF_CURVES = 8 << 20

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<link rel="icon" href="data:,">
<title>Memorization in binarized networks: runs compared</title>
<style>
:root { color-scheme: light dark; --line: #bbb; --band: #f2f2f2; --faint: #595959; }
@media (prefers-color-scheme: dark) { :root { --line: #555; --band: #2a2a2a; --faint: #b0b0b0; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .6rem; text-align: right; border-bottom: 1px solid var(--line); }
th { vertical-align: bottom; min-width: 4.5rem; }
th:first-child, td:first-child { text-align: left; min-width: 9rem; }
.summary td { background: var(--band); font-style: italic; }
figure { margin: 1rem 0; }
figcaption, p.note { color: var(--faint); font-size: .9rem; }
img { display: block; background: #fff; border-radius: 4px; width: 100%; height: auto; }
.wide > img { min-width: 40rem; }
details { border-top: 1px solid var(--line); padding: .5rem 0; }
details img { max-width: 42rem; margin-top: .5rem; }
summary { cursor: pointer; overflow-wrap: anywhere; }
@page { size: landscape; margin: 1cm; }
@media print {
  .wide { overflow: visible; } .wide > img { min-width: 0; }
  table { font-size: .55rem; } tr, figure, details { break-inside: avoid; }
  h2 { break-after: avoid; }
  th, td { padding: .25rem; } th { min-width: 0; }
  th:first-child, td:first-child { min-width: 6rem; }
  details::details-content { content-visibility: visible; }
}
</style>
</head>
<body>
<h1>Memorization in binarized networks: runs compared</h1>
$figure
<h2>Results</h2>
<div class="wide" tabindex="0">
<table>
<thead><tr>$titles</tr></thead>
<tbody>
$lines
</tbody>
</table>
</div>
<p class="note">Errors are those of the last epoch. Epochs to a training error: the first epoch that
reaches it. Generalisation gap: training accuracy minus test accuracy. Standard deviation: over
seeds, of the sample. 95% interval: of the mean, by Student's t. Median of epochs: the first by
which at least half of the seeds had reached that error, those that never did counted as later.
Wall time: of all epochs, testing included.</p>
<h2>Runs</h2>
$runs
</body>
</html>
""")


def page(table: Table, figure: bytes | None, runs: Sequence[MeasuredRun]) -> str:
    """The whole page: the table, the figure (SVG) where there is one, and each run's own curves
    where it has drawn them."""
    lines = []
    for cells, summary in zip(table.lines, table.summary):
        kind = ' class="summary"' if summary else ""
        lines.append(f"<tr{kind}>{''.join(f'<td>{_breakable(cell)}</td>' for cell in cells)}</tr>")
    return _PAGE.substitute(
        figure="" if figure is None else _figure(figure),
        titles="".join(f'<th scope="col">{html.escape(title)}</th>' for title in table.titles),
        lines="\n".join(lines),
        runs="\n".join(map(_details, runs)),
    )


def _breakable(text: str) -> str:
    """`text`, whose lines may end after an underscore, as experiments' names have them."""
    return html.escape(text).replace("_", "_<wbr>")


def _figure(svg: bytes) -> str:
    caption = html.escape(CAPTION)
    image = f'<img id="comparison" alt="{caption}" src="{_inlined(svg)}">'
    return (
        f'<figure>\n<div class="wide">{image}</div>\n'
        f"<figcaption>{caption}. The dotted line is chance.</figcaption>\n</figure>"
    )


def _inlined(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


def _details(run: MeasuredRun) -> str:
    name = html.escape(printable(run.folder, MOST_OF_A_PATH))
    try:
        with file_errors(run.folder / CURVES, "no readable figure"):
            curves = read_text(run.folder / CURVES, MOST_BYTES_OF_CURVES)
    except UserError:
        command = ["python", "-m", "memorization", "figures", str(run.folder)]
        return (
            f'<p class="note">{name}: no curves drawn yet '
            f"({html.escape(pasteable(command))} draws them)</p>"
        )
    return (
        f"<details><summary>{name}</summary>"
        f'<img alt="Errors, loss and learning rate of {name}" '
        f'src="{_inlined(curves.encode())}">'
        "</details>"
    )
