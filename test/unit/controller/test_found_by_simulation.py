"""What `make simulate` found, each once more as a small story of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from cluster_suite.flows import flow, runs, sim, step
from jobflows.api.resume import RESUME_ANNOTATION
from jobflows.cluster.transport import Request, Response
from jobflows.engine.stopping import STOP_ANNOTATION
from jobflows.manifests import labels
from model import Fault, Outcome, Rules, WatchFault
from unit.controller.stage import FLOWS, JOBS, Object, Stage, play
from unit.controller.test_refusals import Refusing

QUOTA = 'jobs.batch "x" is forbidden: exceeded quota: jobs'


def refusing(flow_name: str, while_: Callable[[], bool]) -> Callable[[Request], Response | None]:
    return Refusing(lambda name: name.startswith(f"{flow_name}-") and while_(), 403, QUOTA)


def test_a_flow_that_was_refused_is_told_when_there_is_room_again() -> None:
    """Seed 43: it stood in no line for the operator's limit, as if it still could use nothing."""

    async def scenario(stage: Stage) -> None:
        refused = True
        stage.gate = refusing("late", lambda: refused)
        await stage.apply(flow("late", step("a")))
        await stage.until(lambda: stage.gauge("zen_flow_jobflows_waiting", reason="Quota") >= 0)
        await asyncio.sleep(1.0)
        await stage.apply(flow("first", step("a", pod=runs("120s"))))
        await stage.until(lambda: "first-a-1" in stage.jobs(), seconds=60)
        refused = False
        await stage.ended("first", "late", seconds=200)
        assert stage.phase("late") == "Succeeded"

    play(scenario, max_concurrent_jobs=1)


def test_a_step_whose_pod_is_seen_late_has_said_what_it_said() -> None:
    """Seed 842: its Job was seen to be done, its message was not, and the step ran once more."""

    async def scenario(stage: Stage) -> None:
        says = sim(message='{"rows": 7}')
        rows = {"parameters": [{"name": "rows", "valueFrom": {"jsonPath": "$.rows"}}]}
        late = WatchFault(delay=30.0)
        stage.server.faults = Rules().on(late, client="operator", resource="pods")
        await stage.apply(flow("f", step("a", pod=says, outputs=rows)))
        await stage.ended("f", seconds=60)
        assert stage.step("f", "a")["outputs"] == {"rows": "7"}
        stage.once_each("f", "a")

    play(scenario)


def test_a_job_that_was_on_its_way_when_its_flow_was_stopped_keeps_its_number() -> None:
    """Seed 418: nothing of it was on record, and the next run made a Job of the same name."""

    async def scenario(stage: Stage) -> None:
        slow = Fault(delay=3.0)
        stage.server.faults = Rules().on(slow, verb="create", resource="jobs", nth=[1])
        await stage.apply(flow("f", step("a", pod=runs("1s"))))
        await stage.until(lambda: stage.server.calls["operator", "create", "jobs"] == 1)
        stop = {"metadata": {"annotations": {STOP_ANNOTATION: "stop"}}}
        await stage.call("PATCH", f"{FLOWS}/f", stop)
        await stage.ended("f")
        await stage.until(lambda: "f-a-1" in stage.ends)
        again = {STOP_ANNOTATION: None, RESUME_ANNOTATION: '{"id": "2"}'}
        await stage.call("PATCH", f"{FLOWS}/f", {"metadata": {"annotations": again}})
        await stage.until(lambda: stage.phase("f") == "Succeeded")
        assert stage.jobs_made == {("f", "a", 1): 1, ("f", "a", 2): 1}

    play(scenario)


@pytest.mark.parametrize("second", [Outcome(image_error=True), Outcome(exit_code=1)])
def test_tasks_that_find_no_image_fail_once_the_others_have_ended(second: Outcome) -> None:
    """Seed 1156: once a task of a Job had ended, nobody looked at those that wait in vain."""
    late = Outcome(pending_for=50.0, run_for=45.0)
    lives = [Outcome(image_error=True), second, late, Outcome(run_for=1.0)]

    async def scenario(stage: Stage) -> None:
        stage.server.script = lambda pod: lives[int(pod["metadata"]["labels"][labels.POSITION])]
        await stage.apply(flow("f", step("a", array={"count": len(lives)})))
        await stage.ended("f", seconds=180)
        tasks = stage.step("f", "a")["tasks"]
        assert (tasks["failed"], tasks["succeeded"]) == ("0-1", "2-3")
        assert stage.phase("f") == "Failed"
        await stage.until(lambda: not stage.pods())

    play(scenario)


def test_a_step_is_started_though_the_job_before_it_is_over_sooner_than_answered() -> None:
    """Seed 1239: the answer was to open the window of starts again, and woke nobody."""

    async def scenario(stage: Stage) -> None:
        slow = Fault(delay_answer=5.0)
        stage.server.faults = Rules().on(slow, verb="create", resource="jobs", nth=[1])
        await stage.apply(flow("f", step("a"), step("b", "a")))
        await stage.ended("f", seconds=60)
        assert stage.phase("f") == "Succeeded"

    play(scenario, start_window=1)


