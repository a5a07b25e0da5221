"""The report as one HTML file, which asks nobody for a script, a font or an image.

`report.html` beside this module is its frame, `style.css` its look; the scripts stand in the order
of SCRIPTS in one function. What they are given is made in `content.py`.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template

from memorization.report.page.content import page_content
from memorization.report.runs import Group
from memorization.report.table import Table, write_csv

PLACE = Path(__file__).parent
SCRIPTS = ("values.js", "axes.js", "chart.js", "comparison.js", "table.js", "runs.js", "start.js")
# Of a figure that is shown within the page; those of some dozens of runs are a tenth of it.
MOST_BYTES_OF_A_FIGURE = 2 << 20


def page(table: Table, groups: Sequence[Group], figures: Mapping[str, tuple[str, bytes]]) -> str:
    """The whole page for `table`, whose lines are those of `groups`, and the drawn `figures`.

    A figure is its caption and its SVG, by the name of its file without the ending.
    """
    script = _script()
    style = _asset("style.css")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return Template(_asset("report.html")).substitute(
        digest=digest,
        style=style,
        titles=_titles(table),
        lines="\n".join(_lines(table, groups)),
        figures="\n".join(_figure(name, *told) for name, told in figures.items()),
        table_file=_data_address("text/csv", _csv(table).encode()),
        content=page_content(table, groups),
        script=script,
    )


def _asset(name: str) -> str:
    return (PLACE / name).read_text(encoding="utf-8")


def _script() -> str:
    parts = "\n".join(_asset(name) for name in SCRIPTS)
    return f'\n"use strict";\n(() => {{\n{parts}}})();\n'


def _titles(table: Table) -> str:
    return "".join(f'<th scope="col">{html.escape(title)}</th>' for title in table.titles)


def _lines(table: Table, groups: Sequence[Group]) -> list[str]:
    """The table's lines in HTML; those of single runs are numbered in the order of `groups`."""
    numbers = iter(range(sum(len(group.runs) for group in groups)))
    lines = []
    for cells, summary in zip(table.lines, table.summary):
        kind = ' class="summary"' if summary else f' data-run="{next(numbers)}"'
        head, *rest = map(_breakable, cells)
        body = "".join(f"<td>{cell}</td>" for cell in rest)
        lines.append(f'<tr{kind}><th scope="row">{head}</th>{body}</tr>')
    return lines


def _breakable(text: str) -> str:
    """`text`, whose lines may end after an underscore, as experiments' names have them."""
    return html.escape(text).replace("_", "_<wbr>")


def _csv(table: Table) -> str:
    stream = io.StringIO()
    write_csv(table, stream)
    return stream.getvalue()


def _figure(name: str, caption: str, svg: bytes) -> str:
    caption = html.escape(caption)
    if len(svg) > MOST_BYTES_OF_A_FIGURE:
        return f'<p class="note">{caption}: {name}.svg beside this page, too large for it.</p>'
    image = f'<img id="{name}" alt="{caption}" src="{_data_address("image/svg+xml", svg)}">'
    return (
        f'<figure>\n<div class="wide" tabindex="0">{image}</div>\n'
        f"<figcaption>{caption}</figcaption>\n</figure>"
    )


def _data_address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
