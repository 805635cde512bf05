"""How a run fails: nothing is lost, nothing comes twice, nothing hangs, nothing is left behind."""

from __future__ import annotations

import gc
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from typing import Any

import pytest

import faulty_functions as faulty
from faulty_functions import Deadly
from jobflows.chunking.errors import Halted, ItemError, WorkersLostError
from jobflows.chunking.options import Options
from jobflows.chunking.run import MapRun
from process_watch import Watched, children, descriptors, shared_memory, workers

FORK: dict[str, Any] = {"executor": "process", "workers": 2, "start_method": "fork"}
SPAWN: dict[str, Any] = {"executor": "process", "workers": 2, "start_method": "spawn"}
SERVER: dict[str, Any] = {"executor": "process", "workers": 2, "start_method": "forkserver"}
CROWD: dict[str, Any] = {"isolate": True, "start_method": "fork", "workers": 16}
THREADS: dict[str, Any] = {"executor": "thread", "workers": 4}
WAITS = 0.002
"""Seconds an item waits, so that it is given to a crowd where there can be one."""

PROCESSES = [
    pytest.param(FORK, list, id="counted"),
    pytest.param(FORK, iter, id="fed"),
    pytest.param(SPAWN, list, id="spawn"),
    pytest.param(SERVER, list, id="forkserver"),
    pytest.param(CROWD, list, id="crowd"),
]
ALL = [*PROCESSES, pytest.param(THREADS, list, id="threads")]


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    forkserver.ensure_running()
    resource_tracker.ensure_running()
    before = descriptors(), workers()
    yield
    gc.collect()
    assert workers() == before[1]
    assert shared_memory() == 0
    assert descriptors() == before[0]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "begun").touch()
    yield str(tmp_path / "begun")
    (tmp_path / "begun.go").touch()
    for thread in threading.enumerate():
        if thread.name == "jobflow-map":  # those that were late: a fork beside them is not safe
            thread.join()


def begun(log: str) -> Counter[int]:
    return Counter(map(int, Path(log).read_bytes().split()))


def run(function: Any, items: Iterable[Any], **options: Any) -> list[Any]:
    return MapRun(function, items, Options(**options)).results()


# workers that are killed -------------------------------------------------------------------------


@pytest.mark.parametrize(("way", "given"), PROCESSES)
@pytest.mark.parametrize("poison", [{0}, {199}, {7, 8, 150}], ids=["first", "last", "several"])
def test_an_item_that_kills_its_worker_is_named_and_all_others_are_done(
    way: dict[str, Any], given: Any, poison: set[int], log: str
) -> None:
    function = Deadly(log, kills=poison, seconds=WAITS if way is CROWD else 0)
    values = run(function, given(range(200)), errors="return", **way)

    failed = {n: value for n, value in enumerate(values) if isinstance(value, ItemError)}
    assert set(failed) == poison
    assert [v for n, v in enumerate(values) if n not in poison] == [
        n * n for n in range(200) if n not in poison
    ]
    for index, failure in failed.items():
        assert (failure.index, failure.item, failure.kind) == (index, str(index), "killed")
        assert "SIGKILL" in failure.reason
    times = begun(log)
    # Once for each of them while nobody knows which item it is, and twice alone.
    assert all(2 <= times[index] <= 3 + 2 * len(poison) for index in poison)


@pytest.mark.parametrize(("way", "given"), PROCESSES)
def test_a_poison_ends_the_run_where_failures_are_raised(
    way: dict[str, Any], given: Any, log: str
) -> None:
    with pytest.raises(ItemError, match=r"item 3 \(3\): killed 2 workers: signal SIGKILL"):
        run(Deadly(log, kills={3}, seconds=WAITS), given(range(100)), **way)


@pytest.mark.parametrize(("way", "given"), PROCESSES)
def test_workers_killed_from_outside_lose_nothing_and_do_little_anew(
    way: dict[str, Any], given: Any, log: str
) -> None:
    with killer(log) as kill:
        function = Deadly(log, awaits={300}, seconds=0.001)  # the first that is killed
        pairs = list(MapRun(function, given(range(600)), Options(**way)).pairs())

    assert sorted(pairs) == [(n, n * n) for n in range(600)]
    times = begun(log)
    assert set(times) == set(range(600))
    assert kill.killed
    assert max(times.values()) <= kill.killed + 1
    # A worker sends what it has after 20 ms; a crowd works on 16 items at once.
    assert times.total() - 600 <= kill.killed * 40


