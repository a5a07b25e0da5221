"""The comparisons and the tables of results that can be counted out, and the page of the cells."""

from __future__ import annotations

import shutil

import pytest

from studies.capacity import page, tables
from studies.capacity.capacity import Shape
from studies.capacity.comparisons import COMPARISONS, compared
from studies.capacity.results import Stored, Trained


def stored(shape, per_weight, n=10, errors=(0, 0, 0, 0.1, 0.1), processor="one"):
    """What five seeds of `shape` stored at `n`: `per_weight` bits, 0.01 more from seed to seed."""
    bits = {seed: (per_weight + 0.01 * seed) * shape.n_weights for seed in range(5)}
    return Stored(
        bits={n: bits},
        errors={n: dict(enumerate(errors))},
        best_bits={n: bits},
        test_errors={n: dict.fromkeys(range(5), 0.9)},
        processors={n: dict.fromkeys(range(5), processor)},
    )


@pytest.fixture
def results():
    """Of all networks that are compared; each later one stored 0.1 bits per weight more."""
    shapes = dict.fromkeys(shape for pair in COMPARISONS.values() for shape in pair)
    return {shape: stored(shape, 0.1 * (1 + n)) for n, shape in enumerate(shapes)}


def test_differences_are_paired_and_five(results):
    told = compared(results)
    place = {shape: number for number, shape in enumerate(results)}
    for of, (one, other) in zip(told, COMPARISONS.values(), strict=True):
        assert of.difference.mean == pytest.approx(0.1 * (place[one] - place[other]))
        # All seeds differ by one number, but for roundings.
        assert of.difference.high - of.difference.low < 1e-6 and of.p < 1e-6
    assert len(tables.comparisons(results).splitlines()) == 2 + 5


def test_no_comparison_of_what_is_not_there_or_ran_elsewhere(results):
    shape = next(iter(results))
    elsewhere = {**results, shape: stored(shape, 0.1, processor="another")}
    with pytest.raises(ValueError, match="run on another, one; run either side again"):
        compared(elsewhere)
    del elsewhere[shape]
    with pytest.raises(ValueError, match="no cells of 32-32-32-10, float weights, binary"):
        compared(elsewhere)


def test_a_networks_line():
    shape = Shape(16, (16, 16), 10)
    (*_, line) = tables.networks({shape: stored(shape, 0.1)}).splitlines()
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    # 0.10, 0.11 ... 0.14: the mean, and 2.776 standard errors of 0.0158 / sqrt(5) to either side.
    assert cells[:6] == ["16-16-16-10", "binary", "binary", "672", "0.120", "0.100 to 0.140"]
    assert cells[8:] == ["at least 10", "1.32"]
    unsolved = {shape: stored(shape, 0.1, errors=(0, 0, 0.1, 0.1, 0.1))}
    assert "none (10 is too many)" in tables.networks(unsolved)


def test_three_times_the_epochs_and_planted_labels_beside_the_usual():
    shape = Shape(16, (16, 16), 10)
    found = {
        Trained(): {shape: stored(shape, 0.1)},
        Trained(epochs=3000): {shape: stored(shape, 0.15)},
        Trained(teacher=True): {shape: stored(shape, 0.0, errors=(0, 0, 0, 0, 0))},
    }
    assert "| 0.120 | 0.170 | +0.0500 |" in tables.longer(found)
    (*_, line) = tables.planted(found).splitlines()
    assert "| 0.0 % (0.0 to 0.0) | 90.0 % (90.0 to 90.0) | 5 of 5 | 4.0 % (0.0 to 10.0) |" in line
    with pytest.raises(ValueError, match="none of its cells"):
        tables.controls(found)


def test_a_plateau_at_the_largest_size_is_told_as_a_bound():
    shape = Shape(16, (16, 16), 10)
    rising = stored(shape, 0.1)
    rising.bits[20] = {seed: bits + 1 for seed, bits in rising.bits[10].items()}
    falling = stored(shape, 0.1)
    falling.bits[20] = {seed: bits - 1 for seed, bits in falling.bits[10].items()}
    assert "| at least 0.121 |" in tables.networks({shape: rising})
    assert "| 0.120 |" in tables.networks({shape: falling})


def test_the_pages_have_what_the_cells_say(tmp_path):
    results = shutil.copy(page.PAGE, tmp_path / "results.md")
    readme = shutil.copy(page.README, tmp_path / "README.md")
    page.main(["--page", str(results), "--readme", str(readme)])
    assert results.read_text(encoding="utf-8") == page.PAGE.read_text(encoding="utf-8")
    assert readme.read_text(encoding="utf-8") == page.README.read_text(encoding="utf-8")
    assert (tmp_path / "figures" / "capacity.svg").stat().st_size > 10_000
