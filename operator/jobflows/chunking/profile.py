"""All that is known of a function, its items and the machine, and how the decision came about.

The names are those of Amorsize. Times are in seconds, sizes are in bytes, and what was not measured
is None: nothing in here is made up.
"""

from __future__ import annotations

from dataclasses import dataclass

from jobflows.chunking.profile_text import explain

CPU_BOUND = 0.8
IO_BOUND = 0.5
HETEROGENEOUS = 0.5
UNEVEN = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosticProfile:
    """What `optimize(..., profile=True)` gives as `result.profile`."""

    # the items
    avg_execution_time: float | None
    avg_pickle_time: float | None
    """To pickle a result and to read it again."""
    avg_data_pickle_time: float | None
    """To pickle an item. It is only done where workers cannot inherit items."""
    return_size_bytes: int | None
    data_size_bytes: int | None
    peak_memory_bytes: int | None
    """By which resident memory rose while items ran; workers need about that much each."""
    sample_count: int
    """Items that were timed."""
    is_picklable: bool
    """Whether results can be sent between processes."""
    coefficient_of_variation: float | None
    """Standard deviation of an item's time over its mean."""
    cpu_time_ratio: float | None
    """Share of an item's time in which it had a core, or was ready and waited for one."""
    total_items: int | None
    estimated_serial_time: float | None
    estimated_result_memory: int | None
    # the machine
    physical_cores: int
    logical_cores: int
    usable_cores: int
    """Cores that affinity and CPU quota leave to this process."""
    cpu_quota: float | None
    spawn_cost: float
    """To start a worker; measured if `spawn_cost_measured`, else usual on this system."""
    spawn_cost_measured: bool
    chunking_overhead: float
    """To take items once."""
    chunking_overhead_measured: bool
    available_memory: int
    multiprocessing_start_method: str
    # the decision
    max_workers_cpu: int
    max_workers_memory: int | None
    """None: nothing was seen to grow."""
    executor_type: str
    n_jobs: int
    optimal_chunksize: int
    target_chunk_duration: float
    rejection_reasons: tuple[str, ...]
    constraints: tuple[str, ...]
    recommendations: tuple[str, ...]
    # the prediction
    overhead_spawn: float
    """Seconds of the run in which workers start."""
    overhead_ipc: float
    overhead_chunking: float
    parallel_compute_time: float
    theoretical_max_speedup: float
    estimated_speedup: float

    @property
    def workload_type(self) -> str:
        """cpu_bound, io_bound, mixed, or unknown: it took too little time to tell."""
        ratio = self.cpu_time_ratio
        if ratio is None:
            return "unknown"
        if ratio > CPU_BOUND:
            return "cpu_bound"
        return "io_bound" if ratio < IO_BOUND else "mixed"

    @property
    def is_heterogeneous(self) -> bool | None:
        """Whether items differ much in their time; None if that is not known."""
        variation = self.coefficient_of_variation
        return None if variation is None else variation > HETEROGENEOUS

    @property
    def speedup_efficiency(self) -> float:
        """Share of the theoretical speedup that is expected."""
        return self.estimated_speedup / self.theoretical_max_speedup

    def get_overhead_breakdown(self) -> dict[str, float]:
        """Percent of all overhead that is `spawn`, `ipc` and `chunking`; 0 without any."""
        parts = {
            "spawn": self.overhead_spawn,
            "ipc": self.overhead_ipc,
            "chunking": self.overhead_chunking,
        }
        total = sum(parts.values())
        return {name: 100 * part / total if total else 0.0 for name, part in parts.items()}

    def explain_decision(self) -> str:
        """Return a report for people."""
        return explain(self)
