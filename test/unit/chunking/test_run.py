"""What a run gives back: every result once, in order, whoever worked on it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

import pytest

from jobflows.chunking.errors import Halted, ItemError
from jobflows.chunking.first import First
from jobflows.chunking.options import Options
from jobflows.chunking.run import MapRun
from sample_functions import Appender, invert, slow, spin, square

WAYS: list[dict[str, Any]] = [
    {},
    {"executor": "serial"},
    {"executor": "process", "workers": 2},
    {"executor": "process", "workers": 3, "start_method": "spawn"},
    {"executor": "process", "workers": 2, "start_method": "forkserver"},
    {"executor": "thread", "workers": 3},
    {"isolate": True},
]
PROCESSES: dict[str, Any] = {"executor": "process", "workers": 2}


def run(function: Any, items: Iterable[Any], **options: Any) -> list[Any]:
    return MapRun(function, items, Options(**options)).results()


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("count", [0, 1, 65, 1000])
def test_results_are_in_the_order_of_the_items(way: dict[str, Any], count: int) -> None:
    assert run(square, range(count), **way) == [n * n for n in range(count)]
    assert run(square, (n for n in range(count)), **way) == [n * n for n in range(count)]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_an_ordered_run_with_a_window_reads_no_further_ahead(way: dict[str, Any]) -> None:
    read = 0

    def items() -> Iterable[int]:
        nonlocal read
        while read < 500:
            read += 1
            yield read

    for consumed, value in enumerate(MapRun(square, items(), Options(window=20, **way)).ordered()):
        assert value == (consumed + 1) ** 2
        assert read <= consumed + 1 + 20
    assert read == 500


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_items_to_skip_are_neither_run_nor_returned(way: dict[str, Any]) -> None:
    skip = set(range(0, 300, 3))
    pairs = dict(MapRun(square, range(300), Options(**way), skip=skip).pairs())
    assert pairs == {n: n * n for n in range(300) if n not in skip}


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_every_item_runs_once(way: dict[str, Any], tmp_path: Any) -> None:
    """Counted by the kernel: every item appends a byte to one file."""
    log = tmp_path / "log"
    log.touch()

    run(Appender(str(log)), range(500), **way)

    assert sorted(log.read_bytes().split()) == sorted(b"%d" % n for n in range(500))


def test_a_closure_and_a_lambda_run_in_processes() -> None:
    offset = random.random()
    assert run(lambda n: n + offset, range(300), **PROCESSES) == [n + offset for n in range(300)]


def test_large_results_and_items_arrive_whole() -> None:
    def blow_up(size: int) -> bytes:
        return bytes([size % 251]) * size

    sizes = [1, 10, 70_000, 1 << 20, 9 << 20, 3] * 4
    assert run(blow_up, sizes, **PROCESSES) == [blow_up(size) for size in sizes]
    blobs = [blow_up(size) for size in sizes]
    assert run(len, iter(blobs), **PROCESSES) == sizes


def test_the_dearest_items_begin_first() -> None:
    items = [3, 1, 2]
    assert run(square, items, cost=lambda n: n, executor="serial") == [9, 1, 4]
    order = [index for index, _ in MapRun(square, items, Options(cost=lambda n: n)).pairs()]
    assert order == [0, 2, 1]


def test_work_that_pays_goes_to_processes_and_small_work_stays() -> None:
    small = MapRun(square, range(100))
    small.results()
    assert small.report.executor == "serial"
    large = MapRun(spin, [20_000] * 500, Options(workers=2))
    large.results()
    assert (large.report.executor, large.report.workers) == ("process", 2)
    assert large.report.done == 500
    many = MapRun(spin, [250] * 20_000, Options(workers=2))
    many.results()
    assert many.report.executor == "process"
    assert large.report.predicted_seconds is not None


def test_a_first_call_that_loads_something_does_not_start_workers() -> None:
    cold = [5_000]  # a quarter of a millisecond, of which 200 would be worth a fork

    def warming(count: int) -> int:
        return spin(cold.pop() if cold else count)

    small = MapRun(warming, [1] * 200, Options(workers=2))
    small.results()
    assert small.report.executor == "serial"


def test_a_core_that_others_have_makes_no_item_long() -> None:
    def takes_30_ms(number: int) -> int:
        until = time.thread_time() + 0.03
        while time.thread_time() < until:
            number += 1
        return number

    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        with subprocess.Popen(
            [sys.executable, "-Sc", "print(flush=True)\nwhile 1: 0"], stdout=subprocess.PIPE
        ) as other:
            assert other.stdout is not None
            other.stdout.readline()
            with closing(First(takes_30_ms)) as first:
                first.block(iter([(0, 0)]))
            other.kill()
    finally:
        os.sched_setaffinity(0, cores)
    assert first.sums.delay > 0.01e9
    assert first.latest == pytest.approx(0.03, abs=0.01)


def test_items_that_wait_go_to_threads() -> None:
    run = MapRun(lambda n: time.sleep(0.002) or n, range(300))  # type: ignore[func-returns-value]
    assert run.results() == list(range(300))
    assert run.report.executor == "thread"
    assert run.report.workers > 8


@pytest.mark.parametrize("seconds", [0.002, 0.0003])
def test_items_that_wait_go_to_a_crowd_where_the_caller_must_be_safe(seconds: float) -> None:
    def wait(number: int) -> int:
        time.sleep(seconds)
        return os.getpid()

    # Enough of them that there are some left when it shows, on a machine that is busy, too.
    run = MapRun(wait, range(5000), Options(isolate=True, start_method="fork"))
    assert os.getpid() not in run.results()
    assert run.report.executor == "thread"


def test_items_that_follow_from_results_come_one_by_one() -> None:
    done = [threading.Event() for _ in range(50)]

    def items() -> Iterator[int]:
        for number, before in enumerate([None, *done[:-1]]):
            assert before is None or before.wait(10)
            yield number

    assert run(lambda number: done[number].set(), items(), executor="thread") == [None] * 50


def test_beside_other_threads_processes_are_not_forked() -> None:
    """A lock that another thread holds would be held for ever in a copy."""
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        run = MapRun(square, range(100), Options(**PROCESSES))
        assert run.results() == [n * n for n in range(100)]
        assert run.report.start_method == "forkserver"
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_failure_is_raised_as_it_is_with_a_note_that_names_the_item(way: dict[str, Any]) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        run(invert, [1, 2, 0, 4] * 50, **way)
    assert "item" in caught.value.__notes__[0]
    assert caught.value.__notes__[0].endswith(": 0")


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_failure_is_a_value_if_asked(way: dict[str, Any]) -> None:
    values = run(invert, [1, 0, 4] * 50, errors="return", **way)
    assert [v for v in values if not isinstance(v, ItemError)] == [1, 0.25] * 50
    failures = [v for v in values if isinstance(v, ItemError)]
    assert [f.index for f in failures] == list(range(1, 150, 3))
    assert {(f.kind, f.item) for f in failures} == {("exception", "0")}
    assert all("ZeroDivisionError" in f.details for f in failures)


def test_a_result_that_cannot_be_sent_is_that_items_failure() -> None:
    def sometimes(number: int) -> Any:
        return (lambda: number) if number == 7 else number

    values = run(sometimes, range(20), errors="return", **PROCESSES)
    assert values[:7] == list(range(7))
    assert "cannot be sent" in values[7].reason
    assert values[7].index == 7


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_halted_run_delivers_what_is_done_and_says_so(way: dict[str, Any]) -> None:
    run = MapRun(slow, range(10_000), Options(**way))
    seen = 0

    def read() -> None:
        nonlocal seen
        for _ in run.pairs():
            seen += 1
            run.halt()

    began = time.monotonic()
    with pytest.raises(Halted):
        read()
    assert 1 <= seen < 5000
    assert time.monotonic() - began < 30


def test_bad_options_name_the_field_and_the_cure() -> None:
    bad: list[tuple[str, Any]] = [
        ("workers", 0),
        ("executor", "gpu"),
        ("timeout", -1),
        ("window", 0),
        ("claim_seconds", 0),
        ("errors", "ignore"),
        ("start_method", "clone"),
    ]
    for field, value in bad:
        with pytest.raises(ValueError, match=f"^{field} is .*: give "):
            Options(**{field: value})


@pytest.mark.parametrize("executor", ["auto", "serial", "process", "thread"])
def test_the_first_item_is_held_to_its_time_like_the_others(executor: Any) -> None:
    ever = threading.Event()
    options = Options(executor=executor, timeout=0.05, errors="return")

    found = MapRun(lambda _: ever.wait(20), range(2), options).results()

    ever.set()  # a thread cannot be ended, and other tests count threads
    for thread in threading.enumerate():
        if thread.name == "jobflow-map":
            thread.join()
    assert [(error.index, error.kind) for error in found] == [(0, "timeout"), (1, "timeout")]