class killer:  # noqa: N801 - reads as a statement
    """A process that kills workers at random, but lets them make some headway in between."""

    def __init__(self, log: str) -> None:
        self.log = log
        self.server = getattr(forkserver._forkserver, "_forkserver_pid", None)

    def __enter__(self) -> killer:
        caller = os.getpid()
        spared = children(caller)
        read, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                self._kill(caller, spared | {os.getpid()}, write)
                status = 0
            finally:
                os._exit(status)
        os.close(write)

        self.count = open(read, "rb")
        return self

    def __exit__(self, *_: object) -> None:
        os.kill(self.pid, signal.SIGTERM)
        os.waitpid(self.pid, 0)
        with self.count as file:
            self.killed = len(file.read())

    def _kill(self, caller: int, spared: set[int], count: int) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        enough = 1  # at first: all may wait for the item that awaits it
        for _ in range(4):
            while (now := os.stat(self.log).st_size) < enough:
                time.sleep(0.001)
            enough = now + 400
            time.sleep(random.random() * 0.01)
            with suppress(ProcessLookupError):  # its work was done just now
                victim = self._stop_one(caller, spared)
                os.write(count, b".")
                os.kill(victim, signal.SIGKILL)
            Path(f"{self.log}.go").touch()

    def _stop_one(self, caller: int, spared: set[int]) -> int:
        """A worker on an item that is begun for the first time: two kills would be its fault."""
        while True:
            victims = (children(caller) | children(self.server or -1)) - spared
            if not victims:
                continue  # as there are none between some processes and a crowd
            victim = random.choice(sorted(victims))
            os.kill(victim, signal.SIGSTOP)
            items = Path(self.log).read_bytes().split()
            if all(times == 1 for item, times in Counter(items).items() if item in items[-40:]):
                return victim
            os.kill(victim, signal.SIGCONT)
            time.sleep(0.001)


def test_a_worker_that_dies_while_a_copy_of_it_lives_is_noticed() -> None:
    """What an item has forked holds the worker's pipe open."""
    values = run(faulty.leaves_a_copy_behind, range(20), errors="return", **FORK)
    assert [getattr(v, "kind", v) for v in values] == [n if n != 3 else "killed" for n in range(20)]


# items that take too long ------------------------------------------------------------------------


@pytest.mark.parametrize(("way", "given"), ALL)
def test_late_items_fail_and_all_others_are_done(way: dict[str, Any], given: Any, log: str) -> None:
    late = {1, 2, 59}
    function = Deadly(log, hangs=late, seconds=WAITS)
    values = run(function, given(range(60)), errors="return", timeout=0.7, **way)

    assert {n for n, value in enumerate(values) if isinstance(value, ItemError)} == late
    assert {values[n].kind for n in late} == {"timeout"}
    assert all(values[n] == n * n for n in range(60) if n not in late)
    assert all(begun(log)[n] == 1 for n in late)


@pytest.mark.parametrize(("way", "given"), ALL)
def test_a_late_item_ends_the_run_where_failures_are_raised(
    way: dict[str, Any], given: Any, log: str
) -> None:
    with pytest.raises(ItemError, match=r"item 3 \(3\): took longer than 0.5 s"):
        run(Deadly(log, hangs={3}, seconds=WAITS), given(range(60)), timeout=0.5, **way)


def test_with_a_timeout_no_item_runs_where_it_cannot_be_ended(log: str) -> None:
    values = run(Deadly(log, hangs={0}), [0, 1], timeout=0.5, errors="return", start_method="fork")
    assert (values[0].kind, values[1]) == ("timeout", 1)


