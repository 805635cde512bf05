"""What the recorder makes of flows: whole, once, and whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from cluster_suite.flows import flow, retry, sim, step
from jobflows.archive import (
    Archive,
    AttemptFilter,
    attempt,
    attempts,
    errors,
    find_flow,
    flows,
    log_tail,
    runs,
    steps,
    usage,
)
from jobflows.manifests.labels import ARCHIVED
from model import Call, Delivery, Fault, RandomFaults, WatchFault, kind_of
from unit.archive.rows import all_rows
from unit.controller.stage import Object, Stage, play
from unit.recorder.watched import Watcher

Scenario = Callable[[Stage, Watcher], Awaitable[None]]
JOBFLOWS = kind_of("jobflows")


def watch(archive: Archive, scenario: Scenario, *, seed: int = 0, **settings: Any) -> Stage:
    """Play a scenario with an operator and a recorder at work."""

    async def main(stage: Stage) -> None:
        watcher = Watcher(stage, archive)
        watcher.start()
        try:
            await scenario(stage, watcher)
        finally:
            await watcher.crash()

    return play(main, seed=seed, **settings)


def flaky(name: str, rng: random.Random) -> Object:
    """A flow of a few steps, some of which fail a few times."""
    made: list[Object] = []
    for i in range(rng.randint(1, 4)):
        parents = [f"s{i - 1}"] if i and rng.random() < 0.5 else []
        fails, limit = rng.choice((0, 0, 1, 2)), rng.choice((0, 2))
        pod = sim(run_for="2s")
        if fails:
            which = f"-[1-{fails}]-[a-z0-9]{{5}}$"
            pod = sim("fail", only_pods=which, exit_code=str(3 + i), run_for="2s")
        made.append(step(f"s{i}", *parents, pod=pod, retryPolicy=retry(limit, "1s")))
    return flow(name, *made, executionPolicy={"backoffLimit": 100})


def compare(stage: Stage, archive: Archive) -> None:
    """Assert that the archive says of each flow what its status says."""
    with archive.reading() as connection:
        for each in stage.server.objects(JOBFLOWS):
            status, meta = each["status"], each["metadata"]
            kept = find_flow(connection, meta["name"])
            assert kept is not None
            assert (kept.id, kept.phase) == (meta["uid"], status["phase"])
            told = {s["name"]: (s["phase"], s.get("attempt", 0)) for s in status["steps"]}
            assert {s.step: (s.phase, s.attempts) for s in steps(connection, kept.id)} == told
            tried = attempts(connection, AttemptFilter(flow_id=kept.id)).items
            made = {key[1:] for key in stage.jobs_made if key[0] == meta["name"]}
            assert {(a.step, a.attempt) for a in tried} == made
            failures = {
                (s["name"], f["attempt"]): (f["cause"], f.get("exitCode"))
                for s in status["steps"]
                for f in s.get("failures", ())
            }
            failed = {
                (a.step, a.attempt): (a.cause, a.exit_code) for a in tried if a.phase == "Failed"
            }
            assert failed == failures
            assert {a.phase for a in tried} <= {"Succeeded", "Failed"}


@pytest.mark.parametrize("seed", range(5))
def test_the_archive_equals_the_ledgers_whatever_is_killed(archive: Archive, seed: int) -> None:
    rng = random.Random(seed)

    async def scenario(stage: Stage, watcher: Watcher) -> None:
        calm = stage.server.clock.now() + 60
        watcher.away = lambda: stage.server.clock.now() < calm and rng.random() < 0.3
        names = [f"flow-{n}" for n in range(3)]
        for name in names:
            await stage.apply(flaky(name, rng))
            await asyncio.sleep(rng.uniform(0, 5))
            if rng.random() < 0.7:
                await watcher.crash()
                await asyncio.sleep(rng.uniform(0, 20))
                watcher.start()
            stage.server.cut_watches(client="recorder")
        await stage.ended(*names)
        await asyncio.sleep(60)
        await watcher.caught_up()
        compare(stage, archive)
        before = all_rows(archive)
        await watcher.crash()
        watcher.start()
        await watcher.caught_up()
        assert {name: len(rows) for name, rows in all_rows(archive).items()} == {
            name: len(rows) for name, rows in before.items()
        }
        compare(stage, archive)

    watch(archive, scenario, seed=seed)


@dataclass
class ForRecorder:
    """A bad network, but only for the recorder, and only for a while."""

    random: RandomFaults
    over: bool = False

    def on_call(self, call: Call) -> Fault | None:
        return None if self.over or call.client != "recorder" else self.random.on_call(call)

    def on_event(self, delivery: Delivery) -> WatchFault | None:
        if self.over or delivery.client != "recorder":
            return None
        return self.random.on_event(delivery)


@pytest.mark.parametrize("seed", range(2))
def test_a_bad_network_costs_the_archive_nothing(archive: Archive, seed: int) -> None:
    rng = random.Random(seed)

    async def scenario(stage: Stage, watcher: Watcher) -> None:
        faults = stage.server.faults = ForRecorder(RandomFaults(rng, rate=0.2))
        names = [f"flow-{n}" for n in range(3)]
        await stage.apply(*(flaky(name, rng) for name in names))
        await stage.ended(*names)
        faults.over = True
        await asyncio.sleep(120)
        await watcher.caught_up()
        compare(stage, archive)

    watch(archive, scenario)


def test_a_failed_attempt_has_its_log_its_pod_and_its_times(archive: Archive) -> None:
    async def scenario(stage: Stage, watcher: Watcher) -> None:
        watcher.logs["f-a-1"] = b"start\nKeyError: 'x'\n"
        pod = sim("fail", exit_code="3", run_for="7s")
        await stage.apply(flow("f", step("a", pod=pod), step("b")))
        await stage.ended("f")
        await watcher.caught_up()

    watch(archive, scenario)
    with archive.reading() as connection:
        kept = find_flow(connection, "f")
        assert kept is not None
        failed = attempt(connection, kept.id, "a", 1)
        assert failed is not None
        assert failed.pod.startswith("f-a-1-")
        assert (failed.phase, failed.cause, failed.exit_code) == ("Failed", "Application", 3)
        assert failed.seconds == 7
        assert failed.node
        assert failed.peak_memory is None
        assert log_tail(connection, kept.id, "a", 1) == "start\nKeyError: 'x'\n"
        assert [each.pattern for each in errors(connection).items] == ["KeyError: 'x'"]
        assert usage(connection, failed.kind_id).failed == 1


def test_each_task_of_an_array_has_a_row(archive: Archive) -> None:
    async def scenario(stage: Stage, watcher: Watcher) -> None:
        pod = sim("fail", exit_code="4", only_pods="-1-[01]-")
        await stage.apply(flow("f", step("a", pod=pod, array={"count": 5})))
        await stage.ended("f")
        await watcher.caught_up()

    watch(archive, scenario)
    with archive.reading() as connection:
        kept = find_flow(connection, "f")
        assert kept is not None
        tried = attempts(connection, AttemptFilter(flow_id=kept.id)).items
    found = {(each.attempt, each.task): each.phase for each in tried}
    assert {task for number, task in found if number == 1} == set(range(5))
    assert [found[1, task] for task in range(5)] == ["Failed"] * 2 + ["Succeeded"] * 3


@pytest.mark.parametrize("gone", ["pods", "pods and Jobs"])
def test_tasks_whose_pods_nobody_has_seen_have_rows_all_the_same(
    archive: Archive, gone: str
) -> None:
    async def scenario(stage: Stage, watcher: Watcher) -> None:
        await watcher.crash()
        pod = sim("fail", exit_code="4", only_pods="-a-1-[01]-")
        steps = [
            step("a", pod=pod, array={"count": 5}, continueOnFailure=True),
            step("b", pod=sim("fail", only_pods="-b-1-0-"), array={"count": 3}),
        ]
        steps[1]["retryPolicy"] = retry(1, "1s")
        await stage.apply(flow("f", *steps))
        await stage.ended("f")
        await _delete_all(stage, "pods")
        if gone != "pods":
            await _delete_all(stage, "jobs")
        watcher.start()
        await watcher.caught_up()
        assert _mark(stage, "f") == "1"

    watch(archive, scenario)
    with archive.reading() as connection:
        kept = find_flow(connection, "f")
        assert kept is not None
        tried = attempts(connection, AttemptFilter(flow_id=kept.id)).items
    found = {(each.step, each.attempt, each.task): each.phase for each in tried}
    assert {key: found[key] for key in found if key[0] == "a"} == {
        ("a", 1, task): "Failed" if task < 2 else "Succeeded" for task in range(5)
    }
    assert {key[1:]: found[key] for key in found if key[0] == "b"} == (
        {(1, 0): "Failed", (1, 1): "Succeeded", (1, 2): "Succeeded", (2, 0): "Succeeded"}
        if gone == "pods"
        else {(0, task): "Succeeded" for task in range(3)}
    )
    assert {(each.started, each.peak_memory, each.cpu_seconds) for each in tried} == {(None,) * 3}


async def _delete_all(stage: Stage, plural: str) -> None:
    group = "/apis/batch/v1" if plural == "jobs" else "/api/v1"
    for each in stage.server.objects(kind_of(plural)):
        path = f"{group}/namespaces/default/{plural}/{each['metadata']['name']}"
        await stage.call("DELETE", path, {"propagationPolicy": "Background"})
    await stage.until(lambda: not stage.server.objects(kind_of(plural)))


def test_runs_of_a_resumed_flow_stay_apart(archive: Archive) -> None:
    async def scenario(stage: Stage, watcher: Watcher) -> None:
        pod = sim("fail", only_pods="-1-[a-z0-9]{5}$")
        await stage.apply(flow("f", step("a", pod=pod, retryPolicy=retry(0, "1s"))))
        await stage.ended("f")
        await watcher.caught_up()
        assert _mark(stage, "f") == "1"
        await stage.resume("f", id="again")
        await stage.until(lambda: stage.phase("f") == "Succeeded")
        await watcher.caught_up()
        assert _mark(stage, "f") == "2"

    watch(archive, scenario)
    with archive.reading() as connection:
        kept = find_flow(connection, "f")
        assert kept is not None
        told = [(each.run, each.phase) for each in runs(connection, kept.id)]
        tried = attempts(connection, AttemptFilter(flow_id=kept.id)).items
    assert told == [(2, "Succeeded"), (1, "Failed")]
    assert [(each.attempt, each.phase, each.run) for each in tried] == [
        (1, "Failed", 1),
        (2, "Succeeded", 2),
    ]


def _mark(stage: Stage, name: str) -> str | None:
    record = stage.flow(name)
    assert record is not None
    mark: str | None = record["metadata"].get("annotations", {}).get(ARCHIVED)
    return mark


SHORT = {"ttlSecondsAfterFinished": 10}


def test_where_an_archive_is_required_a_ttl_waits_for_it(archive: Archive) -> None:
    async def scenario(stage: Stage, watcher: Watcher) -> None:
        away = True
        watcher.away = lambda: away
        await stage.apply(flow("f", step("a"), executionPolicy=SHORT))
        await stage.ended("f")
        await asyncio.sleep(3600)
        assert stage.phase("f") == "Succeeded"
        assert _mark(stage, "f") is None
        assert watcher.lag() > 3000
        away = False
        await stage.until(lambda: stage.flow("f") is None)
        await watcher.caught_up()

    watch(archive, scenario, archive_required=True)
    with archive.reading() as connection:
        (kept,) = flows(connection).items
        assert kept.phase == "Succeeded"
        assert kept.deleted is not None
        assert [each.phase for each in steps(connection, kept.id)] == ["Succeeded"]
        tried = attempts(connection, AttemptFilter(flow_id=kept.id)).items
    assert [each.phase for each in tried] == ["Succeeded"]


def test_what_goes_with_its_flow_was_not_deleted_by_anybody(archive: Archive) -> None:
    async def scenario(stage: Stage, watcher: Watcher) -> None:
        pod = sim("fail", exit_code="3", run_for="1s")
        await stage.apply(flow("f", step("a", pod=pod), executionPolicy=SHORT))
        await stage.until(lambda: stage.flow("f") is None)
        await stage.until(lambda: not stage.pods())
        await watcher.caught_up()

    watch(archive, scenario, archive_required=True)
    with archive.reading() as connection:
        (kept,) = flows(connection).items
        (tried,) = attempts(connection, AttemptFilter(flow_id=kept.id)).items
    assert (tried.cause, tried.exit_code) == ("Application", 3)


def test_a_flow_that_is_invalid_is_archived_and_goes_as_well(archive: Archive) -> None:
    async def scenario(stage: Stage, watcher: Watcher) -> None:
        bad = flow("f", step("a", "nobody"), executionPolicy=SHORT)
        await stage.apply(bad)
        await stage.until(lambda: stage.flow("f") is None)
        await watcher.caught_up()

    watch(archive, scenario, archive_required=True)
    with archive.reading() as connection:
        (kept,) = flows(connection).items
    assert (kept.phase, kept.reason) == ("Failed", "Invalid")


def test_without_that_a_ttl_waits_for_nobody(archive: Archive) -> None:
    async def scenario(stage: Stage, watcher: Watcher) -> None:
        watcher.away = lambda: True
        await stage.apply(flow("f", step("a"), executionPolicy=SHORT))
        await stage.ended("f")
        await stage.until(lambda: stage.flow("f") is None, 60)

    watch(archive, scenario)


def test_pods_with_the_labels_of_a_flow_of_another_namespace_are_nobodys(
    archive: Archive,
) -> None:
    async def scenario(stage: Stage, watcher: Watcher) -> None:
        await stage.apply(flow("f", step("a", pod=sim(run_for="60s"))))
        await stage.until(lambda: bool(stage.pods()))
        pod = stage.pods()[0]
        meta = pod["metadata"]
        forged = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": "forged",
                "namespace": "other",
                "labels": {**meta["labels"], "workflow.kube-zen.io/attempt": "9"},
            },
            "spec": pod["spec"],
        }
        other = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}}
        stage.server.create(kind_of("namespaces"), other)
        stage.server.create(kind_of("pods"), forged, "other")
        await stage.ended("f")
        await watcher.caught_up()

    watch(archive, scenario)
    with archive.reading() as connection:
        kept = find_flow(connection, "f")
        assert kept is not None
        tried = attempts(connection, AttemptFilter(flow_id=kept.id)).items
    assert [each.attempt for each in tried] == [1]
