"""Tables and chart of docs/performance.md from docs/performance.json.

`cpu.py`, `binary_layers.py` and `roofline.py` write that file.

    python benchmarks/render.py

Replaces what stands between the markers in docs/performance.md, and draws docs/performance.svg.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import inputs
import record

from memorization.report import style

PROJECT = Path(__file__).resolve().parent.parent
DOCUMENT = PROJECT / "docs" / "performance.md"
CHART = PROJECT / "docs" / "performance.svg"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"

NAMES = {
    "cifar10": "CIFAR-10 network",
    "svhn": "SVHN network",
    "quarter": "CIFAR-10 network at a quarter of its width",
    "mlp": "perceptron 32-32-32-32-10",
}
TITLES = {
    "step": "Training step, batch 50",
    "small": "Training step on one thread",
    "settings": "What the settings of the process do to a training step",
    "testing": "Testing, each side at the batch size that suits it",
    "epoch": "A fiftieth of an epoch, all testing included",
    "evaluation": "Evaluation of 7,000 images",
    "compile": "Compiling both functions, and the first calls",
    "memory": "Peak resident memory, full-size data set",
}
# Of the measurements in the chart, in its order.
MEASURED = {
    "step": "training step",
    "testing": "testing",
    "evaluation": "evaluation",
    "epoch": "epoch",
}
# Told apart without colours, too.
LOOKS = tuple(
    {"color": colour, "hatch": hatch, "edgecolor": style.BLACK, "linewidth": 0.6}
    for colour, hatch in (
        (style.GREY, None),
        (style.ORANGE, None),
        ("#FFFFFF", "////"),
        (style.SKY_BLUE, "...."),
        (style.BLUE, None),
        ("#FFFFFF", "xxxx"),
        (style.PURPLE, "\\\\"),
    )
)


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    machines = _newest_first(record.load())
    lines = [line for results in machines for line in of_machine(results)]
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    body = "\n".join(lines)
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{body}\n{END}{after}", encoding="utf-8")
    draw(next(filter(_is_for_the_chart, machines), machines[0]))


def _newest_first(recorded: dict) -> list[dict]:
    """The results of the newest machine first, and what it is held to after all that it has."""
    machines = list(reversed(recorded.values()))
    processors = [results["machine"]["processor"] for results in machines]
    return sorted(
        machines,
        key=lambda results: (
            processors.index(results["machine"]["processor"]),
            results["machine"]["held_to_avx2"],
        ),
    )


def of_machine(results: dict) -> list[str]:
    """The section of one machine's results."""
    machine = results["machine"]
    lines = [
        f"## {record.name_of(machine)}",
        "",
        f"{', '.join(machine['instructions'])}; Python {machine['python']}, "
        f"numpy {machine['numpy']}, Theano {machine['theano']}, PyTorch {machine['torch']}.",
        "",
    ]
    option = " --held-to-avx2" if machine["held_to_avx2"] else ""
    for kind in TITLES:
        for network in NAMES:
            if f"{kind} {network}" in results:
                lines += comparison(kind, network, results[f"{kind} {network}"], option)
    for network in NAMES:
        if f"whole run {network}" in results:
            lines += whole_runs(network, results[f"whole run {network}"])
    for network in NAMES:
        if f"scaling {network}" in results:
            lines += scaling(network, results[f"scaling {network}"])
    if "layers" in results:
        lines += ["### The binary layers of the CIFAR-10 network, forward", ""]
        lines += ["`python benchmarks/binary_layers.py`", "", *results["layers"], ""]
    if "roofline" in results:
        lines += ceilings(results["roofline"])
    return lines