def test_a_late_items_programs_end_with_it(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    with pytest.raises(ItemError, match="took longer"):
        run(faulty.runs_a_program, [str(file)], timeout=2, **FORK)
    with suppress(ProcessLookupError):  # a killed process that nobody has buried yet has ended, too
        assert Watched(int(file.read_text())).ends(30)


def test_waiting_for_a_slow_consumer_makes_no_item_late() -> None:
    run = MapRun(lambda n: bytes(9 << 20), range(5), Options(timeout=0.3, **FORK))
    slow = threading.Event()
    for _ in run.pairs():
        slow.wait(0.4)


def test_many_late_threads_are_replaced(log: str) -> None:
    """The system gives the number of a thread that has ended to the next one."""
    function = Deadly(log, seconds=0.15)
    values = run(function, range(40), timeout=0.05, errors="return", executor="thread", workers=2)
    assert len(values) == 40


# exceptions --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("way", "given"), [p for p in ALL if p.id != "crowd"])
@pytest.mark.parametrize(
    ("function", "word"),
    [
        (faulty.unpicklable, "HoldsALambdaError"),
        (faulty.unreadable, "TwoArgumentsError"),
        (faulty.exits, "SystemExit: had enough"),
        (faulty.interrupts, "KeyboardInterrupt"),
    ],
)
def test_whatever_an_item_raises_is_its_failure(
    function: Any, word: str, way: dict[str, Any], given: Any
) -> None:
    values = run(function, given(range(50)), errors="return", **way)
    failure = values.pop(3)
    assert isinstance(failure, ItemError)
    assert (failure.index, failure.kind) == (3, "exception")
    assert word in failure.reason
    assert values == [n for n in range(50) if n != 3]


@pytest.mark.parametrize("executor", ["auto", "serial"])
def test_in_the_calling_process_ctrl_c_and_exit_end_the_run(executor: str) -> None:
    """They may have come from a signal as well as from the item."""
    with pytest.raises(KeyboardInterrupt):
        run(faulty.interrupts, range(9), errors="return", executor=executor)
    with pytest.raises(SystemExit):
        run(faulty.exits, range(9), errors="return", executor=executor)


@pytest.mark.parametrize(("way", "given"), PROCESSES[:4])
def test_a_result_that_cannot_be_read_again_ends_the_run_and_is_told(
    way: dict[str, Any], given: Any
) -> None:
    with pytest.raises(WorkersLostError, match="results of a worker cannot be read: TypeError"):
        run(faulty.never_read, given(range(50)), **way)


# what cannot be sent -----------------------------------------------------------------------------


def test_items_that_cannot_be_sent_fail_and_say_what_to_do() -> None:
    items = [(lambda: 1) if n == 3 else n for n in range(9)]
    values = run(str, iter(items), errors="return", **FORK)
    assert values[3].index == 3
    assert "cannot be sent to a worker" in values[3].reason
    assert "executor='thread'" in values[3].reason
    assert [v for n, v in enumerate(values) if n != 3] == [str(n) for n in range(9) if n != 3]
    with pytest.raises(ItemError, match=r"^item 0 \(<function .*it cannot be sent to a worker"):
        run(str, ((lambda: 1) for _ in range(9)), **FORK)


def test_what_cannot_be_sent_is_done_here_unless_something_else_was_asked() -> None:
    items = ((lambda: sum(range(5000))) for _ in range(400))
    map_run = MapRun(lambda item: item(), items, Options(workers=2))
    assert map_run.results() == [sum(range(5000))] * 400
    assert map_run.report.executor == "serial"
    assert any("not all can be sent" in reason for reason in map_run.report.reasons)


def test_items_that_cannot_be_read_again_end_the_run_and_are_told() -> None:
    with pytest.raises(WorkersLostError, match=r"cannot work: TypeError: not to be read"):
        run(str, iter([1, 2, faulty.NeverRead(), 4]), **FORK)


def test_a_function_that_workers_cannot_import_ends_the_run_and_is_told(tmp_path: Path) -> None:
    (tmp_path / "gone_tomorrow.py").write_text("def function(item):\n    return item\n")
    sys.path.insert(0, str(tmp_path))
    try:
        import gone_tomorrow  # type: ignore[import-not-found] # noqa: PLC0415
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("gone_tomorrow", None)
    sys.modules["gone_tomorrow"] = gone_tomorrow
    try:
        with pytest.raises(WorkersLostError, match="No module named 'gone_tomorrow'"):
            run(gone_tomorrow.function, range(9), **SPAWN)
    finally:
        del sys.modules["gone_tomorrow"]


# the input ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "way",
    [FORK, SPAWN, SERVER, CROWD, THREADS, {"executor": "serial"}, {}],
    ids=["fork", "spawn", "forkserver", "crowd", "threads", "serial", "auto"],
)
def test_what_came_before_the_input_broke_is_delivered_and_its_error_raised(
    way: dict[str, Any], log: str
) -> None:
    def items() -> Iterator[int]:
        yield from range(40)
        raise LookupError("the input is broken")

    delivered: list[tuple[int, Any]] = []
    with pytest.raises(LookupError, match="the input is broken"):
        delivered.extend(MapRun(Deadly(log, seconds=WAITS), items(), Options(**way)).pairs())
    assert sorted(delivered) == [(n, n * n) for n in range(40)]


