"""What `jobflow map` says while it works, and the summary at its end."""

import json
import os
import pty
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobflows.chunking.report import Report
from jobflows.cli.map.progress import Bar, Lines
from jobflows.cli.map.summary import summarize, to_message, to_table
from unit.cli.map_runs import Place, until


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_without_a_terminal_there_is_a_json_line_every_five_seconds(
    capfd: pytest.CaptureFixture[str],
) -> None:
    clock = Watch()
    shown = Lines(clock)
    shown.total, shown.skipped, shown.workers = 1000, 100, 2
    for second in range(1, 12):
        clock.now = 100.0 + second
        shown.done = 20 * second
        shown.failed = second // 6
        shown.tick()
        shown.tick()
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    same = {"total": 1000, "skipped": 100, "rate": 20.0, "workers": 2}
    assert lines == [
        {"done": 100, "failed": 0, "eta": 40, **same},
        {"done": 200, "failed": 1, "eta": 35, **same},
    ]


def test_the_rate_is_that_of_the_last_seconds(capfd: pytest.CaptureFixture[str]) -> None:
    clock = Watch()
    shown = Lines(clock)
    for second in range(1, 61):
        clock.now = 100.0 + second
        shown.done += 100 if second <= 30 else 1
        shown.tick()
    last = json.loads(capfd.readouterr().err.splitlines()[-1])
    assert (last["rate"], last["eta"], last["total"]) == (1.0, None, None)


def test_the_bar_shows_what_is_done_and_left() -> None:
    clock = Watch()
    shown = Bar(clock)
    shown.total, shown.done, shown.skipped, shown.failed, shown.workers = 2000, 500, 500, 3, 2
    bar = "#" * 15 + "." * 15
    assert shown.line(110.0) == f" 50% [{bar}] 1,000/2,000  3 failed  50/s  20.0s left  2 workers"
    shown.total = None
    assert shown.line(110.0) == "1,000  3 failed  50/s  10.0s  2 workers"


def test_on_a_terminal_the_bar_comes_and_goes(tmp_path: Path) -> None:
    place = Place(tmp_path)
    os.mkfifo(place.folder / "gate")
    terminal, theirs = pty.openpty()
    words = ("functions:meet", "--items", "ten.jsonl", "--out", "out.jsonl")
    with place.start(*words, stderr=theirs) as process:
        os.close(theirs)
        until((place.folder / "here").exists)
        seen = ""
        while "/10" not in seen:
            seen += os.read(terminal, 4096).decode()
        (place.folder / "gate").write_text("")
        try:
            while part := os.read(terminal, 4096).decode():
                seen += part
        except OSError:  # the program has ended
            os.close(terminal)
    assert process.returncode == 0
    assert re.search(r"\r\x1b\[K +\d+% \[[#.]{30}\] \d+/10  .*\d workers?", seen)
    last = re.sub(r".*\r\x1b\[K", "", seen.replace("\r\n", "\n"), flags=re.DOTALL)
    assert last.startswith("items    10: 10 done\n")


def report(**more: Any) -> Report:
    """A run of 2,000 items."""
    return Report(
        **{
            "items": 2000,
            "done": 1993,
            "failed": 3,
            "skipped": 7,
            "workers": 2,
            "executor": "process",
            "claim_items": 12.5,
            "seconds": 12.3,
            "item_seconds": 24.0,
            "cpu_seconds": 24.12345,
            "predicted_speedup": 1.96,
            "peak_memory": 73_400_320,
            **more,
        }
    )


def test_the_summary_for_people() -> None:
    failed = [(17, "ValueError: bad row\nof two lines"), (18, "x" * 500), (19, "y")]
    text = to_table(summarize(report(deaths=1), failed))
    assert text.splitlines() == [
        "items    2,000: 1,990 done, 3 failed, 7 done before",
        "time     12.3s",
        "item     12 ms on average",
        "workers  2 (process), 12.5 items a claim",
        "gain     speedup 1.95 (predicted 1.96), efficiency 98%",
        *[line for line in text.splitlines() if line.startswith("memory   70 MiB at most")],
        "deaths   1 of workers",
        "item 17 failed: ValueError: bad row of two lines",
        f"item 18 failed: {'x' * 159}…",
        "item 19 failed: y",
    ]


def test_the_summary_for_programs() -> None:
    found = json.loads(to_message(summarize(report(), [(17, "ValueError: bad row")], "SIGTERM")))
    limits = found["map"].pop("limits")
    assert set(limits) == {"cpus", "memory"}
    assert found == {
        "map": {
            "items": 2000,
            "done": 1990,
            "failed": 3,
            "skipped": 7,
            "workers": 2,
            "executor": "process",
            "claimItems": 12.5,
            "seconds": 12.3,
            "itemSeconds": 0.01204,
            "cpuSeconds": 24.12,
            "predictedSpeedup": 1.96,
            "speedup": 1.951,
            "efficiency": 0.9756,
            "peakMemory": 73400320,
            "deaths": 0,
            "halted": "SIGTERM",
            "failedItems": [{"index": 17, "error": "ValueError: bad row"}],
        }
    }


@given(st.lists(st.tuples(st.integers(0, 10**12), st.text(max_size=300)), max_size=60))
def test_the_message_fits_however_many_items_failed(failed: list[tuple[int, str]]) -> None:
    message = to_message(summarize(report(failed=len(failed)), failed))
    assert len(message) <= 4096
    listed = json.loads(message)["map"]["failedItems"]
    assert [each["index"] for each in listed] == [index for index, _ in failed[: len(listed)]]
    assert len(listed) >= min(len(failed), 3)
