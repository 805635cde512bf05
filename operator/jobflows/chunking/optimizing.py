"""`optimize`: measures a few items, and says how the others are best run.

It is for those who want to see the decision, or to take it themselves. `execute` needs none of it:
a run measures as it goes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

from jobflows.chunking.asked import (
    MAX_SAMPLE_TIME,
    SAMPLE_SIZE,
    Asked,
    ExecutorType,
    Progress,
)
from jobflows.chunking.cache import Actuals, key_of
from jobflows.chunking.choice import free_threaded, start_method, try_to_send
from jobflows.chunking.decision import Known, Machine, decide
from jobflows.chunking.machine.cgroups import cpu_quota
from jobflows.chunking.machine.claim_cost import claim_cost
from jobflows.chunking.machine.cores import usable_cores
from jobflows.chunking.machine.memory import available_memory
from jobflows.chunking.machine.start_cost import fork_cost, forkserver_cost, spawn_cost
from jobflows.chunking.memory import resident_memory
from jobflows.chunking.options import CLAIM_SECONDS, Options, StartMethod
from jobflows.chunking.plan import FRESH_SECONDS, start_seconds
from jobflows.chunking.profiling import profile_of, recommendations
from jobflows.chunking.result import OptimizationResult
from jobflows.chunking.sample import Input, Sample, take

if TYPE_CHECKING:
    from jobflows.chunking.cache import Cache

CLAIM_COST = 3e-6
"""Seconds of a claim where nobody asked to measure it."""
ALIKE = 5
"""Items by whose likeness a cached measurement is found."""


def optimize(
    func: Callable[[Any], Any],
    data: Iterable[Any],
    *,
    sample_size: int = SAMPLE_SIZE,
    max_sample_time: float = MAX_SAMPLE_TIME,
    confidence_level: float | None = None,
    target_chunk_duration: float = CLAIM_SECONDS,
    use_spawn_benchmark: bool | None = None,
    use_chunking_benchmark: bool | None = None,
    max_workers: int | None = None,
    n_jobs: int | None = None,
    executor_type: ExecutorType = "auto",
    respect_memory_limit: bool = True,
    adjust_for_system_load: bool = False,
    profile: bool = False,
    enable_function_profiling: bool = False,
    cache: Cache | None = None,
    verbose: bool = False,
    progress_callback: Progress | None = None,
) -> OptimizationResult:
    """Measure some items of `data`, and return how to run `func` over all of them.

    The options are described at `Asked`. Items that were measured have been run: their results are
    in what is returned, whose `execute()` runs the others only. One that fails does so there, not
    here. Of an iterator the first items are read; `result.data` gives back all of them.

    Raises ValueError for an option that cannot be, and names it.
    """
    asked = Asked(
        sample_size=sample_size,
        max_sample_time=max_sample_time,
        confidence_level=confidence_level,
        target_chunk_duration=target_chunk_duration,
        use_spawn_benchmark=use_spawn_benchmark,
        use_chunking_benchmark=use_chunking_benchmark,
        max_workers=max_workers,
        n_jobs=n_jobs,
        executor_type=executor_type,
        respect_memory_limit=respect_memory_limit,
        adjust_for_system_load=adjust_for_system_load,
        profile=profile,
        enable_function_profiling=enable_function_profiling,
        cache=cache,
        verbose=verbose,
        progress_callback=progress_callback,
    )
    return optimize_as(func, data, asked)


def optimize_as(
    function: Callable[[Any], Any],
    data: Iterable[Any],
    asked: Asked,
    *,
    in_order: bool = False,
) -> OptimizationResult:
    """The same with options that were checked; `in_order`, the first items are measured."""
    tell = asked.progress_callback or _say_nothing
    say = _say if asked.verbose else _keep_quiet
    tell("sampling", 0.0)
    given = Input(data, in_order=in_order)
    key = _key(function, given, asked)
    found = asked.cache.get(key) if asked.cache is not None and key is not None else None
    if asked.cache is not None:
        say("Cache hit - using cached parameters" if found else "Cache miss - sampling items")
    sample = _remembered(found) if found else take(function, given, asked)
    if not found and asked.cache is not None and key is not None and sample.mean:
        asked.cache.put(key, _measured(sample))
    tell("measuring the machine", 0.5)
    method = start_method(Options())[0]
    machine = _machine(method, asked)
    known = _known(given, sample, _obstacle(function, given, sample, method))
    decision = decide(known, machine, asked)
    warnings = [*decision.warnings, *recommendations(sample)]
    if asked.cache is not None and key is None:
        warnings.append("not cached: the function holds a value that cannot be told from others")
    result = OptimizationResult(
        function=function,
        given=given,
        asked=asked,
        decision=decision,
        sample=sample,
        warnings=warnings,
        profile=profile_of(known, sample, machine, decision, asked, method)
        if asked.profile
        else None,
        cache_hit=found is not None,
        key=key,
    )
    _tell_all(say, sample, result)
    tell("done", 1.0)
    return result


def _key(function: Callable[[Any], Any], given: Input, asked: Asked) -> str | None:
    if asked.cache is None:
        return None
    return key_of(function, (item for _, item in islice(given.spread(), ALIKE)))


def _remembered(found: Actuals) -> Sample:
    return Sample(
        count=found.count,
        mean=found.mean,
        deviation=found.deviation,
        waiting_share=found.waiting_share,
        on_core=found.on_core,
        send=found.send,
        receive=found.receive,
        not_sendable=found.not_sendable,
        grown=found.grown,
    )


def _measured(sample: Sample) -> Actuals:
    return Actuals(
        count=sample.count,
        mean=sample.mean or 0.0,
        deviation=sample.deviation,
        waiting_share=sample.waiting_share,
        on_core=sample.on_core,
        send=sample.send or 0.0,
        receive=sample.receive or 0.0,
        not_sendable=sample.not_sendable,
        grown=sample.grown,
    )


def _machine(method: StartMethod, asked: Asked) -> Machine:
    cores = usable_cores()
    forked = method == "fork"
    each = start_seconds(1, resident_memory(), forked=True) if forked else 0.0
    once = 0.0 if forked else FRESH_SECONDS
    if asked.measures_spawn:
        each = fork_cost() if forked else forkserver_cost() if method == "forkserver" else 0.0
        once = 0.0 if forked else spawn_cost()
    return Machine(
        cores=cores,
        quota=cpu_quota(),
        free=_room(cores) if asked.adjust_for_system_load else cores,
        available_memory=available_memory(),
        start=each,
        start_once=once,
        claim=claim_cost() if asked.measures_claims else CLAIM_COST,
        parallel_threads=free_threaded(),
    )


def _room(cores: int) -> int:
    from jobflows.chunking.system_info import (  # noqa: PLC0415 - only if asked for
        calculate_load_aware_workers,
    )

    return calculate_load_aware_workers(cores)


def _obstacle(
    function: Callable[[Any], Any], given: Input, sample: Sample, method: StartMethod
) -> str:
    """Why not everything can be sent between processes, if so."""
    known = next(given.spread(), None)
    if sample.not_sendable or known is None:
        return sample.not_sendable
    try:
        try_to_send(function, known[1], method, forked=given.sequence is not None)
    except Exception as error:  # noqa: BLE001 - whatever their own pickling raises
        return str(error)
    return ""


def _known(given: Input, sample: Sample, obstacle: str) -> Known:
    return Known(
        items=given.length(),
        measured=len(sample.kept),
        mean=sample.mean,
        waiting_share=sample.waiting_share,
        on_core=sample.on_core,
        send=sample.send or 0.0,
        receive=sample.receive or 0.0,
        not_sendable=obstacle,
        grown=sample.grown,
    )


def _tell_all(say: Callable[[str], None], sample: Sample, result: OptimizationResult) -> None:
    if sample.mean is not None:
        say(f"Function execution time: {sample.mean * 1e3:.3f}ms per item ({sample.count} items)")
    if sample.input_seconds is not None:
        say(f"Input pickle overhead: {sample.input_seconds * 1e3:.3f}ms per item")
    if sample.send is not None and sample.receive is not None:
        say(f"Output pickle overhead: {(sample.send + sample.receive) * 1e3:.3f}ms per item")
    for text in (*result.decision.constraints, *result.warnings):
        say(text)
    say(f"{result!r}: {result.reason}")


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _keep_quiet(text: str) -> None:
    """Nobody asked."""


def _say_nothing(phase: str, share: float) -> None:
    """Nobody asked."""
