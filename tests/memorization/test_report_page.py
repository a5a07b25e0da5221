"""The report's page in a real browser: clicked through, at several widths, and on paper."""

from __future__ import annotations

import base64
import hashlib
import re
from contextlib import contextmanager

import pytest
from support.browser import drawn, opened, requested_addresses, show_at
from support.compared_runs import make_run, table_of
from support.project import run_command

from memorization.report import page

pytestmark = pytest.mark.slow

PLAIN, CIFAR = "svhn_random_labels", "cifar10_random_labels"
MOST_BYTES = 1 << 20


@pytest.fixture(scope="module")
def written(short_run, tmp_path_factory):
    """The report on ten runs: two seeds of one setting, one of each other."""
    folder = tmp_path_factory.mktemp("page")
    make_run(short_run, folder / "a" / PLAIN, [(50, 90, 91), (9, 89, 90), (0, 88, 92)])
    make_run(short_run, folder / "b" / PLAIN, [(60, 90, 91), (20, 89, 90), (10, 90, 86)], seed=1)
    for number in range(8):
        errors = [(70 - number, 80, 80), (40 - 2 * number, 75, 70 + number / 2)]
        make_run(short_run, folder / f"c{number}" / CIFAR, errors, width=1 / (number + 1))
    done = run_command("report", *sorted(folder.iterdir()), "--output", "out", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "out"


class Page:
    """The report as it stands in the browser."""

    def __init__(self, browser):
        self.browser = browser

    def ask(self, script, *arguments):
        return self.browser.execute_script(f"return {script}", *arguments)

    @contextmanager
    def drawing(self):
        """Wait until what the block does has been drawn."""
        before = self.ask("Number(document.documentElement.dataset.drawn)")
        yield
        drawn(self.browser, before)

    def wait(self, happened):
        from selenium.webdriver.support.wait import WebDriverWait

        WebDriverWait(self.browser, 60, 0.02).until(lambda _: happened())

    def find(self, selector):
        return self.browser.find_element("css selector", selector)

    def lines(self):
        """The texts of the table's visible lines, its titles first."""
        return self.ask(
            "[...document.querySelectorAll('tr')].filter(r => !r.hidden)"
            ".map(r => [...r.cells].map(c => c.innerText.trim()))"
        )

    def column(self, title):
        titles, *lines = self.lines()
        return [line[titles.index(title)] for line in lines if line[titles.index("seed")].isdigit()]

    def sort_by(self, title):
        self.browser.find_elements("css selector", "thead th")[self.lines()[0].index(title)].click()

    def ticks(self):
        return self.ask(
            "[...document.querySelectorAll('#chart text[text-anchor=end]')].map(t => t.textContent)"
        )

    def curves(self):
        return self.ask("document.querySelectorAll('#chart .curve').length")

    def point_at(self, x, y, kind="pointermove"):
        """A pointer over the chart, at shares of its width and height."""
        self.browser.execute_script(
            "const chart = document.getElementById('chart'), box = chart.getBoundingClientRect();"
            "chart.setPointerCapture = () => {};"
            "chart.dispatchEvent(new PointerEvent(arguments[2], {pointerId: 1,"
            " clientX: box.left + arguments[0] * box.width,"
            " clientY: box.top + arguments[1] * box.height}))",
            x,
            y,
            kind,
        )


@pytest.fixture(scope="module")
def browser():
    with opened() as driven:
        yield driven


@pytest.fixture
def shown(written, browser):
    """The page, freshly loaded, 1280 points wide."""
    show_at(browser, 1280, 900)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    browser.get((written / "report.html").as_uri())
    drawn(browser)
    return Page(browser)


def test_page_holds_the_table_and_asks_nobody(shown, written):
    assert shown.lines() == table_of(written)
    assert shown.curves() == 10
    legend = [entry.text for entry in shown.browser.find_elements("css selector", "#legend li")]
    assert len(legend) == len(set(legend)) > 1
    assert all("random labels" in text.replace("_", " ") for text in legend)
    assert shown.find("#shown").text == "10 of 10 runs shown"
    address = (written / "report.html").as_uri()
    assert requested_addresses(shown.browser) <= {address, "data:image/svg+xml;base64", "data:"}
    assert shown.browser.get_log("browser") == []


def test_sorting(shown):
    title = "training error (%)"
    before = shown.column(title)
    shown.sort_by(title)
    rising = [float(text) for text in shown.column(title)]
    assert rising == sorted(map(float, before)) != list(map(float, before))
    shown.sort_by(title)
    assert [float(text) for text in shown.column(title)] == rising[::-1]
    shown.sort_by(title)
    assert shown.column(title) == before
    # What was never reached comes last, whichever way.
    for _ in range(2):
        shown.sort_by("epochs to 1% training error")
        assert shown.column("epochs to 1% training error")[0] == "3"
        assert shown.column("epochs to 1% training error")[-1] == "never"


def test_filtering_and_hiding(shown):
    with shown.drawing():
        shown.find("#filter").send_keys("SVHN")
    assert set(shown.column("experiment")) == {PLAIN}
    assert shown.curves() == 2
    assert shown.find("#shown").text == "2 of 10 runs shown"
    with shown.drawing():
        shown.find("tbody tr:not([hidden]) input").click()
    assert shown.curves() == 1
    assert len(shown.ask("[...document.querySelectorAll('article')].filter(a => !a.hidden)")) == 1
    with shown.drawing():
        shown.find("#all").click()
    assert shown.curves() == 2
    with shown.drawing():
        shown.find("#none").click()
    assert shown.curves() == 0


def test_a_curve_is_read_where_the_pointer_is(shown):
    with shown.drawing():
        shown.find("#filter").send_keys("svhn")
    # The last epoch of one seed, at 10 %, and of the other, at 0 %.
    box = shown.ask(
        "(([a, b]) => [a, b].map(p => {"
        " const at = p.getPointAtLength(p.getTotalLength());"
        " const view = document.getElementById('chart').viewBox.baseVal;"
        " return [at.x / view.width, at.y / view.height]; }))"
        "([...document.querySelectorAll('#chart .curve')])"
    )
    told = []
    for x, y in box:
        shown.point_at(x, y)
        told.append(shown.find("#pointed").text)
        assert shown.ask("document.querySelectorAll('#chart .strong, tr.marked').length") == 2
    assert told == [
        f"{PLAIN}, corruption 1, seed {seed}\nepoch 3: training error {error} %"
        for seed, error in ((0, "0.00"), (1, "10.00"))
    ]
    shown.point_at(0, 0, "pointerleave")
    assert not shown.find("#pointed").is_displayed()


def test_logarithmic_axis(shown):
    assert "100%" in shown.ticks()
    assert "0%" in shown.ticks()
    with shown.drawing():
        shown.find("#log-y").click()
    assert "0%" not in shown.ticks()
    assert {"10%", "50%"} <= set(shown.ticks())
    # A loss is drawn so from the first.
    with shown.drawing():
        shown.find("#quantity option[value=training_loss]").click()
    assert shown.find("#log-y").is_selected()


def test_zooming(shown):
    before = shown.ticks()
    shown.point_at(0.3, 0.3, "pointerdown")
    shown.point_at(0.6, 0.6)
    with shown.drawing():
        shown.point_at(0.6, 0.6, "pointerup")
    assert shown.ticks() != before
    assert all(15 < float(tick.rstrip("%")) < 85 for tick in shown.ticks())
    with shown.drawing():
        shown.find("#whole").click()
    assert shown.ticks() == before


def test_means_over_seeds_have_a_band(shown):
    with shown.drawing():
        shown.find("#lines option[value=means]").click()
    assert shown.curves() == 9
    assert shown.ask("document.querySelectorAll('#chart .spread').length") == 1
    assert shown.find("#bands").is_displayed()


def test_every_run_has_its_record(shown):
    details = shown.find("article details")
    details.find_element("css selector", "summary").click()
    record = details.find_element("css selector", "pre")
    shown.wait(lambda: record.text)
    folder = shown.find("article h3").text
    assert folder.endswith(CIFAR)
    assert f"experiment: {CIFAR}" in record.text
    assert re.search(r"^ +width: [\d.]+$", record.text, re.MULTILINE)
    assert re.search(r"^ +numpy: [\d.]+$", record.text, re.MULTILINE)


def test_table_is_downloaded_as_the_file_beside_it(shown, written):
    address = shown.find("#download").get_attribute("href")
    content = base64.b64decode(address.removeprefix("data:text/csv;base64,"))
    assert content == (written / "report.csv").read_bytes()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 768, 1280])
