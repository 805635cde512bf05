"""Puts a profile together from what was measured."""

from __future__ import annotations

from jobflows.chunking.asked import Asked
from jobflows.chunking.decision import Decision, Known, Machine
from jobflows.chunking.machine.cores import logical_cores, physical_cores
from jobflows.chunking.options import StartMethod
from jobflows.chunking.profile import UNEVEN, DiagnosticProfile
from jobflows.chunking.sample import Sample

MUCH_IPC = 0.5
"""Share of the time of a run that results may take to cross processes before it is worth a word."""


def profile_of(  # noqa: PLR0917 - one caller
    known: Known,
    sample: Sample,
    machine: Machine,
    decision: Decision,
    asked: Asked,
    method: StartMethod,
) -> DiagnosticProfile:
    """All of it in one value."""
    items, size = known.items, sample.return_bytes
    variation = sample.variation
    transport = None
    if sample.send is not None and sample.receive is not None:
        transport = sample.send + sample.receive
    advice = list(recommendations(sample))
    if decision.seconds and decision.ipc > MUCH_IPC * decision.seconds:
        advice.append(
            "results take longer to cross processes than to compute: return less, or write large "
            "results where the next step reads them"
        )
    if variation is not None and variation >= UNEVEN:
        advice.append(
            "items differ much: if you know which take long, Options(cost=...) begins with those"
        )
    return DiagnosticProfile(
        avg_execution_time=sample.mean,
        avg_pickle_time=transport,
        avg_data_pickle_time=sample.input_seconds,
        return_size_bytes=size,
        data_size_bytes=sample.input_bytes,
        peak_memory_bytes=sample.grown,
        sample_count=sample.count,
        is_picklable=not sample.not_sendable,
        coefficient_of_variation=variation,
        cpu_time_ratio=None if sample.waiting_share is None else 1 - sample.waiting_share,
        total_items=items,
        estimated_serial_time=None if items is None else decision.serial_seconds,
        estimated_result_memory=None if items is None or size is None else items * size,
        physical_cores=physical_cores(),
        logical_cores=logical_cores(),
        usable_cores=machine.cores,
        cpu_quota=machine.quota,
        spawn_cost=machine.start_once + machine.start,
        spawn_cost_measured=asked.measures_spawn,
        chunking_overhead=machine.claim,
        chunking_overhead_measured=asked.measures_claims,
        available_memory=machine.available_memory,
        multiprocessing_start_method=method,
        max_workers_cpu=decision.most_by_cpu,
        max_workers_memory=decision.most_by_memory,
        executor_type=decision.kind,
        n_jobs=decision.n_jobs,
        optimal_chunksize=decision.chunksize,
        target_chunk_duration=asked.target_chunk_duration,
        rejection_reasons=decision.rejections,
        constraints=decision.constraints,
        recommendations=tuple(advice),
        overhead_spawn=decision.spawn,
        overhead_ipc=decision.ipc,
        overhead_chunking=decision.chunking,
        parallel_compute_time=decision.compute,
        theoretical_max_speedup=float(
            decision.n_jobs
            if decision.kind == "thread" or machine.quota is None
            else max(1.0, min(decision.n_jobs, machine.quota))
        ),
        estimated_speedup=decision.speedup,
    )


def recommendations(sample: Sample) -> list[str]:
    """What everybody should know, profile or not."""
    found = []
    if sample.failed is not None:
        found.append(f"{sample.failed} (raised again by execute())")
    if sample.warm_up is not None:
        found.append(
            f"the first call took {sample.warm_up:.2g} s, far longer than the others: it is taken "
            "for what the function does only once"
        )
    return found
