"""Names that anybody may have given to runs, folders, settings and classes, in every output."""

from __future__ import annotations

import csv
import html
import json
import os
import re
import shutil
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
import pytest
from support.browser import drawn, opened, requested_addresses
from support.project import run_command, run_script

from memorization.report import table as report_table

SVG = "{http://www.w3.org/2000/svg}"
NAMES = (
    "\x1b]0;title\x07\x1b[2J",
    "two\nlines | a cell\r\n|---|",
    "\u202eright to left",
    "\ud800 half a pair",
    "$\\foo$ and $x^2",
    '<script>alert(1)</script><img src=x onerror="alert(1)">',
    "=HYPERLINK(1)",
    "  +1+1",
    "-1+cmd",
    "@SUM(1)",
    'a;=1+1;"=2+2"; @x',
    "\t=1",
    "\r=1",
    "[a](http://b) *bold* _it_ `code` ~~gone~~ &amp; \\",
    "_hidden",
    "日本語",
    "",
    "x" * (1 << 20),
)


def copied(run, folder, name, **changes):
    """A copy of `run` in `folder` whose record calls its experiment `name`."""
    shutil.copytree(run, folder)
    path = folder / "run.json"
    record = json.loads(path.read_text())
    record["experiment"] = name
    record["options"].update({"odd": name, name: 1, **changes})
    record["data"]["class_names"] = [name] * 10
    path.write_text(json.dumps(record))


@pytest.fixture(scope="module")
def written(short_run, tmp_path_factory):
    """The report on runs of all NAMES, two each, in folders with odd names too."""
    folder = tmp_path_factory.mktemp("hostile")
    odd = [b"not UTF-8 \xff", b"\x1b[2J", b"$\\foo$", b"<b>&amp;", b"=1+1", b"it's \n new"]
    for number, name in enumerate(NAMES):
        place = folder / f"{number:02}" / os.fsdecode(odd[number % len(odd)])
        copied(short_run, place / "a", name, seed=1)
        copied(short_run, place / "b", name, seed=2)
    done = run_command("report", ".", "--output", "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done, folder / "out"


@pytest.mark.slow
def test_nothing_but_signs_and_line_ends_comes_out(written):
    done, folder = written
    texts = [done.stdout]
    texts += [(folder / f"report.{kind}").read_text("utf-8") for kind in ("md", "csv", "html")]
    for text in texts:
        assert all(line.isprintable() for line in text.split("\n"))
        assert max(map(len, text.split("\n"))) < 2000 or "base64" in text
    assert "\\xff" in (folder / "report.html").read_text("utf-8")


@pytest.mark.slow
def test_a_spreadsheet_finds_no_formula(written):
    _, folder = written
    with open(folder / "report.csv", encoding="utf-8", newline="") as stream:
        titles, *lines = list(csv.reader(stream))
    # Two runs, their mean, its deviation, its interval and a median, for every name.
    assert len(lines) == 7 * len(NAMES)
    assert {len(line) for line in lines} == {len(titles)}
    named = titles.index("corruption")
    for line in lines:
        for cell in line[:named]:
            # A spreadsheet may take semicolons for the ends of cells.
            for part in cell.split(";"):
                assert part.lstrip(' "')[:1] not in tuple("=+-@\t\r")
        for cell in line[named + 4 :]:
            assert cell in ("", "never", "0 of 2 reached") or isinstance(float(cell), float)
    assert {"'=HYPERLINK(1)", "'-1+cmd", "'@SUM(1)", "'+1+1"} <= {line[0] for line in lines}


@pytest.mark.slow
def test_markdown_keeps_its_cells(written):
    _, folder = written
    rows = [
        line for line in (folder / "report.md").read_text("utf-8").splitlines() if line[:1] == "|"
    ]
    assert len(rows) == 2 + 7 * len(NAMES)
    assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1
    text = "\n".join(rows[2:])
    for meaning in ("<", "[", "`", "$", "&", "~~", "http:"):
        assert not re.search(rf"(?<!\\){re.escape(meaning)}", text), meaning


def test_ordinary_names_stay_legible_in_markdown():
    assert report_table.plain_markdown("svhn_random_labels") == "svhn_random_labels"
    assert report_table.plain_markdown("width 0.25, lr-start 1e-05") == "width 0.25, lr-start 1e-05"


class Tags(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self):
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, tuple(sorted(name for name, _ in attrs))))

    def handle_data(self, data):
        self.text += data