def comparison(kind: str, network: str, result: dict, option: str) -> list[str]:
    """The table of one measurement; `option` is the command's."""
    lines = [
        f"### {TITLES[kind]}: {NAMES[network]}",
        "",
        f"`python benchmarks/cpu.py --only {kind} --networks {network}{option}`",
        "",
        f"| side | median, {result['unit']} | quartiles | ours is better by |",
        "|---|---|---|---|",
    ]
    for name, (first, median, third) in result["quartiles"].items():
        batch = result.get("batch_sizes", {}).get(name)
        label = name + result.get("formats", {}).get(name, "") + (f", batch {batch}" * bool(batch))
        told = advantage(result, name)
        lines.append(
            f"| {label} | {median:.4g} | {first:.4g} to {third:.4g} "
            f"| {'noise' if told is None else format(told, '.2f')} |"
        )
    return [*lines, ""]


def advantage(result: dict, side: str) -> float | None:
    """How many times better ours is: less time or memory, more images a second; None for noise."""
    ratio = result["ratios"][side]
    if ratio is None:
        return None
    return 1 / ratio if result["unit"] == "images/s" else ratio


def whole_runs(network: str, result: dict) -> list[str]:
    """The table of runs to a training error, and the figure of their curves."""
    start, end = result["learning_rates"]
    options = f"--images {result['images']} --runs {len(result['curves'][inputs.OURS])} "
    options += f"--epochs {result['epochs']} --lr-start {start:g} --lr-fin {end:g}"
    options += "" if inputs.COMPILED in result["curves"] else " --without-float32"
    lines = [
        f"### Until {result['goal']:.0%} training error, {result['images']:,} random labels: "
        f"{NAMES[network]}",
        "",
        f"`python benchmarks/whole_run.py --data FOLDER --network {network} {options}`",
        "",
        "| side | epochs | seconds |",
        "|---|---|---|",
    ]
    for name, curves in result["curves"].items():
        epochs = ", ".join(
            str(len(curve)) if curve[-1][1] <= result["goal"] else f"not in {len(curve)}"
            for curve in curves
        )
        seconds = ", ".join(f"{curve[-1][0]:.0f}" for curve in curves)
        lines.append(f"| {name} | {epochs} | {seconds} |")
    picture = f"whole_run_{network}"
    with style.drawing(8.0, 2.8) as figure:
        for axes, of_time in zip(figure.subplots(1, 2, sharey=True), (False, True)):
            for number, (name, curves) in enumerate(result["curves"].items()):
                for run, curve in enumerate(curves):
                    places = [s if of_time else n for n, (s, _) in enumerate(curve, 1)]
                    errors = [100 * error for _, error in curve]
                    look = style.series(number).line(len(places))
                    axes.plot(places, errors, label=None if run else name, **look)
            axes.set_xlabel("seconds from the start of the process" if of_time else "epoch")
        style.percent_axis(axes.yaxis)
        figure.axes[0].set_ylabel("training error")
        figure.axes[0].legend(fontsize=7.5)
        style.save(figure, DOCUMENT.parent / picture, ("svg",))
    return [*lines, "", f"![Training error against epochs and seconds]({picture}.svg)", ""]


def scaling(network: str, result: dict) -> list[str]:
    """The table of a training step by threads: what was measured, and the estimates."""
    lines = [
        f"### A training step by threads, batch 50: {NAMES[network]}",
        "",
        f"`python benchmarks/scaling.py --networks {network}`",
        "",
        f"By these times {result['serial']:.3f} s of a step are not shared by threads; what its "
        f"Ops read and write takes {result['memory']:.3f} s of this machine's memory. The rows of "
        "more cores are estimates from these two numbers: such a machine was not at hand.",
        "",
        "| cores | seconds | |",
        "|---|---|---|",
    ]
    for threads, (first, median, third) in result["quartiles"].items():
        lines.append(f"| {threads} | {median:.4g} | measured, {first:.4g} to {third:.4g} |")
    for cores, (least, most) in result["estimates"].items():
        lines.append(
            f"| {cores} | {least:.2g} to {most:.2g} "
            "| estimated: memory never waited for; memory as fast as here |"
        )
    return [*lines, ""]


