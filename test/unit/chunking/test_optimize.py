"""A recommendation: what it rests on, and that nothing of it runs twice."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from jobflows.chunking import Cache, ItemError, execute, optimize
from jobflows.chunking.asked import Asked
from jobflows.chunking.decision import Decision, Known, Machine, decide
from sample_functions import Appender, invert, slow, spin, square

MACHINE = Machine(
    cores=8,
    quota=None,
    free=8,
    available_memory=8 << 30,
    start=0.001,
    start_once=0.0,
    claim=3e-6,
)
KNOWN = Known(
    items=2000,
    measured=5,
    mean=0.01,
    waiting_share=0.0,
    on_core=0.01,
    send=1e-6,
    receive=1e-6,
    not_sendable="",
    grown=None,
)


def decided(known: dict[str, Any], machine: dict[str, Any], **asked: Any) -> Decision:
    changed = {name: getattr(KNOWN, name) for name in KNOWN.__slots__} | known
    here = {name: getattr(MACHINE, name) for name in MACHINE.__slots__} | machine
    return decide(Known(**changed), Machine(**here), Asked(**asked))


@pytest.mark.parametrize("count", [0, 1, 3, 300])
@pytest.mark.parametrize("one_by_one", [False, True])
def test_no_item_runs_twice(count: int, one_by_one: bool, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch()
    items: Any = (n for n in range(count)) if one_by_one else range(count)

    result = optimize(Appender(str(log)), items, profile=True, enable_function_profiling=True)

    assert result.execute() == [None] * count
    assert sorted(map(int, log.read_bytes().split())) == list(range(count))


def test_to_decide_costs_little_besides_the_items() -> None:
    rounds = []
    for _ in range(5):
        began = time.process_time()
        optimize(square, range(100_000))
        rounds.append(time.process_time() - began)
    assert min(rounds) < 0.01


def test_the_data_of_a_result_has_all_items_of_a_generator() -> None:
    assert list(optimize(square, (n for n in range(50))).data) == list(range(50))
    assert optimize(square, [3, 1]).data == [3, 1]


def test_a_sample_is_from_all_of_a_sequence() -> None:
    """The first items of sorted data would say that there is nothing to do."""
    seen = optimize(lambda n: time.sleep(n / 1e6), range(10_000), sample_size=10).sample.kept

    assert min(seen) < 2000
    assert max(seen) > 8000


def test_a_sample_ends_when_its_time_is_up() -> None:
    result = optimize(lambda _: time.sleep(0.02), range(100), sample_size=50, max_sample_time=0.03)
    assert 1 <= len(result.sample.kept) <= 3


def test_a_sample_goes_on_until_the_mean_is_sure() -> None:
    times = itertools.cycle([0.0, 0.004])
    result = optimize(
        lambda _: time.sleep(next(times)),
        range(500),
        sample_size=10,
        max_sample_time=10,
        confidence_level=0.99,
    )
    assert len(result.sample.kept) > 20


def test_an_item_that_fails_fails_in_execute() -> None:
    result = optimize(invert, [0])
    assert any("ZeroDivisionError" in warning for warning in result.warnings)
    with pytest.raises(ZeroDivisionError) as raised:
        result.execute()
    assert raised.value.__notes__[0] == "raised for item 0: 0"
    values = optimize(invert, [1, 0, 2]).execute(errors="return")
    assert isinstance(values[1], ItemError)
    assert (values[0], values[2]) == (1.0, 0.5)


def test_items_that_wait_get_threads_and_more_than_there_are_cores() -> None:
    def wait(number: int) -> int:
        time.sleep(0.02)  # longer than the scheduler of a busy machine takes its time
        return number

    result = optimize(wait, range(100))

    assert result.executor_type == "thread"
    assert result.n_jobs >= 16
    assert result.execute() == list(range(100))


def test_work_beside_busy_neighbours_is_not_taken_for_waiting() -> None:
    """Three processes on the same core leave this one a quarter of its time."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    neighbours = [_fork_a_spinner() for _ in range(3)]
    try:
        result = optimize(slow, range(200), sample_size=30, max_sample_time=5)
    finally:
        os.sched_setaffinity(0, allowed)
        for pid in neighbours:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    assert result.executor_type != "thread"
    assert result.sample.waiting_share is not None
    assert result.sample.waiting_share < 0.3


def test_results_that_cannot_be_sent_stay_here() -> None:
    result = optimize(lambda n: slow(n) and (lambda: n), [1] * 500)
    assert result.executor_type == "serial"
    assert "not all can be sent between processes" in result.reason


def test_work_that_pays_gets_processes() -> None:
    decision = decided({}, {})
    assert (decision.kind, decision.n_jobs) == ("process", 8)
    assert 7 < decision.speedup <= 8


def test_too_little_work_stays_in_the_caller() -> None:
    decision = decided({"items": 20, "mean": 0.0001}, {})
    assert (decision.kind, decision.n_jobs, decision.speedup) == ("serial", 1, 1.0)
    assert "ms of work are left" in decision.rejections[0]


def test_results_that_cost_more_to_send_than_to_make_stay_in_the_caller() -> None:
    decision = decided({"send": 0.02, "receive": 0.02}, {})
    assert decision.kind == "serial"
    assert "takes longer than to compute" in decision.reason


def test_memory_bounds_workers_unless_told_not_to() -> None:
    grown = {"grown": 2 << 30}
    decision = decided(grown, {})
    assert decision.n_jobs == 3
    assert "Memory constraint: limiting to 3 workers" in decision.constraints[0]
    assert decided(grown, {}, respect_memory_limit=False).n_jobs == 8


