"""What pods use that do not measure themselves: by the metrics API, and by nobody where none is."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from cluster_suite.flows import flow, sim, step
from jobflows.archive import (
    Archive,
    AttemptFact,
    AttemptFilter,
    AttemptInfo,
    attempts,
    find_flow,
    usage,
)
from unit.archive.samples import attempt
from unit.controller.stage import Object, Stage
from unit.recorder.metrics_api import MetricsApi
from unit.recorder.test_recording import watch
from unit.recorder.watched import Watcher

MEBI = 1 << 20


def memory(seconds: float) -> int:
    """A hundred MiB, and three hundred between seconds 30 and 50."""
    return (300 if 30 <= seconds < 50 else 100) * MEBI


def cpu(seconds: float) -> float:
    """Half a core."""
    return seconds / 2


def tried(archive: Archive) -> list[AttemptInfo]:
    with archive.reading() as connection:
        kept = find_flow(connection, "f")
        assert kept is not None
        return attempts(connection, AttemptFilter(flow_id=kept.id)).items


def play(
    archive: Archive,
    seconds: int,
    *,
    refuses: int = 0,
    crash: bool = False,
    pod: Object | None = None,
    **fields: Any,
) -> MetricsApi:
    """Let a step of so many seconds run beside a metrics API."""
    only = step("a", pod={**sim(run_for=f"{seconds}s"), **(pod or {})}, **fields)
    made: list[MetricsApi] = []

    async def scenario(stage: Stage, watcher: Watcher) -> None:
        watcher.metrics = MetricsApi(stage.server, memory, cpu, refuses=refuses)
        made.append(watcher.metrics)
        await stage.apply(flow("f", only))
        await asyncio.sleep(seconds / 2)
        if crash:
            await watcher.crash()
            await asyncio.sleep(3)
            watcher.start()
        await asyncio.sleep(seconds / 2 - 3)
        await stage.ended("f")
        await watcher.caught_up()
        asked = watcher.metrics.asked
        await asyncio.sleep(60)
        assert watcher.metrics.asked == asked, "nothing of ours runs"

    watch(archive, scenario)
    return made[0]


def test_the_most_that_was_seen_of_the_main_container_is_its_peak(archive: Archive) -> None:
    play(archive, 100)
    (found,) = tried(archive)
    assert (found.phase, found.measured_by) == ("Succeeded", "metrics")
    assert found.peak_memory == 300 * MEBI
    assert found.cpu_seconds == pytest.approx(50, rel=0.05)
    with archive.reading() as connection:
        assert usage(connection, found.kind_id).sampled == 1


def test_each_task_of_an_array_is_seen_by_itself(archive: Archive) -> None:
    play(archive, 60, array={"count": 3})
    assert [(each.task, each.peak_memory) for each in tried(archive)] == [
        (task, 300 * MEBI) for task in range(3)
    ]


def test_who_measures_itself_is_believed(archive: Archive) -> None:
    said = {"items": 1, "done": 1, "cpuSeconds": 7.5, "peakMemory": 42 * MEBI, "seconds": 100}
    play(archive, 100, pod=sim(message=json.dumps({"map": said})))
    (found,) = tried(archive)
    assert (found.peak_memory, found.cpu_seconds) == (42 * MEBI, 7.5)
    assert found.measured_by == "runtime"


def test_a_pod_that_nobody_looked_at_in_time_is_unknown_and_not_zero(archive: Archive) -> None:
    play(archive, 6)
    (found,) = tried(archive)
    assert (found.peak_memory, found.cpu_seconds, found.measured_by) == (None, None, "")


@pytest.mark.parametrize("status", [404, 403])
def test_where_there_is_no_such_api_nothing_is_known_and_nobody_is_bothered(
    archive: Archive, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = play(archive, 40, refuses=status)
    (found,) = tried(archive)
    assert (found.peak_memory, found.cpu_seconds, found.measured_by) == (None, None, "")
    assert metrics.asked == 1
    assert not [each for each in caplog.records if each.levelname in ("WARNING", "ERROR")]


def test_what_a_killed_recorder_saw_is_not_lost(archive: Archive) -> None:
    play(archive, 100, crash=True)
    (found,) = tried(archive)
    assert found.peak_memory == 300 * MEBI
    assert found.cpu_seconds == pytest.approx(50, rel=0.05)


SEEN: list[AttemptFact] = [
    attempt(version=3, peak_memory=900, cpu_seconds=9.0, measured_by="metrics"),
    attempt(version=9, peak_memory=700, cpu_seconds=1.0, measured_by="runtime"),
    attempt(version=12),
]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)])
def test_a_sample_never_replaces_what_the_runtime_measured(
    archive: Archive, order: tuple[int, ...]
) -> None:
    for number in order:
        archive.write([SEEN[number]])
    with archive.reading() as connection:
        (found,) = attempts(connection, AttemptFilter(flow_id="f1")).items
    assert (found.peak_memory, found.cpu_seconds) == (700, 1.0)
    assert found.measured_by == "runtime"
