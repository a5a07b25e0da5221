"""Tables and chart of docs/performance.md from docs/performance.json.

`cpu.py`, `binary_layers.py` and `roofline.py` write that file.

    python benchmarks/render.py

Replaces what stands between the markers in docs/performance.md, and draws docs/performance.svg.
"""

from __future__ import annotations

from pathlib import Path

import record

PROJECT = Path(__file__).resolve().parent.parent
DOCUMENT = PROJECT / "docs" / "performance.md"
CHART = PROJECT / "docs" / "performance.svg"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"

NAMES = {"cifar10": "CIFAR-10", "svhn": "SVHN"}
TITLES = {
    "step": "Training step, batch 50",
    "settings": "What the settings of the process do to a training step",
    "testing": "Testing, each side at the batch size that suits it",
    "epoch": "A fiftieth of an epoch, all testing included",
    "evaluation": "Evaluation of 7,000 images",
    "compile": "Compiling both functions, and the first calls",
    "memory": "Peak resident memory, full-size data set",
}
COLOURS = ("#0072B2", "#999999", "#D55E00", "#E69F00", "#009E73", "#CC79A7")


def main() -> None:
    machines = list(reversed(record.load().values()))
    lines = [line for results in machines for line in of_machine(results)]
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    body = "\n".join(lines)
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{body}\n{END}{after}", encoding="utf-8")
    draw(machines[0])


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
    if "layers" in results:
        lines += ["### The binary layers of the CIFAR-10 network, forward", ""]
        lines += ["`python benchmarks/binary_layers.py`", "", *results["layers"], ""]
    if "roofline" in results:
        lines += ceilings(results["roofline"])
    return lines


def comparison(kind: str, network: str, result: dict, option: str) -> list[str]:
    """The table of one measurement; `option` is the command's."""
    lines = [
        f"### {TITLES[kind]}: {NAMES[network]} network",
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


def draw(results: dict) -> None:
    """How many times faster ours is than each other side, a group of bars per measurement."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    kinds = [key for key in results if key.split()[0] in ("step", "testing", "epoch", "evaluation")]
    sides = list(dict.fromkeys(name for key in kinds for name in list(results[key]["ratios"])[1:]))
    figure, axes = plt.subplots(figsize=(8, 0.6 + 0.75 * len(kinds)), layout="constrained")
    height = 0.8 / len(sides)
    for number, side in enumerate(sides):
        positions, speedups = [], []
        for row, key in enumerate(kinds):
            times = advantage(results[key], side) if side in results[key]["ratios"] else None
            if times is not None:
                positions.append(row + (number - (len(sides) - 1) / 2) * height)
                speedups.append(times)
        bars = axes.barh(
            positions, speedups, height, color=COLOURS[number + 1], label=f"than {side}"
        )
        axes.bar_label(bars, fmt="%.1f", padding=2, fontsize=8)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(
        range(len(kinds)), [f"{key.split()[0]}, {NAMES[key.split()[1]]}" for key in kinds]
    )
    axes.invert_yaxis()
    axes.set_xlabel("how many times faster this project is")
    axes.legend(frameon=False, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(CHART, metadata={"Date": None})


if __name__ == "__main__":
    main()
