"""Percentiles of what tasks used, and what is recommended: the numbers, without any run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobflows.api.validation import validate
from jobflows.usage import Samples, Usage, advise, of_attempts, with_advice
from unit.local.local_runs import document, step

MEBI = 1 << 20


@dataclass(frozen=True)
class Tried:
    """An attempt as it is stored."""

    step: str = "a"
    attempt: int = 1
    task: int | None = None
    phase: str = "Succeeded"
    cause: str = ""
    started: float = 0.0
    finished: float | None = 10.0
    peak_memory: int | None = 100 * MEBI
    cpu_seconds: float | None = 5.0
    memory: int | None = None
    measured_by: str = "runtime"


def too_large(limit: int, **fields: Any) -> Tried:
    """An attempt that ran out of memory at `limit` Mi."""
    cause = {"phase": "Failed", "cause": "OutOfMemory", "memory": limit * MEBI}
    return Tried(**{**cause, "peak_memory": None, **fields})


def test_percentiles_of_plain_samples_are_measured_values() -> None:
    samples = Samples(tuple(map(float, range(1, 101))))
    assert [samples.percentile(p) for p in (50, 90, 95, 99, 100)] == [50, 90, 95, 99, 100]
    assert Samples().percentile(50) is None


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=60), st.sampled_from([1, 50, 90, 99, 100]))
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(
    values: list[float], point: int
) -> None:
    found = Samples(tuple(values)).percentile(point)
    assert found is not None
    assert sum(v <= found for v in values) >= point / 100 * len(values) - 1e-6
    smaller = [v for v in values if v < found]
    assert not smaller or len(smaller) < point / 100 * len(values) + 1e-6


def test_what_was_cut_short_counts_as_larger_than_it_was_seen() -> None:
    samples = Samples(seen=(1.0, 2.0, 3.0), cut=(2.5,))
    assert samples.percentile(50) == 2.0
    assert samples.percentile(75) == 3.0  # of those still there at 3, all are
    beyond = Samples(seen=(1.0, 2.0), cut=(8.0, 8.0))
    assert (beyond.percentile(50), beyond.percentile(51)) == (2.0, None)
    assert beyond.share_above(2.0) == 0.5


@given(st.lists(st.floats(0, 100), max_size=20), st.lists(st.floats(0, 100), max_size=20))
def test_cutting_samples_short_never_lowers_a_percentile(
    seen: list[float], cut: list[float]
) -> None:
    whole, censored = Samples((*seen, *cut)), Samples(tuple(seen), tuple(cut))
    for point in (50, 90):
        found = censored.percentile(point)
        assert found is None or found >= (whole.percentile(point) or 0.0)


def test_a_task_counts_once_by_the_attempt_that_succeeded() -> None:
    tries = [too_large(64), Tried(attempt=2, started=20.0, finished=24.0), Tried(task=1)]
    (usage,) = of_attempts(tries, {"a": "a"})
    assert (usage.tasks, usage.attempts, usage.out_of_memory) == (2, 3, 1)
    assert usage.wall.seen == (4.0, 10.0)
    assert usage.cores.seen == (1.25, 0.5)
    assert (usage.memory.seen, usage.memory.cut) == ((100.0 * MEBI, 100.0 * MEBI), ())


def test_a_task_that_only_ran_out_of_memory_needs_more_than_it_had() -> None:
    (usage,) = of_attempts([too_large(64), too_large(128, attempt=2)], {"a": "a"})
    assert (usage.memory.seen, usage.memory.cut) == ((), (128.0 * MEBI,))
    assert usage.memory.percentile(50) is None


def test_what_was_not_measured_is_unknown_and_never_zero() -> None:
    tried = Tried(peak_memory=None, cpu_seconds=None)
    (usage,) = of_attempts([tried], {"a": "a"})
    advice = advise(usage, percentile=95, margin=0.1)
    assert (advice.memory, advice.cpu, advice.retries, advice.saved) == (None, None, None, None)
    assert advice.timeout == 60


def test_memory_is_a_percentile_with_a_margin_and_the_cost_is_told() -> None:
    needs = (100.0 * MEBI,) * 95 + (1000.0 * MEBI,) * 5
    usage = Usage(name="a", tasks=100, memory=Samples(needs), wall=Samples((10.0,) * 100))
    advice = advise(usage, percentile=95, margin=0.1)
    assert advice.memory == 110
    assert advice.retries == pytest.approx(0.05)
    assert advice.saved == pytest.approx(1 - (110 + 0.05 * 220) / 1100)
    careful = advise(usage, percentile=100, margin=0.1)
    assert (careful.memory, careful.retries, careful.saved) == (1100, 0.0, 0.0)


def test_the_advice_is_put_into_the_main_container_and_the_flow_stays_valid() -> None:
    flow = document(step("a"), step("b", dependencies=["a"]))
    flow["spec"]["steps"][0]["template"]["spec"]["template"]["spec"]["containers"][0][
        "resources"
    ] = {"limits": {"cpu": "100m", "memory": "8Mi"}, "requests": {"ephemeral-storage": "1Gi"}}
    needs = Samples((100.0 * MEBI,) * 9 + (500.0 * MEBI,))
    usage = Usage(name="a", memory=needs, wall=Samples((33.0,)), cores=Samples((0.5,)))
    made = with_advice(flow, {"a": advise(usage, percentile=90, margin=0.0)})
    assert validate(made) == []
    first = made["spec"]["steps"][0]
    container = first["template"]["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"] == {
        "limits": {"cpu": "500m", "memory": "100Mi"},
        "requests": {"ephemeral-storage": "1Gi", "memory": "100Mi", "cpu": "500m"},
    }
    assert first["timeoutSeconds"] == 66
    assert first["retryPolicy"] == {
        "limit": 0,  # as before: nothing else is tried again
        "resources": {"memory": {"factor": 2.0}},
        "onOutOfMemory": {"limit": 3},
    }
    assert made["spec"]["steps"][1] == flow["spec"]["steps"][1]
    assert flow["spec"]["steps"][0].get("timeoutSeconds") is None