def test_page_fits_its_window(shown, width, scheme):
    feature = {"name": "prefers-color-scheme", "value": scheme}
    shown.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    show_at(shown.browser, width, 844)
    shown.wait(
        lambda: (
            shown.ask("document.getElementById('chart').viewBox.baseVal.width") < width
            or width == 1280
        )
    )
    # What is too wide scrolls in its own box, not the page.
    wanted, there = shown.ask(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wanted <= there
    # The first column stays in sight when the others are scrolled.
    box = shown.ask(
        "((wide) => { wide.scrollLeft = 400; return"
        " [wide, document.querySelector('tbody th')].map(e => e.getBoundingClientRect().left)"
        " })(document.querySelector('#table').parentElement)"
    )
    assert abs(box[0] - box[1]) < 2
    ink, paper = shown.ask(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    brightness = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ink, paper)]
    assert (brightness[0] < brightness[1]) == (scheme == "light")
    assert abs(brightness[0] - brightness[1]) > 3 * 150


def test_ten_runs_on_paper(shown):
    printed = shown.browser.execute_cdp_cmd(
        "Page.printToPDF", {"preferCSSPageSize": True, "printBackground": True}
    )
    pages = re.findall(rb"/Type\s*/Page\b", base64.b64decode(printed["data"]))
    assert 2 <= len(pages) <= 4
    # Every run's curves are printed, though nobody has scrolled to them.
    parts = shown.ask("[...document.querySelectorAll('article svg')].map(s => s.childElementCount)")
    assert len(parts) == 10
    assert min(parts) > 5
    shown.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    # What margins of a centimetre leave of a sheet of A4 on its side, at 96 pixels an inch.
    show_at(shown.browser, 1047, 718)
    ends = shown.ask(
        "[...document.querySelectorAll('table, img, article')]"
        ".map(e => e.getBoundingClientRect().right)"
    )
    assert max(ends) <= 1047


def test_size_and_script(written):
    text = (written / "report.html").read_text("utf-8")
    assert len(text.encode()) < MOST_BYTES
    script = re.search(r"<script>(.*)</script>\n</body>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text
    assert {path.name for path in page.PLACE.glob("*.js")} == set(page.SCRIPTS)