def test_results_do_not_wait_for_an_input_that_is_slow() -> None:
    """Blocks of tiny items would be long, but are sent as far as they were read."""
    read = 0

    def items() -> Iterator[int]:
        nonlocal read
        pause = threading.Event()
        for n in range(60):
            read += 1
            yield n
            if n >= 10:
                pause.wait(0.02)

    ahead = []
    for index, _ in MapRun(abs, items(), Options(**FORK)).pairs():
        ahead.append(read - index)
    assert max(ahead[11:]) < 20


# signals, and ends of the caller -----------------------------------------------------------------

CALLER = """
import os, signal, sys, time
from faulty_functions import Deadly
from jobflows.chunking.errors import Halted
from jobflows.chunking.options import Options
from jobflows.chunking.run import MapRun
from process_watch import descriptors, shared_memory, workers

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's "&" has it ignored
    way = {way!r}
    if way.get("start_method") in ("spawn", "forkserver"):
        from multiprocessing import forkserver, resource_tracker
        forkserver.ensure_running(), resource_tracker.ensure_running()
    before = descriptors()
    run = MapRun(Deadly({log!r}, seconds=0.01), {given}, Options(**way))
    if {halt}:
        signal.signal(signal.SIGTERM, lambda *_: run.halt())
    pairs = run.pairs()
    got, end, told = [], "", False
    try:
        for pair in pairs:
            got.append(pair)
            # A crowd begins when the workers before it have gone.
            if not told and len(got) >= 20 and run.report.executor == way.get("executor", "thread"):
                told = True
                print(*workers(), flush=True)
    except (Halted, KeyboardInterrupt) as error:
        end = type(error).__name__
        del pairs
    assert all(value == index ** 2 for index, value in got), got
    print(end, len(got), len(workers()), shared_memory(), descriptors() - before, flush=True)
"""

CALLERS = [
    pytest.param(FORK, "range(100_000)", id="counted"),
    pytest.param(FORK, "iter(range(100_000))", id="fed"),
    pytest.param(SPAWN, "range(100_000)", id="spawn"),
    pytest.param(SERVER, "range(100_000)", id="forkserver"),
    pytest.param(CROWD, "range(100_000)", id="crowd"),
    pytest.param(THREADS, "range(100_000)", id="threads"),
]


@contextmanager
def caller(tmp_path: Path, text: str) -> Iterator[subprocess.Popen[str]]:
    """A program in a session of its own, as on a terminal of its own."""
    script = tmp_path / "caller.py"
    script.write_text(text)
    with subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as program:
        try:
            yield program
        finally:
            program.kill()


