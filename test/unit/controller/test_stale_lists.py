"""A first list that is older than what is on record: the API server is asked before it is believed.

The watch goes on from the age of the list, but what it tells may come late.
"""

from __future__ import annotations

from collections import Counter

import pytest

from cluster_suite.flows import flow, retry, runs, sim, step
from jobflows.cluster.transport import Request, Response
from model import Rules, WatchFault
from unit.controller.stage import JOBS, Stage, play
from unit.controller.test_arrays import array, mixed, task_runs

LISTS = {
    "jobflows": "/apis/workflow.kube-zen.io/v1alpha1/jobflows",
    "jobs": "/apis/batch/v1/jobs",
    "pods": "/api/v1/pods",
}
TOO_LATE = WatchFault(delay=30.0)


async def list_all(stage: Stage) -> dict[str, Response]:
    """The first lists as they are now."""
    return {
        path: await stage.user.send(Request("GET", path, {}, None, "application/json"))
        for path in LISTS.values()
    }


async def restart_with(stage: Stage, lists: dict[str, Response], *, late: bool = True) -> None:
    """The next operator gets each of `lists` once, and (late) news behind it."""
    waiting = dict(lists)

    def gate(request: Request) -> Response | None:
        return waiting.pop(request.path, None) if request.method == "GET" else None

    stage.gate = gate
    rules = Rules()
    for resource, path in LISTS.items():
        if late and path in lists:
            rules = rules.on(TOO_LATE, client="operator", resource=resource)
    stage.server.faults = rules
    await stage.restart()
    await stage.until(lambda: not waiting)


def of(lists: dict[str, Response], *resources: str) -> dict[str, Response]:
    return {LISTS[resource]: lists[LISTS[resource]] for resource in resources}


def running(stage: Stage) -> str:
    """Tasks of step a that the status says are with an attempt."""
    batches = (stage.step("f", "a").get("tasks") or {}).get("running") or ()
    return ";".join(batch["tasks"] for batch in batches)


@pytest.mark.parametrize("stale", [("jobs",), ("jobs", "pods"), tuple(LISTS)])
def test_tasks_whose_job_is_in_no_list_are_not_begun_again(stale: tuple[str, ...]) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("a", pod=runs("60s"), **array(4))))
        old = await list_all(stage)
        stage.start()
        await stage.until(lambda: running(stage) == "0-3")
        await restart_with(stage, of(old, *stale))
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        assert stage.jobs_made == {("f", "a", 1): 1}
        assert task_runs(stage, "a") == Counter(range(4))

    play(scenario, start=False)


@pytest.mark.parametrize("stale", [("jobs",), tuple(LISTS)])
def test_tasks_that_are_tried_again_are_not_begun_once_more(stale: tuple[str, ...]) -> None:
    """Of the second attempt's Job nothing is seen, the first one is over."""
    flaky = sim("fail", run_for="20s", only_pods=r"^f-a-1-[13]-")

    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("a", pod=flaky, retryPolicy=retry(1), **array(4))))
        await stage.until(lambda: running(stage) == "0-3")
        old = await list_all(stage)
        await stage.until(lambda: running(stage) == "1,3")
        await restart_with(stage, of(old, *stale))
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        assert stage.jobs_made == {("f", "a", 1): 1, ("f", "a", 2): 1}
        assert task_runs(stage, "a") == Counter({0: 1, 1: 2, 2: 1, 3: 2})

    play(scenario)


def test_a_crash_at_any_call_and_lists_from_before_the_run_repeat_no_task() -> None:
    """What came between is told by the watches, in an order that nobody knows."""
    k, reached = 1, True
    while reached:

        async def scenario(stage: Stage, k: int = k) -> None:
            nonlocal reached
            await stage.apply(mixed())
            old = await list_all(stage)
            stage.start()
            stage.life.line.last_words = (k, "after")
            await stage.until(lambda: stage.life.line.dead or stage.phase("f") == "Succeeded")
            reached = stage.life.line.dead
            await restart_with(stage, old, late=False)
            await stage.ended("f")
            assert stage.phase("f") == "Succeeded", k
            wanted = Counter({i: 2 if i in (3, 7) else 1 for i in range(10)})
            assert task_runs(stage, "a") == wanted, k
            assert set(task_runs(stage, "b").values()) == {1}, k

        play(scenario, start=False)
        k += 1
    assert k > 10


def test_a_batch_that_is_gone_is_asked_for_once_and_begins_again() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("a", pod=runs("60s"), **array(4))))
        await stage.until(lambda: running(stage) == "0-3")
        await stage.crash()
        await stage.call("DELETE", f"{JOBS}/f-a-1", {"propagationPolicy": "Background"})
        before = stage.calls("list", "jobs")
        stage.start()
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        assert stage.jobs_made == {("f", "a", 1): 1, ("f", "a", 2): 1}
        assert stage.calls("list", "jobs") == before + 2  # its first list, and the question

    play(scenario)
