"""Plots for the page: SVG without a background, in tones that are seen on white and on black."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

GREY, BLUE, ORANGE, GREEN = "#7d8590", "#3b8eea", "#d9822b", "#2e9e5b"
STYLE: Any = {
    "svg.fonttype": "none",  # text stays text, in the reader's own font
    "svg.hashsalt": "jobflow",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": GREY,
    "axes.labelcolor": GREY,
    "axes.edgecolor": GREY,
    "axes.titlesize": 10,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": GREY,
    "grid.alpha": 0.25,
    "legend.frameon": False,
}
Object = Mapping[str, Any]


def course(file: Path, title: str, samples: Sequence[Object], flows: int) -> None:
    """How far a run has come, and what it took, by time."""
    at = [s["at"] for s in samples]
    with mpl.rc_context(STYLE):
        figure, (done, cpu, memory) = plt.subplots(3, 1, figsize=(7, 5.4), sharex=True)
        done.plot(at, [s["done"] for s in samples], color=GREEN)
        _face(done, f"{title}: flows that are over, of {flows:,}", "flows")
        cpu.plot(at[1:], _rates(samples, "plane_cpu"), color=ORANGE, label="control plane")
        cpu.plot(at[1:], _rates(samples, "cpu"), color=BLUE, label="operator")
        cpu.legend(loc="lower right", ncols=2, bbox_to_anchor=(1.0, 0.95))
        _face(cpu, "CPU", "cores")
        memory.plot(at, [s["mib"] for s in samples], color=BLUE)
        _face(memory, "Memory of the operator", "MiB")
        memory.set_xlabel("seconds")
        _save(file)
        plt.close(figure)


def bars(file: Path, title: str, unit: str, values: Mapping[str, Mapping[str, float]]) -> None:
    """p50, p95 and p99 of each scenario, on a scale of tens."""
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(7, 0.8 + 0.55 * len(values)))
        for offset, (name, tone) in enumerate((("p99", GREY), ("p95", ORANGE), ("p50", BLUE))):
            places = [place + 0.26 * (1 - offset) for place in range(len(values))]
            widths = [max(v.get(name, 0.0), 1e-3) for v in values.values()]
            axes.barh(places, widths, height=0.24, color=tone, label=name)
        axes.set_yticks(range(len(values)), list(values))
        axes.invert_yaxis()
        axes.set_xscale("log")
        axes.set_xlabel(unit)
        axes.set_title(title, loc="left")
        axes.grid(visible=False, axis="y")
        axes.legend(loc="best")
        _save(file)
        plt.close(figure)


def memory(file: Path, title: str, hours: Sequence[float], kib: Sequence[float]) -> None:
    """What is held over a long time."""
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(7, 2.4))
        axes.plot(hours, kib, color=BLUE, marker="o", markersize=3)
        _face(axes, title, "KiB")
        axes.set_xlabel("hours")
        _save(file)
        plt.close(figure)


def _face(axes: Axes, title: str, unit: str) -> None:
    axes.set_title(title, loc="left")
    axes.set_ylabel(unit)
    axes.set_ylim(bottom=0)


def _rates(samples: Sequence[Object], what: str) -> list[float]:
    return [
        max(0.0, (b[what] - a[what]) / max(1e-3, b["at"] - a["at"])) for a, b in pairwise(samples)
    ]


def _save(file: Path) -> None:
    plt.tight_layout()
    plt.savefig(file, format="svg", transparent=True, metadata={"Date": None})
