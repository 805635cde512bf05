"""Pictures of a validation. The only module that needs matplotlib, the extra `plot`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

try:
    from matplotlib.figure import Figure
except ImportError as error:  # pragma: no cover - tests have it
    raise ImportError(
        "matplotlib is needed to draw: install it, or jobflows with its extra: 'jobflows[plot]'"
    ) from error

if TYPE_CHECKING:
    from jobflows.chunking.validating import Measurement, ValidationReport

SIZE = (7.0, 4.2)
"""Inches."""
DOTS = 150
"""An inch."""
PARTS = {
    "compute": ("in the function", "#2f6f9f"),
    "spawn": ("starting workers", "#e0a030"),
    "chunking": ("taking items", "#c0504d"),
    "ipc_and_idle": ("results on their way, idle", "#c9ced3"),
}


def draw_speedup(report: ValidationReport, path: str | os.PathLike[str] | None) -> Figure:
    """Speedup over workers, with the line that nobody can be above."""
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.add_subplot()
    workers = sorted({one.n_jobs for one in (*report.measurements, report.chosen)})
    axes.plot(workers, workers, linestyle="--", color="#9aa3ab", label="ideal")
    alone = [one for one in report.measurements if one.n_jobs == 1]
    sizes = {one.chunksize for one in report.measurements if one.n_jobs > 1} or {None}
    for size in sorted(sizes, key=lambda one: one or 0):
        of_size = [one for one in report.measurements if one.chunksize == size and one.n_jobs > 1]
        line = sorted([*alone, *of_size], key=lambda one: one.n_jobs)
        axes.plot(
            [one.n_jobs for one in line],
            [report.speedup(one) for one in line],
            marker="o",
            label=f"chunksize {'by time' if size is None else size}",
        )
    axes.plot(
        [report.chosen.n_jobs],
        [report.actual_speedup],
        marker="*",
        markersize=14,
        linestyle="none",
        color="#222222",
        label=f"recommended (predicted {report.predicted_speedup:.2f}x)",
    )
    axes.set_xlabel("workers")
    axes.set_ylabel("speedup against serial")
    axes.set_xticks(workers)
    axes.set_ylim(bottom=0)
    axes.set_title(f"Speedup, {report.items} items")
    axes.grid(alpha=0.3)
    axes.legend()
    return _saved(figure, path)


def draw_overhead(report: ValidationReport, path: str | os.PathLike[str] | None) -> Figure:
    """A bar for each configuration: what its workers do with their time."""
    shown: list[tuple[str, Measurement]] = [(one.name, one) for one in report.measurements]
    shown.append((f"recommended: {report.chosen.n_jobs}", report.chosen))
    figure = Figure(figsize=(SIZE[0], 1.6 + 0.4 * len(shown)), layout="constrained")
    axes = figure.add_subplot()
    names = [name for name, _ in shown]
    shares = [report.overhead_breakdown(one) for _, one in shown]
    left = [0.0] * len(shown)
    for part, (label, color) in PARTS.items():
        widths = [share[part] for share in shares]
        axes.barh(names, widths, left=left, label=label, color=color)
        left = [begin + width for begin, width in zip(left, widths, strict=True)]
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("percent of the workers' time")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    axes.set_title(f"Where time goes, {report.items} items")
    return _saved(figure, path)


def _saved(figure: Figure, path: str | os.PathLike[str] | None) -> Figure:
    if path is not None:
        figure.savefig(path, dpi=DOTS)
    return figure