@pytest.mark.parametrize(("way", "given"), CALLERS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "halt"])
def test_a_signal_ends_a_run_within_a_second_and_leaves_nothing(
    way: dict[str, Any], given: str, number: signal.Signals, log: str, tmp_path: Path
) -> None:
    halt = number == signal.SIGTERM
    with caller(tmp_path, CALLER.format(way=way, log=log, given=given, halt=halt)) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.readline()
        began = time.monotonic()
        os.killpg(program.pid, number)
        end, got, *left = program.stdout.readline().split()
        took = time.monotonic() - began
        assert program.stderr.read() == ""  # and it has ended
    assert end == ("Halted" if halt else "KeyboardInterrupt")
    assert left == ["0", "0", "0"]
    assert int(got) >= 20
    assert took < 1.5  # a second, on a machine with nothing else to do
    if halt and way is not CROWD:
        # All that was begun was delivered, but for what a worker left and another took meanwhile.
        assert begun(log).total() - int(got) <= 4


@pytest.mark.parametrize(("way", "given"), [p for p in CALLERS if p.id != "threads"])
def test_workers_do_not_outlive_a_caller_that_is_killed(
    way: dict[str, Any], given: str, log: str, tmp_path: Path
) -> None:
    with caller(tmp_path, CALLER.format(way=way, log=log, given=given, halt=False)) as program:
        assert program.stdout is not None
        watched = [Watched(int(pid)) for pid in program.stdout.readline().split()]
        assert watched
        program.kill()
        assert [worker.ends(1.5) for worker in watched] == [True] * len(watched)


@pytest.mark.parametrize("way", [FORK, SPAWN, SERVER, THREADS], ids=str)
def test_a_program_ends_although_it_forgot_a_run(
    way: dict[str, Any], log: str, tmp_path: Path
) -> None:
    text = CALLER.replace("for pair in pairs:", "for pair in [next(pairs)]:")
    text = text.replace("print(end", "os.write(1, b'x'); keep = pairs; sys.exit(); print(end")
    given = "range(100_000)"
    with caller(tmp_path, text.format(way=way, log=log, given=given, halt=False)) as program:
        _, errors = program.communicate(timeout=20)
    assert (program.returncode, errors) == (0, "")


@pytest.mark.parametrize(("way", "given"), ALL)
def test_a_consumer_may_stop_reading(way: dict[str, Any], given: Any, log: str) -> None:
    for read in ("pairs", "ordered"):
        iterator = getattr(
            MapRun(Deadly(log, seconds=WAITS), given(range(10_000)), Options(**way)), read
        )()
        for _ in range(30):
            next(iterator)
        iterator.close()


def test_nothing_is_written_to_files_that_are_opened_while_a_run_ends(
    log: str, tmp_path: Path
) -> None:
    """The bells of workers are closed by then, and their numbers given to other files."""
    run = MapRun(Deadly(log, seconds=0.05), range(400), Options(**FORK))
    files: list[Any] = []

    def read() -> None:
        for _ in run.pairs():
            run.halt()
            for _ in range(2):
                files.append(open(tmp_path / f"{len(files)}", "wb", buffering=0))  # noqa: SIM115

    with pytest.raises(Halted):
        read()
    for file in files:
        file.close()
    assert [path.read_bytes() for path in tmp_path.glob("[0-9]*")] == [b""] * len(files)


# what the machine has ----------------------------------------------------------------------------


def test_workers_are_let_go_when_they_hold_too_much(log: str) -> None:
    options = Options(max_memory=50 << 20, executor="process", workers=4, start_method="fork")
    run = MapRun(faulty.holds_memory, range(24), options)
    assert run.results() == list(range(24))
    assert "a worker fewer: memory is tight" in run.report.reasons
    assert run.report.deaths == 0
    assert run.report.peak_memory > 20 << 20


def test_fewer_workers_do_where_descriptors_run_out(log: str) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors() + 12, hard))
    try:
        run = MapRun(
            Deadly(log), range(200), Options(executor="process", workers=16, start_method="fork")
        )
        assert run.results() == [n * n for n in range(200)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("executor", ["process", "auto"])
def test_locks_that_other_threads_hold_block_no_worker(executor: Any) -> None:
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with faulty.LOCK:
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    options = Options(executor=executor, workers=2, isolate=True, timeout=20)
    try:
        assert run_with(faulty.takes_a_lock, range(50), options) == list(range(50))
    finally:
        done.set()
        thread.join()


def run_with(function: Any, items: Iterable[Any], options: Options) -> list[Any]:
    return MapRun(function, items, options).results()
