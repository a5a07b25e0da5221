"""Draw a run's figures: error and loss curves, errors per class, images with their labels.

    python figures.py results/cifar10_random_labels [another run ...]

Every run draws them when it ends; this draws them anew, or while the run is still going on. Written
into the run's folder: curves.png and .svg, class_errors.png and .svg, labels.png, and, where the
run was measured with --measure, image_history.png and .svg.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from datasets.labelled_sets import LabelledSets
from foundations import reading
from memorization import command_line
from memorization.report import style as plotting
from memorization.run.folder import LAST_FILE, METRICS_FILE, load_metrics
from memorization.run.labels import labelled_sets_of
from memorization.run.record import load_record
from training_loop import metrics

HISTORY_FILE = "image_history.npz"
SHEET_COLUMNS, SHEET_ROWS = 8, 5


def draw_run(
    folder: Path, rows: Sequence[dict[str, float]], class_names: Sequence[str]
) -> list[Path]:
    """Everything that can be drawn from the metrics `rows`, into `folder`; the files' paths.

    No rows, no figures: a run of no epochs has none.
    """
    if not rows:
        return []
    written = draw_curves(folder, rows) + draw_class_errors(folder, rows, class_names)
    if (folder / HISTORY_FILE).exists():
        written += draw_image_history(folder, len(rows))
    return written


def draw_curves(folder: Path, rows: Sequence[dict[str, float]]) -> list[Path]:
    """`curves`: errors of the three sets, losses below, and the learning rate, against epoch."""
    epochs = [row[metrics.EPOCH] for row in rows]
    with plotting.drawing(6.3, 6.6) as figure:
        errors, losses, rates = figure.subplots(3, sharex=True, height_ratios=(5, 3, 1.6))
        for name, style in plotting.SET_STYLES.items():
            line = style.line(len(rows))
            errors.plot(
                epochs, [100 * row[metrics.error(name)] for row in rows], label=name, **line
            )
            losses.plot(epochs, [row[metrics.loss(name)] for row in rows], **line)
        plotting.chance_line(errors)
        errors.set_ylim(-3, 103)
        errors.set_ylabel("error")
        plotting.percent_axis(errors.yaxis)
        errors.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4)
        plotting.log_where_positive(
            losses, [row[metrics.loss(name)] for row in rows for name in metrics.SETS]
        )
        losses.set_ylabel("loss")
        rates.plot(
            epochs,
            [row[metrics.LEARNING_RATE] for row in rows],
            **plotting.STYLES[6].line(len(rows)),
        )
        plotting.log_where_positive(rates, [row[metrics.LEARNING_RATE] for row in rows])
        rates.set_ylabel("learning rate")
        plotting.epoch_axis(rates, epochs)
        figure.align_ylabels()
        figure.suptitle(folder.name)
        return plotting.save(figure, folder / "curves")


def draw_class_errors(
    folder: Path, rows: Sequence[dict[str, float]], class_names: Sequence[str]
) -> list[Path]:
    """`class_errors`: training and test error of each class, a row per class, epochs to the right.

    The last epoch's errors stand beside the rows.
    """
    epochs = [row[metrics.EPOCH] for row in rows]
    with plotting.drawing(7.2, 3.6) as figure:
        panels = figure.subplots(1, 2, sharey=True)
        for axes, name in zip(panels, metrics.SETS_BY_CLASS):
            errors = 100 * np.array(
                [[row.get(metrics.class_error(name, n), np.nan) for n in range(10)] for row in rows]
            )
            image = axes.imshow(
                np.ma.masked_invalid(errors.T),
                cmap="cividis",
                vmin=0,
                vmax=100,
                aspect="auto",
                interpolation="nearest",
                extent=(epochs[0] - 0.5, epochs[-1] + 0.5, 9.5, -0.5),
            )
            axes.set_facecolor("#BBBBBB")
            axes.grid(False)
            axes.spines[:].set_visible(False)
            axes.set_title(f"{name} error")
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6, min_n_ticks=1))
            axes.set_yticks(range(10), [str(label) for label in class_names])
            axes.tick_params(axis="y", length=0)
            for number, error in enumerate(errors[-1]):
                axes.annotate(
                    f"{error:.0f}%" if np.isfinite(error) else "–",
                    (1, number),
                    xycoords=("axes fraction", "data"),
                    xytext=(34, 0),
                    textcoords="offset points",
                    ha="right",
                    va="center",
                )
        bar = figure.colorbar(image, ax=panels, fraction=0.04, aspect=30)
        plotting.percent_axis(bar.ax.yaxis)
        bar.ax.spines["outline"].set_visible(False)
        figure.suptitle(f"{folder.name}: error per class, last epoch's beside the rows")
        return plotting.save(figure, folder / "class_errors")


def draw_labels(folder: Path, data: LabelledSets) -> list[Path]:
    """`labels`: the first training images with the labels given to them.

    Where the given label is not the true one, it is framed and the true one stands below.
    """
    shown = data.train.first(SHEET_COLUMNS * SHEET_ROWS)
    rows = max(1, -(-len(shown.numbers) // SHEET_COLUMNS))
    changed = data.train.labels != data.train.true_labels
    with plotting.drawing(7.2, 0.7 + 1.18 * rows) as figure:
        axes = figure.subplots()
        axes.set_axis_off()
        axes.set_aspect("equal")
        axes.set_xlim(-0.05, SHEET_COLUMNS - 0.05)
        axes.set_ylim(1.32 * rows, -0.06)
        for place, (number, given, true) in enumerate(
            zip(shown.numbers, shown.labels, shown.true_labels)
        ):
            left, top = place % SHEET_COLUMNS, 1.32 * (place // SHEET_COLUMNS)
            box = (left, left + 0.88, top + 0.88, top)
            axes.imshow(_displayable(data.images[number]), extent=box, interpolation="nearest")
            same = given == true
            if not same:
                frame = Rectangle((left, top), 0.88, 0.88, fill=False)
                frame.set(edgecolor=plotting.VERMILLION, linewidth=2.2)
                axes.add_patch(frame)
            text: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 7.5}
            axes.text(
                left + 0.44,
                top + 1.0,
                data.class_names[given],
                color="black" if same else plotting.VERMILLION,
                weight="normal" if same else "bold",
                **text,
            )
            if not same:
                axes.text(left + 0.44, top + 1.15, f"not {data.class_names[true]}", **text)
        axes.set_xlim(-0.05, SHEET_COLUMNS - 0.05)
        axes.set_ylim(1.32 * rows, -0.06)
        figure.suptitle(
            f"{folder.name}: {changed.sum():,} of {len(changed):,} training labels "
            "are not the true ones (framed)"
        )
        return plotting.save(figure, folder / LAST_FILE, ("png",))


def _displayable(image: np.ndarray) -> np.ndarray:
    """(3, 32, 32), uint8 or float32 in -1..1, to (32, 32, 3) as matplotlib shows it."""
    if image.dtype != np.uint8:
        image = np.clip((image + 1) / 2, 0, 1)
    return image.transpose(1, 2, 0)


def draw_image_history(folder: Path, epochs: int) -> list[Path]:
    """`image_history`: when training images were first learnt, and how often forgotten again.

    First-learnt epoch and forgetting count are those of Toneva et al. (2019), arXiv 1812.05159; an
    image never learnt has no first epoch (0 or less) and is counted apart.
    """
    history = _read_history(folder / HISTORY_FILE)
    first, forgotten = history["first_learnt_epoch"], history["forgetting_count"]
    with plotting.drawing(7.2, 3.2) as figure:
        learnt, again = figure.subplots(1, 2)
        seen = first[first >= 1]
        edges = _whole_number_bins(1, epochs)
        learnt.hist(seen, bins=edges, color=plotting.BLUE, edgecolor="white", linewidth=0.5)
        plotting.epoch_axis(learnt, [1, epochs])
        learnt.set_xlabel("first epoch at which an image is right")
        learnt.set_title(f"{len(first) - len(seen):,} of {len(first):,} were never learnt")
        edges = _whole_number_bins(0, int(forgotten.max(initial=0)))
        again.hist(
            forgotten[first >= 1],
            bins=edges,
            color=plotting.ORANGE,
            edgecolor="white",
            linewidth=0.5,
        )
        again.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        again.set_xlabel("how often right turned to wrong")
        unforgotten = int(np.sum(forgotten[first >= 1] == 0))
        again.set_title(f"{unforgotten:,} of {len(seen):,} learnt were never forgotten")
        for axes in (learnt, again):
            axes.set_ylabel("training images")
            axes.yaxis.set_major_locator(MaxNLocator(integer=True))
            axes.grid(False, axis="x")
        figure.suptitle(folder.name)
        return plotting.save(figure, folder / "image_history")


def _whole_number_bins(first: int, last: int) -> np.ndarray:
    """Edges of at most 40 equally wide bins that hold the same number of whole numbers each."""
    width = -(-(last - first + 1) // 40)
    return np.arange(first, last + width + 1, width) - 0.5


def _read_history(path: Path) -> dict[str, np.ndarray]:
    names = ("first_learnt_epoch", "forgetting_count")
    with reading.open_npz(path, "no readable history of the training images") as stored:
        history = {name: stored[name] for name in names}
        for name, array in history.items():
            reading.check_vector(name, array, "iu", -(2**31), 2**31)
        first, forgotten = history.values()
        if len(first) != len(forgotten) or (len(forgotten) and forgotten.min() < 0):
            raise ValueError("its arrays contradict each other")
    return history


def class_names_of(record: dict[str, Any]) -> Sequence[str]:
    """The names of a run's classes."""
    return record["data"].get("class_names") or [str(number) for number in range(10)]


def main(argv: Sequence[str] | None = None) -> list[Path]:
    parser = command_line.ArgumentParser("python -m memorization figures", __doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run's folder")
    parser.add_argument("--data-dir", metavar="DIR", help="the data set, if it has moved")
    chosen = parser.parse_args(argv)
    written = []
    for folder in chosen.runs:
        record = load_record(folder)
        rows = load_metrics(folder / METRICS_FILE)
        drawn = draw_run(folder, rows, class_names_of(record))
        drawn += draw_labels(folder, labelled_sets_of(folder, record, chosen.data_dir))
        print("\n".join(map(str, drawn)))
        written += drawn
    return written


if __name__ == "__main__":
    command_line.run_command(main)
