"""The API pages: made of the docstrings, with the names that programs import."""

from __future__ import annotations

import html.parser
import re
import subprocess
import sys

import pytest
from support.project import PROJECT

# Names by page, a few of each kind.
NAMES = {
    "binary_net": ["DenseLayer", "BatchNormLayer.get_output_for", "binary_tanh_unit", "train"],
    "datasets": ["load", "DataSet.fingerprint", "randomize_labels", "DataError"],
    "datasets/labelled_sets": ["LabelledSets"],
    "datasets/transformations": ["TRANSFORMATIONS", "transformed"],
    "memorization/experiment": ["options", "load", "network", "network_of", "run", "command"],
    "memorization/options": ["Options.lr_decay", "OPTIONS"],
    "memorization/report": ["report_runs"],
    "theano_engine/straight_through": ["gradients"],
    "training_loop/loop": ["train", "Schedule"],
    "training_loop/observers": ["Observer.epoch_ends"],
}


class Page(html.parser.HTMLParser):
    """The ids, the text, and the links to other pages of a page."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.text = set(), set(), []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.ids.add(named.get("id"))
        if tag == "a" and "://" not in (named.get("href") or "://"):
            self.links.add(named["href"])

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The pages by their path without the ending, and what was said while they were made."""
    pytest.importorskip("pdoc", reason="needs pdoc (extra [docs])")
    folder = tmp_path_factory.mktemp("pages")
    done = subprocess.run(
        [sys.executable, "tools/api_pages.py", folder], cwd=PROJECT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found = {str(path.relative_to(folder).with_suffix("")): path for path in folder.rglob("*.html")}
    return {name: Page(path) for name, path in found.items()}


@pytest.mark.exhaustive
def test_the_public_names_are_there(pages):
    for page, names in NAMES.items():
        missing = set(names) - pages[page].ids
        assert not missing, f"{page}: {missing}"


@pytest.mark.exhaustive
def test_links_lead_to_pages_and_docstrings_are_markdown(pages):
    for name, page in pages.items():
        for link in page.links:
            target, _, place = link.partition("#")
            other = page
            if target:
                path = (PROJECT / name).parent.joinpath(target).resolve().relative_to(PROJECT)
                other = pages[str(path.with_suffix(""))]
            # What is inherited leads to private classes, which have no place.
            assert not place or place in other.ids or place[0] == "_", f"{name}: {link}"
        # What Sphinx would understand, as inherited docstrings have it.
        assert not re.search(r":(class|meth|func):", "".join(page.text)), name
