"""The figure of Zhang et al. (arXiv 1611.03530, figure 1), binary networks beside float ones.

(a) training loss against training steps, (b) time to fit and (c) test error against the share of
replaced labels.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from memorization.report import style
from memorization.report.runs import Group, varying_settings
from training_loop import metrics

# Training errors that count as fitted; the smallest that any run reached is taken.
FITTED = (0.0, 0.01, 0.1)
_OF_A_KIND = ("weights", "activations")


def kind(group: Group) -> str:
    """What is binary in the networks of `group`."""
    settings = group.runs[0].settings
    weights, activations = (settings.get(name, "binary") for name in _OF_A_KIND)
    if weights == activations == "binary":
        return "binary"
    return f"{weights} weights, {activations} activations"


def draw_zhang(groups: Sequence[Group], path: Path) -> list[Path]:
    """The figure of `groups` as `path` with each ending: a column for every kind of network, the
    same conditions in the same colours. (b) and (c) are there where some differ in corruption."""
    kinds = sorted({kind(group) for group in groups}, key=lambda name: (name != "binary", name))
    conditions = _conditions(groups)
    swept = len({group.corruption for group in groups}) > 1
    rows = 3 if swept else 1
    entries = [*(name for name, _ in conditions.values()), *_families(groups)]
    height = max(2.5 * rows, style.legend_height(entries))
    with style.drawing(4.0 * len(kinds) + 2.6, 0.6 + height) as figure:
        panels = figure.subplots(rows, len(kinds), squeeze=False, sharey="row")
        for line, name in zip(panels.T, kinds):
            members = [group for group in groups if kind(group) == name]
            _losses(line[0], members, conditions)
            line[0].set_title(f"{name} networks" if name == "binary" else name)
            if swept:
                families = _families(members)
                _times_to_fit(line[1], families, _threshold(groups))
                _test_errors(line[2], families)
        handles = {
            text: handle
            for axes in panels.flat
            for handle, text in zip(*axes.get_legend_handles_labels())
        }
        texts = [*handles]
        figure.legend(handles.values(), texts, loc="outside right upper", fontsize=7.5)
        return style.save(figure, path)


def _conditions(groups: Sequence[Group]) -> dict[tuple, tuple[str, style.Style]]:
    """What each group is called and looks like, by its key; kinds of networks share both."""
    names = {}
    settings = varying_settings(groups)
    for group in groups:
        words = [word for word in settings[group.key].split(", ") if not _is_kind(word)]
        shown = [group.name.replace("_", " "), f"corruption {group.corruption:g}", *words]
        names[group.key] = style.wrapped(shown)
    distinct = list(dict.fromkeys(names.values()))
    # Of one experiment's levels of corruption the colours tell the order.
    ordered = len({group.experiment for group in groups}) == 1 and len(distinct) == len(
        {group.corruption for group in groups}
    )
    look = {
        name: style.levels(len(distinct))[number] if ordered else style.series(number)
        for number, name in enumerate(distinct)
    }
    return {key: (name, look[name]) for key, name in names.items()}


def _is_kind(word: str) -> bool:
    return word.split(" ")[0] in _OF_A_KIND


def _losses(
    axes: Any, groups: Sequence[Group], conditions: dict[tuple, tuple[str, style.Style]]
) -> None:
    for group in groups:
        name, look = conditions[group.key]
        steps = group.runs[0].steps_of_an_epoch
        losses = np.array(group.values(metrics.STEP_LOSS))
        places = [epoch * (steps or math.nan) for epoch in range(1, losses.shape[1] + 1)]
        label = f"{name} (n = {len(losses)})"
        axes.plot(places, losses.mean(axis=0), label=label, **look.line(len(places)))
        if len(losses) > 1:
            low, high = losses.min(axis=0), losses.max(axis=0)
            axes.fill_between(places, low, high, color=look.color, alpha=0.18, linewidth=0)
    every = [row[metrics.STEP_LOSS] for group in groups for run in group.runs for row in run.rows]
    style.log_where_positive(axes, every)
    axes.set_xlabel("(a) training steps")
    axes.set_ylabel("training loss")


def _families(groups: Sequence[Group]) -> dict[str, list[Group]]:
    """Groups of one kind that differ in corruption alone, two or more at a time, in its order."""
    found: dict[tuple, list[Group]] = {}
    for group in groups:
        experiment, _, *rest = group.key
        found.setdefault((experiment, *rest), []).append(group)
    families = [family for family in found.values() if len(family) > 1]
    settings = varying_settings([family[0] for family in families])
    named = {}
    for family in families:
        words = [w for w in settings[family[0].key].split(", ") if w and not _is_kind(w)]
        name = style.wrapped([family[0].name.replace("_", " "), *words])
        named[name] = sorted(family, key=lambda group: group.corruption)
    return named


def _threshold(groups: Sequence[Group]) -> float:
    runs = [run for group in groups for run in group.runs]
    reached = (of for of in FITTED if any(run.epochs_to(of) is not None for run in runs))
    return next(reached, FITTED[-1])


def _times_to_fit(axes: Any, families: dict[str, list[Group]], threshold: float) -> None:
    for number, (name, family) in enumerate(families.items()):
        look = style.series(number)
        fitted = []
        for group in family:
            epochs = [run.epochs_to(threshold) for run in group.runs]
            known = [epoch for epoch in epochs if epoch is not None]
            if len(known) == len(epochs):
                fitted.append((100 * group.corruption, known))
            else:
                place = (100 * group.corruption, max(run.epochs for run in group.runs))
                axes.plot(*place, marker="x", color=look.color, linestyle="none")
        _with_bars(axes, fitted, look, f"(b, c) {name}")
    _corruption_axis(axes, "(b) replaced labels")
    axes.set_ylabel(f"epochs to a training\nerror of {threshold:.0%}")


def _test_errors(axes: Any, families: dict[str, list[Group]]) -> None:
    error = metrics.error("test")
    for number, (name, family) in enumerate(families.items()):
        points = [
            (100 * group.corruption, [100 * run.last(error) for run in group.runs])
            for group in family
        ]
        _with_bars(axes, points, style.series(number), f"(b, c) {name}")
    style.chance_line(axes, {group.classes for family in families.values() for group in family})
    axes.set_ylim(-3, 103)
    style.percent_axis(axes.yaxis)
    _corruption_axis(axes, "(c) replaced labels")
    axes.set_ylabel("test error")


def _with_bars(
    axes: Any, points: Sequence[tuple[float, Sequence[float]]], look: style.Style, label: str
) -> None:
    """Means of the values at each place, with bars from the lowest to the highest."""
    means = [statistics.fmean(values) for _, values in points]
    # The mean of equal numbers may be rounded to another.
    below = [max(0.0, mean - min(values)) for mean, (_, values) in zip(means, points)]
    above = [max(0.0, max(values) - mean) for mean, (_, values) in zip(means, points)]
    places = [place for place, _ in points]
    axes.errorbar(places, means, yerr=[below, above], capsize=3, label=label, **look.line(1))


def _corruption_axis(axes: Any, title: str) -> None:
    axes.set_xlim(-4, 104)
    style.percent_axis(axes.xaxis)
    axes.set_xlabel(title)
