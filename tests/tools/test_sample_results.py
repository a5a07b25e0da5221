"""The page of the experiments: what is trained for it, and what is written from what was kept."""

from __future__ import annotations

import json
import lzma
import shutil

import pytest
from support.project import PROJECT

from foundations.errors import UserError
from memorization.run.settings import outcome_settings
from studies.capacity import experiments
from tools import sample_results
from training_loop import metrics


@pytest.fixture(scope="module")
def cells():
    return experiments.cells()


def test_the_cells_are_those_of_the_plan(cells):
    seeds, digits = {}, {}
    for cell in cells:
        options = cell.options
        twin = (cell.script.stem, options.weights, options.activations)
        seeds.setdefault(twin, []).append(options.seed)
        digits.setdefault(cell.script.stem, options.synthetic)
        assert (options.train_size, options.width, options.corruption) in (
            (1000, 0.25, 1.0),
            (1000, 0.25, 0.0),
        )
    baselines = ("cifar10_random_labels", "svhn_random_labels")
    wanted = {(name, *of): 5 for name in baselines for of in (("binary",) * 2, ("float", "relu"))}
    assert {twin: len(of) for twin, of in seeds.items() if len(of) == 5} == wanted
    others = {twin[0]: of for twin, of in seeds.items() if twin not in wanted}
    assert len(others) == 6 and all(of == [0, 1, 2] for of in others.values())
    assert all(drawn == name.startswith("svhn") for name, drawn in digits.items())


def keep_made_up(cells, place):
    """What a run of each cell would leave, after two epochs of errors that can be counted out."""
    for cell in cells:
        name, seed = cell.script.stem, cell.options.seed
        rows = []
        for epoch, error in ((1, 0.9), (2, 0.1 + 0.01 * seed)):
            row = {metrics.EPOCH: epoch, metrics.LEARNING_RATE: 0.1, metrics.SECONDS: 2.5}
            for of in metrics.SETS:
                row |= {metrics.error(of): error, metrics.loss(of): error}
            rows.append(row)
        record = {
            "format": 2,
            "experiment": name,
            "options": {"seed": seed, **outcome_settings(cell.options.recorded())},
            "data": {
                "name": name.partition("_")[0],
                "class_names": list("0123456789"),
                "source_fingerprint": "1",
                "training": 1000,
            },
        }
        path = place / name / f"{cell.folder.name}.json.xz"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"record": record, "metrics": rows})
        path.write_bytes(lzma.compress(text.encode()))


def test_the_page_is_written_from_what_is_kept(cells, tmp_path):
    keep_made_up(cells, tmp_path / "kept")
    groups = experiments.groups_of(cells, [tmp_path / "kept"])
    page = shutil.copy(PROJECT / "docs" / "experiments.md", tmp_path / "experiments.md")
    before = page.read_text(encoding="utf-8")
    sample_results.write(page, groups)
    text = page.read_text(encoding="utf-8")
    assert text.partition("<!-- table -->")[0] == before.partition("<!-- table -->")[0]
    assert (
        text.partition("<!-- end of table -->")[2] == before.partition("<!-- end of table -->")[2]
    )
    table = text.partition("<!-- table -->\n")[2].partition("\n<!-- end")[0].splitlines()
    assert len(table) == 2 + 10
    lines = {tuple(c.strip() for c in line.strip("|").split("|"))[:3]: line for line in table}
    # 10 to 14 %: 2.776 standard errors of 1.581 / sqrt(5) to either side.
    twin = lines["cifar10_random_labels", "float weights, rectifiers", "5"]
    assert "| 12.00 (10.04 to 13.96) |" in twin
    assert ("svhn_random_labels_dropout", "binary", "3") in lines
    drawn = {path.name for path in (tmp_path / "figures").iterdir()}
    assert drawn == {"comparison.svg", *(f"{cell.script.stem}.svg" for cell in cells)}

    # One that is not there is named, and the page stays.
    (tmp_path / "kept" / "cifar10_randX_input" / "seed-1.json.xz").unlink()
    with pytest.raises(ValueError, match="no cell cifar10_randX_input/seed-1"):
        experiments.groups_of(cells, [tmp_path / "kept"])


def test_a_page_without_markers_is_left_alone(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("nothing to fill", encoding="utf-8")
    with pytest.raises(UserError, match="do not stand in it"):
        sample_results.write(page, [])
    assert page.read_text(encoding="utf-8") == "nothing to fill"
    assert list(tmp_path.iterdir()) == [page]