@pytest.mark.slow
def test_the_page_has_no_tag_but_its_own(written):
    _, folder = written
    text = (folder / "report.html").read_text("utf-8")
    page = Tags()
    page.feed(text)
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert set(images) == {("alt", "id", "src")}
    tags = [tag for tag, _ in page.tags]
    # The page's own: its content and its script, the file of the table, the sets' names.
    assert [tags.count(tag) for tag in ("script", "a", "b")] == [2, 1, 3]
    assert "<script>alert(1)</script>" in page.text
    assert html.escape("$\\foo$ and $x^2") in text


@pytest.mark.slow
def test_a_browser_runs_and_fetches_nothing_of_them(written):
    _, folder = written
    address = (folder / "report.html").as_uri()
    with opened() as browser:
        browser.get(address)
        # An open dialogue would stop the next line.
        cells = browser.find_elements("css selector", "tbody tr")
        assert len(cells) == 7 * len(NAMES)
        assert browser.get_log("browser") == []
        assert requested_addresses(browser) <= {address, "data:image/svg+xml;base64", "data:"}
        drawn(browser)
        assert len(browser.find_elements("css selector", "article")) == 2 * len(NAMES)
        assert browser.find_elements("css selector", "article b, article img, #pointed *") == []
        widths = browser.execute_script(
            "return [...document.querySelectorAll('img')].map(e => e.naturalWidth)"
        )
        assert min(widths) > 300


@pytest.mark.slow
def test_the_figure_is_text_that_an_xml_parser_takes(written):
    _, folder = written
    root = ElementTree.parse(folder / "comparison.svg").getroot()
    shown = "\n".join("".join(element.itertext()) for element in root.iter(f"{SVG}text"))
    assert "$\\foo$ and $x^2" in shown
    assert "hidden" in shown
    assert (folder / "comparison.png").stat().st_size > 1000


