"""Models of caches, nodes and bandwidth: what must hold of them, and refusals."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobflows.chunking.cost_model import (
    CacheInfo,
    NumaInfo,
    detect_system_topology,
    estimate_cache_coherency_overhead,
    estimate_memory_bandwidth_saturation,
    measure_memory_bandwidth,
)

EIGHT_SHARE_16_MIB = CacheInfo(l1_size=32 << 10, l2_size=1 << 20, l3_size=16 << 20, l3_cpus=8)
ONE_NODE = NumaInfo(cores_per_node=8)
TWO_NODES = NumaInfo(has_numa=True, numa_nodes=2, cores_per_node=4, remote_penalty=2.1)


def _overhead(n_jobs: int, data: int, numa: NumaInfo = ONE_NODE) -> float:
    return estimate_cache_coherency_overhead(n_jobs, data, EIGHT_SHARE_16_MIB, numa)


def test_data_that_fits_beside_each_other_costs_nothing() -> None:
    assert _overhead(8, 1024) == 1
    assert _overhead(8, 2 << 20) == 1


def test_data_that_only_fits_alone_comes_from_memory() -> None:
    assert _overhead(1, 16 << 20) == 1
    assert _overhead(2, 16 << 20) == pytest.approx(1.5)
    assert _overhead(8, 16 << 20) == pytest.approx(1 + 7 / 8)


def test_data_that_never_fits_is_no_worse_in_company() -> None:
    assert _overhead(8, 64 << 30) == pytest.approx(1, abs=0.001)


def test_memory_of_another_node_is_farther() -> None:
    assert _overhead(4, 64 << 30, TWO_NODES) == _overhead(4, 64 << 30)
    assert _overhead(8, 64 << 30, TWO_NODES) == pytest.approx(1 + 0.5 * 1.1, abs=0.001)
    assert _overhead(8, 1024, TWO_NODES) == 1


def test_an_unknown_cache_costs_nothing() -> None:
    assert estimate_cache_coherency_overhead(8, 1 << 30, CacheInfo(), ONE_NODE) == 1


@given(
    n_jobs=st.integers(1, 256),
    data=st.integers(0, 1 << 40),
    penalty=st.floats(1, 10),
    cores=st.integers(1, 64),
)
def test_the_overhead_is_a_factor_and_bounded(
    n_jobs: int, data: int, penalty: float, cores: int
) -> None:
    numa = NumaInfo(has_numa=True, numa_nodes=2, cores_per_node=cores, remote_penalty=2.0)
    factor = estimate_cache_coherency_overhead(n_jobs, data, EIGHT_SHARE_16_MIB, numa, penalty)
    assert 1 <= factor <= penalty * 2.0


@given(data=st.integers(0, 1 << 30), n_jobs=st.integers(1, 64))
def test_one_more_worker_never_makes_it_better(data: int, n_jobs: int) -> None:
    assert _overhead(n_jobs, data, TWO_NODES) <= _overhead(n_jobs + 1, data, TWO_NODES) + 1e-9


def test_saturation_is_demand_over_bandwidth() -> None:
    one_gigabyte = 10**9
    assert estimate_memory_bandwidth_saturation(4, 10**6, 1000, bandwidth=40 * one_gigabyte) == 0.2
    assert estimate_memory_bandwidth_saturation(4, 0, 1000, bandwidth=one_gigabyte) == 0


def test_no_bandwidth_gives_no_saturation() -> None:
    assert measure_memory_bandwidth(10**6) is None  # blocks for so many take too much memory
    assert estimate_memory_bandwidth_saturation(10**6, 1024, 1) is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: detect_system_topology(0), r"physical_cores is 0: give 1 or more, or None"),
        (lambda: estimate_cache_coherency_overhead(0, 1), r"n_jobs is 0: give 1 or more"),
        (lambda: estimate_cache_coherency_overhead(1, -1), r"data_size_per_item is -1: give bytes"),
        (
            lambda: estimate_cache_coherency_overhead(1, 1, memory_penalty=0.5),
            r"memory_penalty is 0.5: give a factor of 1 or more",
        ),
        (lambda: measure_memory_bandwidth(0), r"n_jobs is 0: give 1 or more"),
        (
            lambda: estimate_memory_bandwidth_saturation(1, -1, 1),
            r"data_size_per_item is -1: give bytes",
        ),
        (lambda: estimate_memory_bandwidth_saturation(1, 1, -1), r"items_per_second is -1: give 0"),
    ],
)
def test_what_makes_no_sense_is_refused(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
