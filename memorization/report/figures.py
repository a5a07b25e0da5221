"""Draw a run's figures: error and loss curves, errors per class, images with their labels.

    python -m memorization figures results/cifar10_random_labels [another folder ...]

Every run draws them when it ends; this draws those of all runs at or below the folders anew, or
while they are still going on. Written into a run's folder: curves, class_errors and, where there is
something besides errors and losses, measured and image_history, each as .png, .svg and .pdf; and
labels.png.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from datasets.labelled_sets import LabelledSets
from foundations import reading
from foundations.errors import UserError
from foundations.reading import MOST_OF_A_PATH, printable
from memorization import command_line
from memorization.measures.image_history import HISTORY_FILE, load_history
from memorization.report import measured, style
from memorization.run.folder import LAST_FILE, METRICS_FILE, load_metrics, runs_below
from memorization.run.labels import labelled_sets_of
from memorization.run.record import load_record
from training_loop import metrics

SHEET_COLUMNS, SHEET_ROWS = 8, 5
# Characters of a name that fit below an image.
MOST_OF_A_CLASS = 14


def draw_run(
    folder: Path,
    rows: Sequence[metrics.Row],
    class_names: Sequence[str],
    sets: Callable[[], LabelledSets],
) -> tuple[list[Path], list[UserError]]:
    """Everything that can be drawn of a run, into its `folder`; the files' paths, and an error for
    each figure that could not be drawn.

    No `rows`, no figures: a run of no epochs has none. `sets` is called for the data that the run
    had when their turn has come.
    """
    drawings: dict[str, Callable[[], list[Path]]] = {
        "curves": lambda: draw_curves(folder, rows, len(class_names)),
        "class_errors": lambda: draw_class_errors(folder, rows, class_names),
    }
    if (folder / HISTORY_FILE).exists():
        drawings["image_history"] = lambda: draw_image_history(folder, len(rows))
    drawings["measured"] = lambda: measured.draw(folder, rows, _title(folder))
    # The last of all that a run writes: what has it is whole.
    drawings["labels"] = lambda: draw_labels(folder, sets())
    written: list[Path] = []
    failures = []
    for name, draw in drawings.items() if rows else ():
        try:
            with reading.file_errors(folder / name, "cannot be drawn"):
                written += draw()
        except UserError as error:
            failures.append(error)
    return written, failures


def draw_curves(folder: Path, rows: Sequence[metrics.Row], classes: int) -> list[Path]:
    """`curves`: errors of the three sets, losses below, and the learning rate, against epoch.

    Where labels were replaced there are two errors of each set, the fainter ("true") against the
    true labels.
    """
    epochs = [row[metrics.EPOCH] for row in rows]
    with style.drawing(6.3, 6.6) as figure:
        errors, losses, rates = figure.subplots(3, sharex=True, height_ratios=(5, 3, 1.6))
        for name, look in style.SET_STYLES.items():
            line = look.line(len(rows))
            errors.plot(
                epochs, [100 * row[metrics.error(name)] for row in rows], label=name, **line
            )
            if metrics.clean_error(name) in rows[0]:
                clean = [100 * row[metrics.clean_error(name)] for row in rows]
                errors.plot(epochs, clean, label=f"{name}, true", **style.fainter(line))
            losses.plot(epochs, [row[metrics.loss(name)] for row in rows], **line)
        style.chance_line(errors, {classes})
        errors.set_ylim(-3, 103)
        errors.set_ylabel("error")
        style.percent_axis(errors.yaxis)
        errors.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4)
        style.log_where_positive(
            losses, [row[metrics.loss(name)] for row in rows for name in metrics.SETS]
        )
        losses.set_ylabel("loss")
        rates.plot(
            epochs,
            [row[metrics.LEARNING_RATE] for row in rows],
            **style.STYLES[6].line(len(rows)),
        )
        style.log_where_positive(rates, [row[metrics.LEARNING_RATE] for row in rows])
        rates.set_ylabel("learning rate")
        style.epoch_axis(rates, epochs)
        figure.align_ylabels()
        figure.suptitle(_title(folder))
        return style.save(figure, folder / "curves")


def draw_class_errors(
    folder: Path, rows: Sequence[metrics.Row], class_names: Sequence[str]
) -> list[Path]:
    """`class_errors`: training and test error of each class, a row per class, epochs to the right.

    The last epoch's errors stand to the right of each panel, under "last".
    """
    epochs = [row[metrics.EPOCH] for row in rows]
    labels = range(len(class_names))
    with style.drawing(7.2, max(1.6, 0.8 + 0.28 * len(class_names))) as figure:
        panels = figure.subplots(1, 2, sharey=True)
        for axes, name in zip(panels, metrics.SETS_BY_CLASS):
            errors = 100 * np.array(
                [[row.get(metrics.class_error(name, n), np.nan) for n in labels] for row in rows]
            )
            image = axes.imshow(
                np.ma.masked_invalid(errors.T),
                cmap="cividis",
                vmin=0,
                vmax=100,
                aspect="auto",
                interpolation="nearest",
                extent=(epochs[0] - 0.5, epochs[-1] + 0.5, len(labels) - 0.5, -0.5),
            )
            axes.set_facecolor("#BBBBBB")
            axes.grid(False)
            axes.spines[:].set_visible(False)
            axes.set_title(f"{name} error")
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(style.MaxNLocator(integer=True, nbins=6, min_n_ticks=1))
            axes.set_yticks(labels, [style.shown_name(c, MOST_OF_A_CLASS) for c in class_names])
            axes.tick_params(axis="y", length=0)
            # Ticks, for which the layout makes room, so that they stand by no other panel.
            last = axes.twinx()
            last.set_ylim(axes.get_ylim())
            texts = [f"{error:.0f}%" if np.isfinite(error) else "–" for error in errors[-1]]
            last.set_yticks(labels, texts)
            last.tick_params(axis="y", length=0)
            last.grid(False)
            last.spines[:].set_visible(False)
            last.annotate(
                "last",
                (1, 1),
                xycoords="axes fraction",
                xytext=(4, 3),
                textcoords="offset points",
                fontsize=7.5,
            )
        bar = figure.colorbar(image, ax=panels, fraction=0.04, aspect=30)
        style.percent_axis(bar.ax.yaxis)
        bar.ax.spines["outline"].set_visible(False)
        figure.suptitle(f"{_title(folder)}\nerror per class")
        return style.save(figure, folder / "class_errors")


def draw_labels(folder: Path, data: LabelledSets) -> list[Path]:
    """`labels`: the first training images with the labels given to them.

    Where the given label is not the true one, it is framed and the true one stands below.
    """
    shown = data.training.first(SHEET_COLUMNS * SHEET_ROWS)
    rows = max(1, -(-len(shown.numbers) // SHEET_COLUMNS))
    changed = data.training.labels != data.training.true_labels
    with style.drawing(7.2, 0.7 + 1.18 * rows) as figure:
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
                style.frame(axes, (left, top), 0.88, 0.88)
            text: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 7.5}
            axes.text(
                left + 0.44,
                top + 1.0,
                style.shown_name(data.form.class_names[given], MOST_OF_A_CLASS),
                color="black" if same else style.VERMILLION,
                weight="normal" if same else "bold",
                **text,
            )
            if not same:
                name = style.shown_name(data.form.class_names[true], MOST_OF_A_CLASS)
                axes.text(left + 0.44, top + 1.15, f"not {name}", **text)
        axes.set_xlim(-0.05, SHEET_COLUMNS - 0.05)
        axes.set_ylim(1.32 * rows, -0.06)
        figure.suptitle(
            f"{_title(folder)}\n{changed.sum():,} of {len(changed):,} training labels "
            "are not the true ones (framed)"
        )
        return style.save(figure, folder / Path(LAST_FILE).stem, ("png",))


def _displayable(image: np.ndarray) -> np.ndarray:
    """(channels, height, width), uint8 or float32 in -1..1, as matplotlib shows it: colours where
    there are three channels, otherwise the first as grey."""
    if image.dtype != np.uint8:
        image = np.clip((image + 1) / 2, 0, 1)
    channels = image.transpose(1, 2, 0)
    return channels if channels.shape[2] == 3 else channels[..., [0, 0, 0]]


def draw_image_history(folder: Path, epochs: int) -> list[Path]:
    """`image_history`: when training images were first learnt, and how often forgotten again.

    First-learnt epoch and forgetting count are those of Toneva et al. (2019), arXiv 1812.05159; an
    image never learnt has no first epoch (0 or less) and is counted apart.
    """
    history = load_history(folder / HISTORY_FILE)
    first, forgotten = history.first_learnt_epoch, history.forgetting_count
    with style.drawing(7.2, 3.2) as figure:
        learnt, again = figure.subplots(1, 2)
        seen = first[first >= 1]
        edges = _whole_number_bins(1, epochs)
        learnt.hist(seen, bins=edges, color=style.BLUE, edgecolor="white", linewidth=0.5)
        style.epoch_axis(learnt, [1, epochs])
        learnt.set_xlabel("first epoch at which an image is right")
        learnt.set_title(f"{len(first) - len(seen):,} of {len(first):,} were never learnt")
        edges = _whole_number_bins(0, int(forgotten.max(initial=0)))
        again.hist(
            forgotten[first >= 1],
            bins=edges,
            color=style.ORANGE,
            edgecolor="white",
            linewidth=0.5,
        )
        again.xaxis.set_major_locator(style.MaxNLocator(integer=True, min_n_ticks=1))
        again.set_xlabel("how often right turned to wrong")
        unforgotten = int(np.sum(forgotten[first >= 1] == 0))
        again.set_title(f"{unforgotten:,} of {len(seen):,} learnt were never forgotten")
        for axes in (learnt, again):
            axes.set_ylabel("training images")
            axes.yaxis.set_major_locator(style.MaxNLocator(integer=True))
            axes.grid(False, axis="x")
        figure.suptitle(_title(folder))
        return style.save(figure, folder / "image_history")


def _whole_number_bins(first: int, last: int) -> np.ndarray:
    """Edges of at most 40 equally wide bins that hold the same number of whole numbers each."""
    width = -(-(last - first + 1) // 40)
    return np.arange(first, last + width + 1, width) - 0.5


def _title(folder: Path) -> str:
    """The experiment, which the folder above is named after, and below it the run."""
    names = filter(None, (folder.absolute().parent.name, folder.absolute().name))
    return "\n".join(style.title_lines(name) for name in names)


def _runs_at(place: Path) -> list[Path]:
    """The runs at or below `place`; UserError where there are none."""
    found = list(runs_below(place))
    if not found:
        told = "no run at or below it" if place.exists() else "no such folder"
        raise UserError(f"{printable(place, MOST_OF_A_PATH)}: {told}; name the folder of a run")
    return found


def main(argv: Sequence[str] | None = None) -> list[Path]:
    parser = command_line.ArgumentParser("python -m memorization figures", __doc__)
    parser.add_argument(
        "places", nargs="+", type=Path, metavar="RUN", help="a run's folder, or one with runs in it"
    )
    parser.add_argument("--data-dir", metavar="DIR", help="the data set, if it has moved")
    chosen = parser.parse_args(argv)
    written: list[Path] = []
    for folder in [run for place in chosen.places for run in _runs_at(place)]:
        record = load_record(folder)
        drawn, failures = draw_run(
            folder,
            load_metrics(folder / METRICS_FILE),
            record["data"]["class_names"],
            partial(labelled_sets_of, folder, record, chosen.data_dir),
        )
        print("\n".join(printable(path, MOST_OF_A_PATH) for path in drawn), flush=True)
        if failures:
            raise failures[0]
        written += drawn
    return written
