"""Objects that somebody else made or spoilt: the recorder goes on, and believes none of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from cluster_suite.flows import flow, runs, step
from jobflows.archive import Archive, AttemptFilter, attempts, find_flow, flows
from unit.controller.stage import FLOWS, Object, Stage
from unit.controller.test_forgery import JOBS, PODS, SPOILT, forged, job
from unit.recorder.comparing import differences
from unit.recorder.test_recording import JOBFLOWS, watch
from unit.recorder.watched import Watcher

Spoil = Callable[[Stage], Awaitable[None]]


def archived_beside(archive: Archive, spoil: Spoil) -> list[tuple[str, int]]:
    """Spoil something while the flow `f` runs; its attempts, once it has ended and is archived."""

    async def scenario(stage: Stage, watcher: Watcher) -> None:
        await stage.apply(flow("f", step("a", pod=runs("10s"))))
        await stage.until(lambda: stage.phases("f").get("a") == "Running")
        await spoil(stage)
        await stage.ended("f")
        await watcher.caught_up()
        await watcher.crash()
        watcher.start()
        await watcher.caught_up()

    watch(archive, scenario)
    with archive.reading() as connection:
        kept = find_flow(connection, "f")
        assert kept is not None
        assert kept.phase == "Succeeded"
        tried = attempts(connection, AttemptFilter(flow_id=kept.id)).items
    assert {each.phase for each in tried} == {"Succeeded"}
    return [(each.step, each.attempt) for each in tried]


def pod(metadata: Object, *, owned: bool = True, **container: Any) -> Object:
    if not owned:
        metadata = {key: value for key, value in metadata.items() if key != "ownerReferences"}
    main = {"name": "main", "image": "busybox:1.36", **container}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [main]}}


def test_a_number_that_no_attempt_has_keeps_nothing_from_being_archived(archive: Archive) -> None:
    async def spoil(stage: Stage) -> None:
        for attempt in ("0", "2147483648", "9" * 50):
            meta = forged(stage, "f", "a", attempt)
            stage.server.create(JOBS, job({**meta, "name": f"f-a-{attempt}"}), "default")
            stage.server.create(PODS, pod({**meta, "name": f"pod-{attempt}"}), "default")

    assert archived_beside(archive, spoil) == [("a", 1)]


def test_a_whole_copy_of_a_job_and_a_pod_that_no_job_made_are_nobodys(archive: Archive) -> None:
    async def spoil(stage: Stage) -> None:
        for number in ("1", "2"):
            meta = forged(stage, "f", "a", number)
            stage.server.create(JOBS, job({**meta, "name": f"copy-{number}"}), "default")
            alone = pod({**meta, "name": f"alone-{number}"}, owned=False)
            stage.server.create(PODS, alone, "default")

    assert archived_beside(archive, spoil) == [("a", 1)]


ODD: list[tuple[str, Object]] = [
    ("9" * 18, {}),
    ("9" * 60, {}),
    ("0", {"env": [{"name": "JOBFLOW_TASKS", "value": "0-99999999999"}]}),
    ("0", {"resources": {"limits": {"cpu": "9223372036854775807"}}}),
    ("0", {"resources": {"limits": {"memory": "9" * 60}}}),
]


def test_numbers_that_no_column_holds_keep_nothing_from_being_archived(archive: Archive) -> None:
    async def spoil(stage: Stage) -> None:
        for number, (position, container) in enumerate(ODD):
            meta = {**forged(stage, "f", "a"), "annotations": runs("60s"), "name": f"odd-{number}"}
            meta["labels"]["batch.kubernetes.io/job-completion-index"] = position
            stage.server.create(PODS, pod(meta, **container), "default")
            await asyncio.sleep(1.5)

    assert archived_beside(archive, spoil) == [("a", 1)]


def test_statuses_that_somebody_has_spoilt_stop_nobody(archive: Archive) -> None:
    names = [f"f{number}" for number in range(len(SPOILT))]

    async def scenario(stage: Stage, watcher: Watcher) -> None:
        two = step("a"), step("b", "a", pod=runs("60s"))
        await stage.apply(*(flow(name, *two) for name in names))
        await stage.until(lambda: all(stage.phases(f).get("b") == "Running" for f in names))
        await stage.crash()
        right = {name: stage.status(name)["steps"] for name in names}
        for name, spoilt in zip(names, SPOILT.values(), strict=True):
            first, *others = right[name]
            await spoil(stage, name, [{**first, **spoilt}, *others])
        await watcher.caught_up()
        with archive.reading() as connection:
            assert [each.phase for each in flows(connection).items] == ["Running"] * len(names)
        for name in names:
            await spoil(stage, name, right[name])
        stage.start()
        await stage.ended(*names)
        await watcher.caught_up()

    stage = watch(archive, scenario)
    assert differences(stage.server.objects(JOBFLOWS), stage.jobs_made, archive) == []


async def spoil(stage: Stage, name: str, steps: list[Object]) -> None:
    """Write another status, as nobody but the operator should."""
    await stage.call("PATCH", f"{FLOWS}/{name}/status", {"status": {"steps": steps}})