@pytest.mark.exhaustive
def test_runs_in_folders_of_any_name_have_their_figures(short_run, tmp_path):
    titles = {b"$\\foo$": "$\\foo$", b"v1.0": "v1.0", b"\x1b[2J": "\\x1b[2J", b"\xff8": "\\xff8"}
    folders = {tmp_path / os.fsdecode(name): title for name, title in titles.items()}
    for folder in folders:
        shutil.copytree(short_run, folder)
        record = json.loads((folder / "run.json").read_text())
        record["data"]["class_names"] = list(NAMES[:10])
        (folder / "run.json").write_text(json.dumps(record))
        for path in [*folder.glob("*.svg"), *folder.glob("*.png")]:
            path.unlink()
    done = run_command("figures", *folders, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert all(line.isprintable() for line in done.stdout.split("\n"))
    for folder, title in folders.items():
        for kind in ("curves", "class_errors"):
            assert title in "".join(ElementTree.parse(folder / f"{kind}.svg").getroot().itertext())
        assert (folder / "labels.png").stat().st_size > 1000


@pytest.mark.slow
def test_a_run_found_twice_counts_once(short_run, tmp_path):
    copied(short_run, tmp_path / "results" / "mine", "mine", seed=1)
    copied(short_run, tmp_path / "results" / "sweep" / "seed1" / "mine", "mine", seed=1)
    copied(short_run, tmp_path / "results" / "sweep" / "seed2" / "mine", "mine", seed=2)
    (tmp_path / "results" / "link").symlink_to(tmp_path / "results" / "mine")
    (tmp_path / "results" / "circle").symlink_to(tmp_path / "results")
    copied(short_run, tmp_path / "results" / ".mine.old", "mine", seed=3)
    results = tmp_path / "results"
    # Twice, since the report lies among the runs then.
    for _ in range(2):
        done = run_command("report", "results", "--output", "results", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert re.fullmatch(
            r"results/\S+: the same run as results/\S+; counted once\n", done.stderr
        )
        with open(results / "report.csv", encoding="utf-8", newline="") as stream:
            lines = list(csv.DictReader(stream))
        assert [line["seed"] for line in lines][:3] == ["1", "2", "mean of 2"]


@pytest.mark.slow
@pytest.mark.parametrize("changed", [None, "training_loss", "seconds"])
def test_a_repetition_with_other_numbers_is_named(short_run, tmp_path, changed):
    for place in ("a", "b"):
        copied(short_run, tmp_path / place, "mine", seed=1)
    if changed is not None:
        path = tmp_path / "b" / "metrics.csv"
        header, line = path.read_text().splitlines()
        cells = line.split(",")
        cells[header.split(",").index(changed)] = "0.5"
        path.write_text(f"{header}\n{','.join(cells)}\n")
    done = run_command("report", "a", "b", "--output", "out", cwd=tmp_path)
    # No run takes as long as another.
    said = ", though it measured other numbers" if changed == "training_loss" else ""
    assert done.stderr == f"b: the same run as a{said}; counted once\n"


def as_pipe(path):
    path.unlink()
    os.mkfifo(path)


def as_folder(path):
    path.unlink()
    path.mkdir()


def as_link_to_nothing(path):
    path.unlink()
    path.symlink_to("nowhere")


def nested(path):
    path.write_text("[" * 1_000_000)


def with_infinite_epochs(path):
    record = json.loads(path.read_text())
    record["options"]["epochs"] = float("inf")
    path.write_text(json.dumps(record))


def with_a_seed_of_many_digits(path):
    record = json.loads(path.read_text())
    record["options"]["seed"] = 10**400
    path.write_text(json.dumps(record))


DAMAGES = (
    *(as_pipe, as_folder, as_link_to_nothing, nested),
    *(with_infinite_epochs, with_a_seed_of_many_digits),
)


@pytest.mark.slow
def test_broken_records_do_not_stop_the_report_of_the_others(short_run, tmp_path):
    copied(short_run, tmp_path / "results" / "good", "good")
    for damage in DAMAGES:
        folder = tmp_path / "results" / damage.__name__
        shutil.copytree(short_run, folder)
        damage(folder / "run.json")
    found = len(DAMAGES) - 1  # a folder called run.json is no run
    done = run_command("report", "results", "--output", "out", cwd=tmp_path)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) == found, done.stderr
    assert all(line.endswith("; left out") for line in lines)
    assert "good" in done.stdout


@pytest.mark.slow
def test_the_evaluation_passes_over_a_broken_record(short_run, tmp_path):
    copied(short_run, tmp_path / "results" / "svhn", "svhn")
    (tmp_path / "results" / "broken").mkdir()
    (tmp_path / "results" / "broken" / "run.json").write_text("{")
    done = run_script("svhn_evaluation_random_labels.py", cwd=tmp_path)
    assert done.returncode == 2
    first, last = done.stderr.splitlines()
    assert first.startswith("results/broken/run.json: ")
    assert first.endswith("; left out")
    # The good one is no run on SVHN.
    assert "results: no saved svhn run there" in last


def test_how_many_of_three_seeds_got_there():
    runs = [with_errors(0.6, 0.05), with_errors(0.6, 0.6), with_errors(0.05, 0.005)]
    group = report_table.Group(("key",), tuple(runs))
    lines = report_table.summary_lines(group)
    assert lines["mean of 3"][:3] == ["2 of 3 reached", "2 of 3 reached", "1 of 3 reached"]
    assert lines["standard deviation"][:3] == lines["95% interval to"][:3] == [""] * 3
    assert lines["median"][:3] == ["2", "2", "never"]
    lines = report_table.summary_lines(report_table.Group(("k",), (runs[1],) * 2))
    assert lines["mean of 2"][:3] == ["0 of 2 reached"] * 3
    lines = report_table.summary_lines(report_table.Group(("k",), (runs[0], runs[2])))
    assert lines["mean of 2"][:2] == ["1.5", "1.5"]
    assert lines["standard deviation"][:2] == [f"{np.std([2, 1], ddof=1):.1f}"] * 2


def with_errors(*errors):
    rows = [
        {"epoch": epoch, "training_error": e, "validation_error": 0.9, "test_error": 0.9}
        for epoch, e in enumerate(errors, start=1)
    ]
    return report_table.MeasuredRun(None, {}, rows)
