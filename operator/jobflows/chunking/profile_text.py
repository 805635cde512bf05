"""A profile as a report for people, in the layout of Amorsize's guide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobflows.chunking.profile import DiagnosticProfile

WIDTH = 70
UNKNOWN = "not measured"
MUCH_VARIATION = 0.7
SOME_VARIATION = 0.3


def explain(profile: DiagnosticProfile) -> str:
    """Return the report."""
    lines = ["=" * WIDTH, "JOBFLOW DIAGNOSTIC PROFILE", "=" * WIDTH]
    sections = (
        ("WORKLOAD ANALYSIS", _workload(profile)),
        ("SYSTEM RESOURCES", _system(profile)),
        ("OPTIMIZATION DECISION", _decision(profile)),
        ("PERFORMANCE PREDICTION", _prediction(profile)),
    )
    for number, (title, rows) in enumerate(sections, 1):
        lines += ["", f"[{number}] {title}", "-" * WIDTH]
        lines += [f"  {name:<25} {value}".rstrip() for name, value in rows]
    for title, texts in (
        ("REASONS AGAINST WORKERS", profile.rejection_reasons),
        ("CONSTRAINTS", profile.constraints),
        ("RECOMMENDATIONS", profile.recommendations),
    ):
        if texts:
            lines += ["", title, "-" * WIDTH, *(f"  - {text}" for text in texts)]
    return "\n".join(lines)


def seconds(value: float | None) -> str:
    """A time with the unit that suits it."""
    if value is None:
        return UNKNOWN
    if value >= 60:
        return f"{int(value // 60)}m {value % 60:.1f}s"
    if value >= 1:
        return f"{value:.2f}s"
    return f"{value * 1e3:.3g}ms" if value >= 1e-4 else f"{value * 1e6:.3g}µs"


def size(value: int | None) -> str:
    """A number of bytes with the unit that suits it."""
    if value is None:
        return UNKNOWN
    number = float(value)
    for unit in ("B", "KB", "MB"):
        if number < 1024:
            return f"{value}B" if unit == "B" else f"{number:.2f}{unit}"
        number /= 1024
    return f"{number:.2f}GB"


Rows = Iterator[tuple[str, str]]


def _workload(profile: DiagnosticProfile) -> Rows:
    yield "Function execution time:", _each(profile.avg_execution_time)
    yield "Input pickle overhead:", _each(profile.avg_data_pickle_time)
    yield "Output pickle overhead:", _each(profile.avg_pickle_time)
    yield "Input data size:", size(profile.data_size_bytes)
    yield "Return object size:", size(profile.return_size_bytes)
    yield "Peak memory per call:", size(profile.peak_memory_bytes)
    yield "Workload variability:", _variation(profile.coefficient_of_variation)
    ratio = profile.cpu_time_ratio
    share = "" if ratio is None else f" (CPU utilization: {ratio:.1%})"
    yield "Workload type:", profile.workload_type.replace("_", "-") + share
    total = profile.total_items
    yield "Total items to process:", "unknown" if total is None else str(total)
    yield "Estimated serial time:", seconds(profile.estimated_serial_time)


def _system(profile: DiagnosticProfile) -> Rows:
    yield "Physical CPU cores:", str(profile.physical_cores)
    yield "Logical CPU cores:", str(profile.logical_cores)
    quota = profile.cpu_quota
    limit = "" if quota is None else f" (CPU quota: {quota:g})"
    yield "Usable CPU cores:", f"{profile.usable_cores}{limit}"
    yield "Available memory:", size(profile.available_memory)
    yield "Start method:", profile.multiprocessing_start_method
    how = "" if profile.spawn_cost_measured else " (estimated)"
    yield "Process spawn cost:", f"{seconds(profile.spawn_cost)} per worker{how}"
    how = "" if profile.chunking_overhead_measured else " (estimated)"
    yield "Chunking overhead:", f"{seconds(profile.chunking_overhead)} per chunk{how}"


def _decision(profile: DiagnosticProfile) -> Rows:
    yield "Executor:", f"{profile.executor_type}, {profile.n_jobs} at work"
    yield "Max workers (CPU limit):", str(profile.max_workers_cpu)
    most = profile.max_workers_memory
    yield "Max workers (RAM limit):", "no limit seen" if most is None else str(most)
    yield "Optimal chunksize:", str(profile.optimal_chunksize)
    yield "Target chunk duration:", f"{profile.target_chunk_duration * 1e3:.1f}ms"


def _prediction(profile: DiagnosticProfile) -> Rows:
    yield "Theoretical max speedup:", f"{profile.theoretical_max_speedup:.2f}x"
    yield "Estimated actual speedup:", f"{profile.estimated_speedup:.2f}x"
    yield "Parallel efficiency:", f"{profile.speedup_efficiency:.1%}"
    yield "", ""
    yield "Time breakdown (parallel execution):", ""
    yield "  Computation:", seconds(profile.parallel_compute_time)
    yield "  Process spawn:", seconds(profile.overhead_spawn)
    yield "  IPC/Pickle:", seconds(profile.overhead_ipc)
    yield "  Task distribution:", seconds(profile.overhead_chunking)
    yield "", ""
    yield "Overhead distribution:", ""
    for name, percent in profile.get_overhead_breakdown().items():
        title = "IPC" if name == "ipc" else name.capitalize()
        yield f"  {title}:", f"{percent:.1f}%"


def _each(value: float | None) -> str:
    return UNKNOWN if value is None else f"{seconds(value)} per item"


def _variation(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    word = "heterogeneous" if value >= MUCH_VARIATION else "moderate"
    return f"CV={value:.2f} ({'homogeneous' if value < SOME_VARIATION else word})"