def test_the_next_flow_of_a_group_goes_on_when_the_last_request_of_the_one_before_is_answered() -> (
    None
):
    """Seed 2528: the Job was gone before the answer came, and only its flow was told of that."""
    group = {"concurrencyGroup": "nightly", "concurrencyPolicy": "Replace"}

    async def scenario(stage: Stage) -> None:
        slow = Fault(delay_answer=5.0)
        stage.server.faults = Rules().on(slow, verb="create", resource="jobs", nth=[1])
        await stage.apply(flow("old", step("a", pod=runs("60s")), executionPolicy=group))
        await asyncio.sleep(1.5)
        await stage.apply(flow("new", step("a"), executionPolicy=group))
        await stage.ended("old", "new", seconds=60)
        assert stage.phase("new") == "Succeeded"

    play(scenario)


@pytest.mark.parametrize("limit", ["flow", "operator", "lock"])
def test_a_batch_without_an_image_takes_room_until_its_job_is_gone(limit: str) -> None:
    """Seeds 7826, 7929, 8834: its tasks had failed, and its pods were there when the next began."""
    policy = {"parallelism": 1} if limit == "flow" else {}
    locks: dict[str, Any] = {"locks": [{"name": "gpu", "limit": 1}]} if limit == "lock" else {}

    async def scenario(stage: Stage) -> None:
        stage.server.faults = Rules().on(
            Fault(lost="before"), client="operator", verb="delete", resource="jobs", nth=range(1, 9)
        )
        hopeless = step("a", pod=sim("image-error"), array={"count": 1}, **locks)
        await stage.apply(flow("f", hopeless, executionPolicy=policy))
        await stage.until(lambda: "f-a-1" in stage.jobs())
        if limit == "flow":
            await stage.edit("f", steps=[hopeless, step("b")])
        else:
            await stage.apply(flow("g", step("b", **locks)))
        await stage.until(lambda: len(stage.starts) == 2, seconds=120)
        assert stage.ends["f-a-1"] <= stage.starts[1][1]

    play(scenario, max_concurrent_jobs=1 if limit == "operator" else 0)


def test_a_start_that_went_wrong_is_not_repeated_once_its_flow_is_suspended() -> None:
    """Seed 9844: the call was tried again by itself, when nobody wanted the Job any more."""

    async def scenario(stage: Stage) -> None:
        lost = Fault(lost="before")
        stage.server.faults = Rules().on(lost, verb="create", resource="jobs", nth=range(1, 4))
        await stage.apply(flow("f", step("a")))
        await stage.until(lambda: stage.server.calls["operator", "create", "jobs"] == 1)
        await stage.edit("f", suspend=True)
        await stage.until(lambda: stage.phase("f") == "Suspended")
        await asyncio.sleep(30)
        assert not stage.starts
        await stage.edit("f", suspend=False)
        await stage.ended("f", seconds=60)
        stage.once_each("f", "a")


@pytest.mark.parametrize("goes_on", [True, False], ids=["flow runs", "flow is over"])
@pytest.mark.parametrize("more", [{}, {"array": {"count": 3}}], ids=["step", "array"])
def test_a_job_that_comes_when_its_step_has_succeeded_is_stopped(
    more: Object, goes_on: bool
) -> None:
    """Seeds 3348 and 5623: it was on its way when its sender was killed, and ran to its end."""
    brief = step("a", **more)
    brief["template"]["spec"]["ttlSecondsAfterFinished"] = 0
    steps = [brief, step("b", "a", pod=runs("600s"))] if goes_on else [brief]
    sent: list[bytes] = []

    def gate(request: Request) -> Response | None:
        if request.method == "POST" and request.path == JOBS and request.body:
            sent.append(request.body)
        return None

    async def scenario(stage: Stage) -> None:
        stage.gate = gate
        await stage.apply(flow("f", *steps))
        await stage.until(lambda: "f-a-1" in stage.ends and stage.jobs() == ["f-b-1"] * goes_on)
        await asyncio.sleep(5.0)
        before = stage.status("f")
        assert before["steps"][0]["phase"] == "Succeeded"
        stage.server.script = lambda pod: Outcome(exit_code=1, run_for=60.0)
        stage.ends.clear()
        await stage.call("POST", JOBS, msgspec.json.decode(sent[0]))
        await stage.until(lambda: "f-a-1" in stage.ends, seconds=1.0)
        await asyncio.sleep(5.0)
        assert stage.status("f") == before
        assert stage.jobs() == ["f-b-1"] * goes_on

    play(scenario)


def test_a_creation_is_not_repeated_once_its_job_was_seen() -> None:
    """Seed 395: its answer was lost, and when it was sent again, its Job was over and deleted."""
    brief = step("a")
    brief["template"]["spec"]["ttlSecondsAfterFinished"] = 0

    async def scenario(stage: Stage) -> None:
        lost = Fault(delay_answer=5.0, lost="after")
        stage.server.faults = Rules().on(lost, verb="create", resource="jobs", nth=[1])
        await stage.apply(flow("f", brief, step("b", "a")))
        await stage.ended("f", seconds=60)
        await asyncio.sleep(30.0)
        stage.once_each("f", "a", "b")

    play(scenario)


def test_no_exit_handler_is_started_of_a_flow_that_is_gone() -> None:
    """Seed 1994: the deletion had not been told of, and the status was nowhere to be written."""

    async def scenario(stage: Stage) -> None:
        late = WatchFault(delay=10.0)
        stage.server.faults = Rules().on(late, client="operator", resource="jobflows")
        await stage.apply(flow("f", step("a", when="false"), onExit=[step("told")]))
        await asyncio.sleep(5.0)
        await stage.call("DELETE", f"{FLOWS}/f")
        await asyncio.sleep(60.0)
        assert stage.server.calls["operator", "patch", "jobflows/status"] == 1
        assert stage.server.calls["operator", "create", "jobs"] == 0

    play(scenario)
