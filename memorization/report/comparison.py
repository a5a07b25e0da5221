"""The figure that overlays experiments: error against epoch, and against corruption."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from memorization.report import style
from memorization.report.runs import Group, MeasuredRun, varying_settings
from training_loop import metrics

PANELS = ("training", "test")


def draw(groups: Sequence[Group], path: Path) -> list[Path]:
    """Overlay `groups` in the figure `path` (.png and .svg); returns the files' paths.

    A row of panels per data set: training error and test error against epoch. Where an experiment
    was run at several levels of corruption, the last row shows its errors against corruption
    (Zhang et al., arXiv 1611.03530, figure 1).
    """
    kinds = [
        [group for group in groups if group.data_name == name]
        for name in sorted({group.data_name for group in groups})
    ]
    labels = [labels_of(chosen) for chosen in kinds]
    swept = _swept(groups)
    heights = [max(2.7, 0.7 + style.legend_height(of)) for of in labels]
    heights += [2.7] * bool(swept)
    with style.drawing(8.0, 0.3 + sum(heights)) as figure:
        panels = figure.subplots(
            len(heights), 3, squeeze=False, height_ratios=heights, width_ratios=(1, 1, 0.92)
        )
        for line, chosen, texts in zip(panels, kinds, labels):
            for axes, name in zip(line, PANELS):
                for group, text, look in zip(chosen, texts, looks_of(chosen)):
                    _curve(axes, group, metrics.error(name), look, text)
                style.epoch_axis(axes, [1, max(map(_last_epoch, chosen))])
                axes.set_title(f"{chosen[0].data_name}: {name} error")
        if swept:
            _corruption_row(panels[-1], swept)
        drawn = [*kinds, [group for family in swept for group in family]]
        for line, shown in zip(panels, drawn):
            for axes in line[:2]:
                style.chance_line(axes, {group.classes for group in shown})
                axes.set_ylim(-3, 103)
                style.percent_axis(axes.yaxis)
            line[0].set_ylabel("error")
            line[1].tick_params(labelleft=False)
            line[2].set_axis_off()
            handles, texts = line[0].get_legend_handles_labels()
            line[2].legend(handles, texts, loc="upper left", fontsize=7.5, labelspacing=0.8)
        return style.save(figure, path)


def labels_of(groups: Sequence[Group]) -> list[str]:
    """What the legend calls each group: what tells it from the others."""
    settings = varying_settings(groups)
    labels = []
    for group in groups:
        levels = {other.corruption for other in groups if other.experiment == group.experiment}
        parts = [group.name.replace("_", " ")]
        if len(levels) > 1:
            parts.append(f"corruption {group.corruption:g}")
        if settings[group.key]:
            parts.append(settings[group.key])
        if len(group.runs) > 1:
            parts.append(f"mean of n = {len(group.runs)} seeds")
        labels.append(style.wrapped(parts))
    return labels


def looks_of(groups: Sequence[Group]) -> list[style.Style]:
    """The look of each group: levels of corruption alone have colours in order."""
    levels = sorted(group.corruption for group in groups)
    ladder = _swept(groups) and len(_swept(groups)[0]) == len(groups) > 2
    if ladder:
        return [style.levels(len(levels))[levels.index(group.corruption)] for group in groups]
    return [style.series(number) for number in range(len(groups))]


def _curve(axes: Any, group: Group, error: str, look: style.Style, label: str) -> None:
    epochs = range(1, _last_epoch(group) + 1)
    errors = 100 * np.array(group.values(error))
    axes.plot(epochs, errors.mean(axis=0), label=label, **look.line(len(epochs)))
    if len(errors) > 1:
        low, high = errors.min(axis=0), errors.max(axis=0)
        axes.fill_between(epochs, low, high, color=look.color, alpha=0.18, linewidth=0)


def _last_epoch(group: Group) -> int:
    return max(run.epochs for run in group.runs)


def _swept(groups: Sequence[Group]) -> list[list[Group]]:
    """Groups that differ in corruption alone, two or more at a time, in its order."""
    families: dict[tuple, list[Group]] = {}
    for group in groups:
        experiment, _, *rest = group.key
        families.setdefault((experiment, *rest), []).append(group)
    return [
        sorted(family, key=lambda group: group.corruption)
        for family in families.values()
        if len(family) > 1
    ]


def _corruption_row(line: Any, families: list[list[Group]]) -> None:
    """Final training and test error against corruption, a series per family, and a fainter one for
    the error against the true labels."""
    for axes, name in zip(line, PANELS):
        for number, family in enumerate(families):
            look = style.series(number).line(1)
            label = family[0].name.replace("_", " ")
            given = partial(_last_error, name)
            _against_corruption(axes, family, given, label=label, **look)
            if any(metrics.clean_error(name) in run.rows[-1] for of in family for run in of.runs):
                clean = partial(_last_clean_error, name)
                faint, label = style.fainter(look), f"{label}, true labels"
                _against_corruption(axes, family, clean, label=label, **faint)
        style.percent_axis(axes.xaxis)
        axes.set_xlabel("replaced labels")
        axes.set_title(f"after the last epoch: {name} error")


def _last_error(name: str, run: MeasuredRun) -> float:
    return run.last(metrics.error(name))


def _last_clean_error(name: str, run: MeasuredRun) -> float:
    # Where no label is replaced, there is but one error.
    return run.rows[-1].get(metrics.clean_error(name), _last_error(name, run))


def _against_corruption(
    axes: Any, family: Sequence[Group], error: Callable[[MeasuredRun], float], **look: Any
) -> None:
    """The means over seeds of `error`, with bars from the lowest to the highest."""
    levels = [100 * group.corruption for group in family]
    errors = [[100 * error(run) for run in group.runs] for group in family]
    means = [float(np.mean(values)) for values in errors]
    spread = [
        # The mean of equal numbers may be rounded to another.
        [max(0.0, mean - min(values)) for mean, values in zip(means, errors)],
        [max(0.0, max(values) - mean) for mean, values in zip(means, errors)],
    ]
    axes.errorbar(levels, means, yerr=spread, capsize=3, **look)
