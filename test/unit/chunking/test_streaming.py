"""Results one by one: in bounded memory, in time, and adapted to items that differ."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from jobflows.chunking import execute_batch, optimize_streaming, optimize_with_adaptive_chunking
from jobflows.chunking.adaptive import adapted
from sample_functions import invert, slow, square

EXECUTORS: list[Any] = ["auto", "process", "thread"]


@pytest.mark.parametrize("executor", EXECUTORS)
def test_results_come_in_the_order_of_the_items_or_of_their_end(executor: Any) -> None:
    for given in (range(300), [*range(300)], (n for n in range(300))):
        assert list(optimize_streaming(slow, given, executor_type=executor)) == list(range(300))
    found = optimize_streaming(slow, range(300), executor_type=executor, ordered=False)
    assert sorted(found) == list(range(300))


@pytest.fixture
def _threads_take_turns_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_threads_take_turns_often")
@pytest.mark.parametrize("executor", EXECUTORS)
def test_an_endless_input_is_read_no_further_than_the_buffer(executor: Any) -> None:
    read = 0

    def endless() -> Iterator[int]:
        nonlocal read
        while True:
            read += 1
            yield read

    stream = optimize_streaming(square, endless(), buffer_size=12, executor_type=executor)
    for consumed, value in enumerate(itertools.islice(stream, 300), 1):
        assert value == consumed**2
        assert read <= consumed + 12
    stream.close()


def test_large_results_make_the_buffer_small() -> None:
    stream = optimize_streaming(lambda n: bytes(20 << 20), range(8), n_jobs=2)
    assert stream.buffer_size <= 4
    assert sum(len(value) for value in stream) == 8 * (20 << 20)


def test_a_stream_says_who_works_before_and_while_it_is_read() -> None:
    stream = optimize_streaming(slow, range(600), n_jobs=2, executor_type="process")
    assert (stream.n_jobs, stream.executor_type) == (2, "process")
    assert stream.chunksize >= 1
    assert len(list(stream)) == 600
    assert stream.report.workers == 2
    assert "process" in stream.reason


def test_a_failure_ends_a_stream_or_is_a_value() -> None:
    stream = optimize_streaming(invert, [1, 0, 2])
    assert next(stream) == 1.0
    with pytest.raises(ZeroDivisionError) as raised:
        next(stream)
    assert raised.value.__notes__[0] == "raised for item 1: 0"
    with pytest.raises(ZeroDivisionError):
        list(optimize_streaming(invert, [0]))
    values = list(optimize_streaming(invert, [0, 0], errors="return"))
    assert [value.index for value in values] == [0, 1]


def test_a_stream_that_is_let_go_of_leaves_no_worker() -> None:
    stream = optimize_streaming(
        lambda n: slow(n) * 0 + os.getpid(), range(5000), n_jobs=2, executor_type="process"
    )
    workers = set(itertools.islice(stream, 20)) - {os.getpid()}
    assert workers
    stream.close()
    for pid in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_buffer_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="window is 0"):
        optimize_streaming(square, [1], buffer_size=0)


def test_a_batch_is_read_no_further_ahead() -> None:
    read = 0
    done: list[int] = []

    def items() -> Iterator[int]:
        nonlocal read
        for read in range(1, 401):
            assert read <= len(done) + 25
            yield read

    def run(number: int) -> int:
        done.append(number)
        return number

    assert execute_batch(run, items(), batch_size=20, executor_type="serial") == [*range(1, 401)]


def test_results_beyond_the_memory_allowed_are_an_error_that_says_so() -> None:
    with pytest.raises(MemoryError, match=r"max_memory_gb is 0\.1.*use optimize_streaming"):
        execute_batch(lambda n: b"x" * (10 << 20), range(64), max_memory_gb=0.1)
    assert execute_batch(len, ["x"] * 100, batch_size=7, max_memory_gb=8) == [1] * 100
    with pytest.raises(ValueError, match="batch_size is 0"):
        execute_batch(len, [], batch_size=0)
    with pytest.raises(ValueError, match="max_memory_gb is -1"):
        execute_batch(len, [], max_memory_gb=-1)


def test_claims_get_shorter_where_items_differ_and_longer_where_they_do_not() -> None:
    bounds: dict[str, float] = {"rate": 0.5, "shortest": 0.01, "longest": 0.5}
    assert adapted(0.1, 1.5, **bounds) == pytest.approx(0.055)
    assert adapted(0.1, 0.1, **bounds) == pytest.approx(0.3)
    assert adapted(0.1, 0.5, **bounds) == adapted(0.1, None, **bounds) == pytest.approx(0.1)
    assert adapted(9.0, 0.5, **bounds) == 0.5


def test_an_adaptive_run_has_all_results_once() -> None:
    ran: list[int] = []
    result = optimize_with_adaptive_chunking(
        lambda n: ran.append(n) or n,  # type: ignore[func-returns-value]
        range(100),
        initial_chunk_duration=0.05,
        adaptation_rate=0.2,
        min_chunk_duration=0.01,
        max_chunk_duration=0.5,
    )
    assert 0.01 <= result.chunk_duration <= 0.5
    assert result.results == result.execute() == list(range(100))
    assert sorted(ran) == list(range(100))
    assert result.report is not None
    with pytest.raises(ValueError, match="adaptation_rate is 2"):
        optimize_with_adaptive_chunking(square, [], adaptation_rate=2)
    with pytest.raises(ValueError, match="min_chunk_duration is 2"):
        optimize_with_adaptive_chunking(square, [], min_chunk_duration=2)