LIMITS = {
    "popcount_gmac": "XNOR and population count",
    "lookup_gmac": "table lookup",
    "multiply_add_gmac": "multiply-add",
    "memory_gb": "memory",
}


def ceilings(roofline: dict) -> list[str]:
    """The table of the kernels, each beside the ceiling that bounds it."""
    measured = roofline["ceilings"]
    lines = [
        "### Each kernel against the machine's ceilings, batch 50",
        "",
        "`python benchmarks/roofline.py`",
        "",
        f"Ceilings in registers, in 1e9 multiply-adds a second: XNOR and population count "
        f"{measured['popcount_gmac']:.0f}, table lookups {measured['lookup_gmac']:.0f}, float "
        f"multiply-adds {measured['multiply_add_gmac']:.0f} (a float matrix product reaches "
        f"{measured['sgemm_gmac']:.0f}). Memory: {measured['memory_gb']:.0f} GB/s.",
        "",
        "| kernel | bounded by | reached | ceiling | share |",
        "|---|---|---|---|---|",
    ]
    for row in roofline["kernels"]:
        lines.append(
            f"| {row['kernel']} | {LIMITS[row['ceiling']]} | {row['reached']:.0f} "
            f"| {row['limit']:.0f} | {row['share']:.2f} |"
        )
    return [*lines, ""]


def _is_for_the_chart(results: dict) -> bool:
    """Whether training and testing were measured, on all that the processor has."""
    measured = {name.partition(" ")[0] for name in results}
    return {"step", "testing"} <= measured and not results["machine"]["held_to_avx2"]


def draw(results: dict) -> None:
    """How many times faster ours is than each other side, a group of bars per measurement."""
    kinds = [key for key in results if key.split()[0] in MEASURED]
    kinds.sort(key=lambda key: list(MEASURED).index(key.split()[0]))
    sides = list(dict.fromkeys(name for key in kinds for name in list(results[key]["ratios"])[1:]))
    height = 0.8 / len(sides)
    with style.drawing(5.5, 1.3 + 0.2 * len(kinds) * len(sides)) as figure:
        axes = figure.subplots()
        for number, (side, look) in enumerate(zip(sides, LOOKS)):
            places = [row + (number - (len(sides) - 1) / 2) * height for row in range(len(kinds))]
            found = {
                place: advantage(results[key], side)
                for place, key in zip(places, kinds)
                if side in results[key]["ratios"]
            }
            told = {place: times for place, times in found.items() if times is not None}
            # From 1 on, since the axis is logarithmic: twice as slow is as long as twice as fast.
            lengths = [times - 1 for times in told.values()]
            bars = axes.barh(list(told), lengths, height, left=1, label=f"than {side}", **look)
            axes.bar_label(bars, [f"{times:.1f}" for times in told.values()], padding=2, fontsize=8)
            for place in found.keys() - told.keys():
                axes.text(1.03, place, "noise", va="center", fontsize=8, style="italic")
        axes.axvline(1, color=style.BLACK, linewidth=0.8)
        axes.set_xscale("log")
        axes.set_xlim(*_limits(axes))
        axes.set_xticks([n for n in (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if _within(axes, n)])
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.minorticks_off()
        names = [f"{MEASURED[key.split()[0]]},\n{NAMES[key.split()[1]]}" for key in kinds]
        axes.set_yticks(range(len(kinds)), names)
        axes.grid(False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(kinds) - 0.4, -0.6)
        axes.set_xlabel("how many times faster this project is (logarithmic)")
        axes.set_title(record.name_of(results["machine"]))
        figure.legend(loc="outside lower center", ncols=2, fontsize=8)
        style.save(figure, CHART.with_suffix(""), ("svg",))


def _limits(axes) -> tuple[float, float]:
    """Those of the bars, with room for what stands beside them."""
    low, high = axes.dataLim.intervalx
    return 0.8 * low, 1.35 * high


def _within(axes, number: float) -> bool:
    low, high = axes.get_xlim()
    return low <= number <= high


if __name__ == "__main__":
    main()
