"""The report as one HTML file: no script, no font, no image from anywhere else."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from string import Template

from memorization.report.runs import MeasuredRun

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
<figure>
<div class="wide"><img id="comparison" alt="$caption" src="$figure"></div>
<figcaption>$caption. The dotted line is chance, 90%.</figcaption>
</figure>
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
seeds, of the sample.</p>
<h2>Runs</h2>
$runs
</body>
</html>
""")


def page(
    titles: Sequence[str],
    lines: Sequence[tuple[Sequence[str], bool]],
    figure: bytes,
    caption: str,
    runs: Sequence[MeasuredRun],
) -> str:
    """The whole page: a table (each line with whether it summarises others), the figure (SVG)
    with its `caption`, and each run's own curves where it has drawn them."""
    body = []
    for cells, summary in lines:
        kind = ' class="summary"' if summary else ""
        body.append(f"<tr{kind}>{''.join(f'<td>{_breakable(cell)}</td>' for cell in cells)}</tr>")
    return _PAGE.substitute(
        caption=html.escape(caption),
        figure=_inlined(figure),
        titles="".join(f'<th scope="col">{html.escape(title)}</th>' for title in titles),
        lines="\n".join(body),
        runs="\n".join(map(_details, runs)),
    )


def _breakable(text: str) -> str:
    """`text`, whose lines may end after an underscore, as experiments' names have them."""
    return html.escape(text).replace("_", "_<wbr>")


def _inlined(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


def _details(run: MeasuredRun) -> str:
    name = html.escape(str(run.folder))
    curves = run.folder / "curves.svg"
    if not curves.exists():
        return f"<p class='note'>{name}: no curves drawn yet (python figures.py {name})</p>"
    return (
        f"<details><summary>{name}</summary>"
        f'<img alt="Errors, loss and learning rate of {name}" '
        f'src="{_inlined(curves.read_bytes())}">'
        "</details>"
    )