def test_workers_are_bounded_by_what_was_asked_by_load_and_by_the_quota() -> None:
    assert decided({}, {}, max_workers=3).n_jobs == 3
    assert decided({}, {}, max_workers=30).n_jobs == 8
    assert decided({}, {}, n_jobs=30).n_jobs == 30
    assert decided({}, {"free": 2}).n_jobs == 2
    assert decided({}, {"cores": 2, "quota": 1.5}).speedup < 1.5


def test_threads_for_what_works_are_advised_against() -> None:
    decision = decided({}, {}, executor_type="thread")
    assert decision.kind == "thread"
    assert decision.speedup == pytest.approx(1, abs=0.05)
    assert "take turns" in decision.warnings[0]


def test_a_claim_holds_what_fits_into_its_time_and_never_all() -> None:
    assert decided({}, {}, target_chunk_duration=0.2).chunksize == 20
    assert decided({"mean": 0.001}, {}, target_chunk_duration=100).chunksize == 125


BAD: list[tuple[dict[str, Any], str]] = [
    ({"sample_size": 0}, "sample_size is 0"),
    ({"max_sample_time": 0}, "max_sample_time is 0"),
    ({"confidence_level": 95}, "confidence_level is 95"),
    ({"target_chunk_duration": -1}, "target_chunk_duration is -1"),
    ({"max_workers": 1.5}, "max_workers is 1.5"),
    ({"n_jobs": True}, "n_jobs is True"),
    ({"executor_type": "gpu"}, "executor_type is 'gpu': give one of auto, process, thread"),
]


@pytest.mark.parametrize(("options", "words"), BAD, ids=str)
def test_an_option_that_cannot_be_is_refused_by_name(options: Any, words: str) -> None:
    with pytest.raises(ValueError) as refused:
        optimize(square, [1], **options)
    assert words in str(refused.value)
    with pytest.raises(ValueError) as refused:
        execute(square, [1], **options)
    assert words in str(refused.value)


def test_what_is_told_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    optimize(square, range(100), verbose=True)
    execute(square, range(100), verbose=True)
    told = capsys.readouterr()
    assert told.out == ""
    assert "Input pickle overhead: 0.0" in told.err
    assert "100 items in" in told.err


def test_a_profile_of_the_function_names_what_it_calls(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    result = optimize(slow, range(50), enable_function_profiling=True)
    result.show_function_profile(sort_by="cumulative", limit=20)
    assert "(spin)" in capsys.readouterr().out
    result.save_function_profile(tmp_path / "profile.txt")
    result.save_function_profile(tmp_path / "profile.prof")
    assert "(spin)" in (tmp_path / "profile.txt").read_text()
    with pytest.raises(ValueError, match="enable_function_profiling=True"):
        optimize(slow, range(50)).show_function_profile()


def test_progress_is_told_and_ends_with_all() -> None:
    told: list[tuple[str, float]] = []
    values = execute(square, range(500), progress_callback=lambda *news: told.append(news))
    assert values == [n * n for n in range(500)]
    assert told[-1] == ("executing", 1.0)
    optimize(square, range(500), progress_callback=lambda *news: told.append(news)).execute()
    assert {phase for phase, _ in told} == {
        "sampling",
        "measuring the machine",
        "executing",
        "done",
    }
    assert all(0 <= share <= 1 for _, share in told)


def test_execute_takes_workers_and_claims_as_given() -> None:
    values, result = execute(
        slow, range(200), n_jobs=3, chunksize=5, return_optimization_result=True
    )
    assert values == list(range(200))
    assert (result.n_jobs, result.chunksize) == (3, 5)
    assert result.report is not None
    assert result.report.workers == 3
    with pytest.raises(ValueError, match="chunksize is 0"):
        execute(square, [1], chunksize=0)


def test_execute_returns_failures_as_values_and_ends_items_that_are_late() -> None:
    ever = threading.Event()
    late = execute(lambda _: ever.wait(20), range(2), errors="return", timeout=0.05)
    assert [error.kind for error in late] == ["timeout", "timeout"]
    assert isinstance(execute(invert, [0], errors="return")[0], ItemError)
    with pytest.raises(ValueError, match="timeout is 1"):
        execute(square, [1], timeout=1, profile=True)


def test_a_second_look_finds_the_first_in_the_cache(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert not optimize(slow, range(300), cache=cache).cache_hit
    again = optimize(slow, range(300), cache=cache)
    assert again.cache_hit
    assert not again.sample.kept
    assert again.execute() == list(range(300))
    cache.clear()
    assert not optimize(slow, range(300), cache=cache).cache_hit


def test_a_short_first_run_does_not_spoil_a_long_one(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert optimize(slow, [5] * 3, cache=cache, max_workers=2).n_jobs == 1
    long = optimize(slow, [5] * 20_000, cache=cache, max_workers=2)
    assert long.cache_hit
    assert long.decision.serial_seconds is not None
    assert long.decision.serial_seconds > 5  # 20,000 times what three of them have shown


def test_a_run_leaves_what_it_was_like_in_the_cache(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    optimize(slow, range(200), cache=cache).execute()
    (file,) = tmp_path.iterdir()
    kept = cache.get(file.stem)
    assert kept is not None
    assert kept.speedup is not None
    assert kept.count > 100


def _fork_a_spinner() -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    while os.getppid() == parent:
        spin(1000)
    os._exit(0)
