"""Load from counters, and time lost to a lack of something."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobflows.chunking.machine.load import (
    SHORTEST,
    LoadMeter,
    Look,
    busy_percent,
    cpu_load,
    look_at,
    minute_percent,
    pressure,
)
from unit.chunking.machine.trees import Tree, v2

_ONLINE = {"sys/devices/system/cpu/online": "0-3\n", "proc/loadavg": "2.00 1.0 0.5 3/134 15575\n"}
_PSI = "some avg10=11.50 avg60=46.19 avg300=44.15 total=2500000\n"


def _stat(busy: int, idle: int) -> str:
    """Return ticks: half of the busy ones are of a guest, so they are there twice."""
    return f"cpu  {busy - 4} 1 1 {idle - 5} 5 1 1 0 {busy // 2} 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n"


def test_the_first_answer_is_the_last_minute_and_the_next_the_time_between(tmp_path: Path) -> None:
    root = Tree({**_ONLINE, "proc/stat": _stat(busy=1000, idle=1000)}).grow(tmp_path)
    meter = LoadMeter(root)
    assert meter.percent(now=10.0) == 50  # two of four cores
    Tree({"proc/stat": _stat(busy=1090, idle=1010)}).grow(tmp_path)
    assert meter.percent(now=10.0 + SHORTEST / 2) == 50  # too early for another look
    assert meter.percent(now=11.0) == 90
    Tree({"proc/stat": _stat(busy=1090, idle=1110)}).grow(tmp_path)
    assert meter.percent(now=11.0 + SHORTEST / 2) == 90
    assert meter.percent(now=12.0) == 0


def test_a_used_up_quota_is_full_load_on_an_idle_machine(tmp_path: Path) -> None:
    def machine(microseconds: int, idle: int) -> Tree:
        files = {"cpu.max": "50000 100000", "cpu.stat": f"usage_usec {microseconds}\n"}
        return Tree({**_ONLINE, **v2("/", "/", files), "proc/stat": _stat(busy=100, idle=idle)})

    meter = LoadMeter(machine(1_000_000, idle=100).grow(tmp_path))
    meter.percent(now=1.0)
    machine(1_400_000, idle=500).grow(tmp_path)
    assert meter.percent(now=2.0) == pytest.approx(80)


def test_a_system_without_counters_has_no_known_load(tmp_path: Path) -> None:
    meter = LoadMeter(tmp_path)
    assert [meter.percent(now=float(second)) for second in range(3)] == [0, 0, 0]
    assert minute_percent(Tree({"proc/loadavg": "nonsense"}).grow(tmp_path)) == 0


@given(
    ticks=st.tuples(*[st.integers(0, 10**6)] * 4),
    used=st.none() | st.tuples(st.floats(0, 10**6), st.floats(0, 10**6)),
    seconds=st.floats(0, 1000),
    quota=st.none() | st.floats(0.01, 100),
)
def test_load_is_a_percentage_whatever_counters_do(
    ticks: tuple[int, int, int, int],
    used: tuple[float, float] | None,
    seconds: float,
    quota: float | None,
) -> None:
    busy_then, idle_then, busy, idle = ticks
    then, now = used or (None, None)
    before = Look(0.0, busy_then, busy_then + idle_then, then, quota)
    after = Look(seconds, busy, busy + idle, now, quota)
    assert 0 <= busy_percent(before, after) <= 100


def test_lost_time_is_that_of_the_own_group(tmp_path: Path) -> None:
    files = {"pod/cpu.pressure": _PSI + "full avg10=2.25 avg60=0.00 avg300=0.00 total=1\n"}
    machine = {**v2("/pod", "/", files), "proc/pressure/cpu": _PSI.replace("11.50", "99.00")}
    found = pressure("cpu", Tree(machine).grow(tmp_path))
    assert found is not None
    assert (found.some, found.full, found.seconds) == (11.5, 2.25, 2.5)


def test_lost_time_of_the_machine_counts_without_a_group(tmp_path: Path) -> None:
    found = pressure("memory", Tree({"proc/pressure/memory": _PSI}).grow(tmp_path))
    assert found is not None
    assert (found.some, found.full) == (11.5, 0)


@pytest.mark.parametrize("text", ["", "some", "some avg10=x avg60=1 total=1", "full avg10=1\n"])
def test_lost_time_that_is_not_counted_is_not_known(text: str, tmp_path: Path) -> None:
    assert pressure("io", Tree({"proc/pressure/io": text}).grow(tmp_path)) is None


def test_this_machine_has_a_load() -> None:
    assert 0 <= cpu_load() <= 100
    assert look_at(0.0).ticks >= look_at(0.0).busy >= 0
