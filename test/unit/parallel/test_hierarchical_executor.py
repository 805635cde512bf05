"""Tasks run when what they need is done, on processes and on threads; a failure is told whole."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobflows.dag import CycleError
from jobflows.parallel import HierarchicalExecutor, PoolType, TaskFailedError
from unit.parallel.tasks import broken, joined, killed, nothing, unsendable, where

pools = pytest.mark.parametrize("pool", ["process", "thread"])


def _executor(
    pool: PoolType, *tasks: tuple[str, Callable[..., Any], list[str]], workers: int = 2
) -> HierarchicalExecutor:
    executor = HierarchicalExecutor(workers, pool)
    for name, function, dependencies in tasks:
        executor.add_task(name, function, dependencies)
    return executor


@pools
def test_results_of_dependencies_are_arguments_in_their_order(pool: PoolType) -> None:
    executor = _executor(
        pool,
        ("last", joined, ["right", "left", "right"]),
        ("left", joined, ["load"]),
        ("right", joined, ["load", "load"]),
        ("load", nothing, []),
    )
    results = executor.execute()
    assert list(results) == ["last", "left", "right", "load"]
    assert results["last"] == "loaded+loaded+loaded+loaded+loaded"
    assert results["right"] == "loaded+loaded"


@pools
def test_what_can_finish_does_when_a_task_fails(pool: PoolType) -> None:
    executor = _executor(
        pool,
        ("load", nothing, []),
        ("parse", broken, ["load"]),
        ("plot", joined, ["parse"]),
        ("page", joined, ["plot", "count"]),
        ("count", joined, ["load"]),
    )
    with pytest.raises(TaskFailedError) as raised:
        executor.execute()
    error = raised.value
    assert str(error) == (
        "task 'parse' failed: ValueError: a bad row; not run because of that: plot, page"
    )
    assert error.results == {"load": "loaded", "count": "loaded"}
    assert list(error.failures) == ["parse"]
    assert error.skipped == ("plot", "page")
    assert isinstance(error.__cause__, ValueError)
    assert "in broken" in error.__notes__[0]


def test_a_task_that_kills_its_worker_is_named_and_harms_no_other() -> None:
    executor = _executor("process", ("bad", killed, []), ("good", nothing, []))
    with pytest.raises(
        TaskFailedError, match="task 'bad' failed: killed 2 workers: signal SIGKILL"
    ):
        executor.execute()


def test_a_result_that_cannot_be_sent_is_the_failure_of_its_task() -> None:
    executor = _executor("process", ("lock", unsendable, []))
    with pytest.raises(TaskFailedError, match="'lock' failed: its result cannot be sent"):
        executor.execute()


@pools
def test_only_what_is_kept_is_returned(pool: PoolType) -> None:
    executor = _executor(pool, ("load", nothing, []), ("a", joined, ["load"]), ("b", joined, ["a"]))
    assert executor.execute(keep=["b"]) == {"b": "loaded"}
    assert executor.execute(keep=[]) == {}


def test_processes_are_others_and_threads_are_not() -> None:
    for pool, same in (("process", False), ("thread", True)):
        executor = HierarchicalExecutor(2, pool)  # type: ignore[arg-type] # it is one of them
        executor.add_task("a", where)
        executor.add_task("b", where, ["a"])
        assert {pid == os.getpid() for pid in executor.execute().values()} == {same}


def test_independent_tasks_run_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=20)
    executor = _executor("thread", ("a", both.wait, []), ("b", both.wait, []))
    assert sorted(executor.execute().values()) == [0, 1]


def test_auto_takes_threads_for_functions_that_cannot_be_sent() -> None:
    local = threading.Lock()  # nothing can send it, not even cloudpickle
    other = threading.Event()
    beside = threading.Thread(target=other.wait)  # so that a fork would not be safe
    beside.start()
    try:
        executor = _executor("auto", ("a", local.locked, []))
        assert executor.execute() == {"a": False}
    finally:
        other.set()
        beside.join()


def test_it_can_be_run_again_and_extended() -> None:
    executor = _executor("thread", ("load", nothing, []))
    assert executor.execute() == executor.execute() == {"load": "loaded"}
    executor.add_task("more", joined, ["load"])
    assert executor.execute(keep=["more"]) == {"more": "loaded"}


def test_no_tasks_have_no_results() -> None:
    assert HierarchicalExecutor().execute() == {}
    assert HierarchicalExecutor().critical_path() == []


def test_a_cycle_is_named_before_anything_runs() -> None:
    executor = _executor("thread", ("a", broken, ["c"]), ("b", broken, ["a"]), ("c", broken, ["b"]))
    with pytest.raises(CycleError, match=r"cycle: . -> . -> . -> ."):
        executor.execute()


def test_the_critical_path_goes_by_cost() -> None:
    executor = HierarchicalExecutor(2)
    executor.add_task("load", nothing, cost=1)
    for name, cost in (("cheap", 1.0), ("dear", 5.0)):
        executor.add_task(name, joined, ["load"], cost)
    executor.add_task("end", joined, ["cheap", "dear"])
    assert executor.critical_path() == ["load", "dear", "end"]


@pytest.mark.parametrize(
    ("add", "message"),
    [
        (("a", nothing), "there is a task 'a' already: give another name"),
        (("b", nothing, "a"), r"dependencies of 'b' is a string: give \['a'\]"),
        (("b", "nothing"), "task 'b' is 'nothing': give a function"),
        (("b", nothing, [], -1), "cost of 'b' is -1: give a number of at least 0, or None"),
    ],
)
def test_a_wrong_task_is_refused_where_it_is_added(add: Any, message: str) -> None:
    executor = _executor("thread", ("a", nothing, []))
    with pytest.raises(ValueError, match=message):
        executor.add_task(*add)
    assert executor.execute() == {"a": "loaded"}


def test_an_unknown_name_is_told_with_a_near_one() -> None:
    executor = _executor("thread", ("load", nothing, []), ("parse", joined, ["lod"]))
    message = "task 'parse' depends on 'lod', and there is no such task: did you mean 'load'?"
    with pytest.raises(ValueError, match=message):
        executor.execute()
    with pytest.raises(ValueError, match="keep has 'x', and there is no such task: add it with"):
        _executor("thread", ("load", nothing, [])).execute(keep=["x"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_workers": 0}, "num_workers is 0: give a whole number of at least 1, or None"),
        ({"pool_type": "fork"}, "pool_type is 'fork': give one of auto, process, thread"),
        ({"memory_per_task": -1}, "memory_per_task is -1"),
    ],
)
def test_wrong_arguments_are_named(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HierarchicalExecutor(**arguments)


@settings(max_examples=25)
@given(
    st.integers(1, 4),
    st.lists(st.sets(st.integers(0, 14), max_size=3), max_size=15),
)
def test_random_graphs_run_in_order_and_once(workers: int, needs: list[set[int]]) -> None:
    ended: list[int] = []
    lock = threading.Lock()

    def task(i: int, above: list[int]) -> Callable[..., int]:
        def work(*results: int) -> int:
            assert list(results) == above
            with lock:
                assert set(above) <= set(ended)
                ended.append(i)
            return i

        return work

    executor = HierarchicalExecutor(workers, "thread")
    for i, some in enumerate(needs):
        above = sorted(d for d in some if d < i)
        executor.add_task(str(i), task(i, above), [str(d) for d in above])
    assert executor.execute() == {str(i): i for i in range(len(needs))}
    assert sorted(ended) == list(range(len(needs)))
