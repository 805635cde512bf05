"""What the metrics say of flows that wait: for what, for how long, and how many steps."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from cluster_suite.flows import Object, chain, fan, flow, manual, retry, runs, sim, step
from jobflows.cluster.transport import Request, Response
from unit.controller.stage import JOBS, Stage, play

WAIT = "zen_flow_jobflow_longest_wait_seconds"
UNANSWERED = "zen_flow_approval_longest_wait_seconds"
QUEUE = "zen_flow_step_execution_queue_depth"
HOUR = 3600.0


def waits(stage: Stage) -> dict[str, float]:
    """Seconds by reason."""
    return {
        sample.labels["reason"]: sample.value
        for metric in stage.registry.collect()
        for sample in metric.samples
        if sample.name == WAIT
    }


def lock(name: str) -> list[Object]:
    return [{"name": name}]


GROUP = {"concurrencyGroup": "nightly", "concurrencyPolicy": "Forbid"}
LONG = runs("40h")
STUCK = sim(pending_for="40h")


def test_a_flow_whose_pods_do_not_start_waits_and_one_that_runs_for_long_does_not() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(chain("busy", 2, LONG), chain("stuck", 2, STUCK))
        await asyncio.sleep(5 * HOUR)
        assert waits(stage) == {"Pods": pytest.approx(5 * HOUR, abs=60)}
        await stage.delete("stuck")
        await asyncio.sleep(60)
        assert waits(stage) == {}

    play(scenario)


def test_what_a_flow_waits_for_is_told_apart() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(
            flow("holder", step("a", pod=LONG, locks=lock("db")), executionPolicy=GROUP)
        )
        await asyncio.sleep(60)
        await stage.apply(
            flow("later", step("a"), executionPolicy=GROUP),
            flow("locked", step("a", locks=lock("db"))),
        )
        await asyncio.sleep(HOUR)
        expected = {"WaitingForFlow": HOUR, "Lock": HOUR}
        assert waits(stage) == {k: pytest.approx(v, abs=60) for k, v in expected.items()}

    play(scenario)


def test_a_flow_that_waits_for_a_slot_waits_for_the_quota() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(chain("first", 1, LONG))
        await asyncio.sleep(60)
        await stage.apply(chain("second", 1))
        await asyncio.sleep(HOUR)
        assert waits(stage) == {"Quota": pytest.approx(HOUR, abs=60)}
        assert stage.gauge(QUEUE) == 0  # it waits for a limit, not for the operator

    play(scenario, max_concurrent_jobs=1)


def test_a_flow_whose_jobs_are_refused_waits_for_that() -> None:
    async def scenario(stage: Stage) -> None:
        def refuse(request: Request) -> Response | None:
            if (request.method, request.path) != ("POST", JOBS):
                return None
            status = {"kind": "Status", "code": 403, "message": "exceeded quota: none left"}
            return Response(403, msgspec.json.encode(status))

        stage.gate = refuse
        await stage.apply(chain("f", 2))
        await asyncio.sleep(HOUR)
        assert waits(stage) == {"Refused": pytest.approx(HOUR, abs=60)}

    play(scenario)


def test_a_flow_that_was_edited_into_nonsense_waits_for_its_author() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("a", pod=runs("60s")), step("b", "a")))
        await asyncio.sleep(5)
        await stage.edit("f", steps=[step("a", pod=runs("60s")), step("b", "nobody")])
        await asyncio.sleep(HOUR)
        assert waits(stage) == {"Invalid": pytest.approx(HOUR, abs=120)}

    play(scenario)


def test_what_people_want_is_no_wait() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(
            flow("suspended", step("a"), suspend=True),
            flow("zero", step("a"), executionPolicy={"parallelism": 0}),
            flow("asks", manual("check")),
        )
        await asyncio.sleep(HOUR)
        assert waits(stage) == {}
        assert stage.gauge(UNANSWERED) == pytest.approx(HOUR, abs=60)
        await stage.annotate("asks", check="true")
        await stage.ended("asks")
        assert stage.gauge(UNANSWERED) == 0

    play(scenario)


def test_a_question_is_as_old_as_it_is_also_while_other_steps_run() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", manual("early"), step("a", pod=LONG)))
        await asyncio.sleep(HOUR)
        await stage.apply(flow("g", manual("late")))
        await asyncio.sleep(60)
        assert waits(stage) == {}
        for _ in range(2):
            assert stage.gauge(UNANSWERED) == pytest.approx(HOUR + 60, abs=30)
            await stage.restart()  # the next operator knows it from the status
            await asyncio.sleep(5)

    play(scenario)


def test_a_wait_is_as_old_as_it_is_also_after_a_restart() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(chain("f", 2, STUCK))
        await asyncio.sleep(5 * HOUR)
        await stage.restart()
        await asyncio.sleep(60)
        assert waits(stage) == {"Pods": pytest.approx(5 * HOUR + 60, abs=60)}

    play(scenario)


def test_a_step_that_backs_off_waits_only_once_its_retry_is_due() -> None:
    async def scenario(stage: Stage) -> None:
        again = retry(5, "2h", maxDuration="2h")
        await stage.apply(flow("f", step("a", pod=sim("fail"), retryPolicy=again)))
        await asyncio.sleep(HOUR)
        for _ in range(2):
            assert stage.gauge("zen_flow_step_retries_total") <= 1
            assert waits(stage) == {}
            assert stage.gauge(QUEUE) == 0
            await stage.restart()
            await asyncio.sleep(60)

    play(scenario)


def test_the_queue_is_what_the_operator_has_yet_to_start() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(fan("wide", 120))
        await stage.until(lambda: len(stage.jobs_made) > 1)
        assert 60 < stage.gauge(QUEUE) < 120
        await stage.ended("wide")
        assert stage.gauge(QUEUE) == 0

    play(scenario, start_window=8)


def test_failed_attempts_are_counted_by_cause_retried_or_not() -> None:
    async def scenario(stage: Stage) -> None:
        again = {"retryPolicy": retry(2, "1s")}
        await stage.apply(
            flow("oom", step("a", pod=sim("oom"), **again)),
            flow("late", step("a", pod=sim("never"), timeoutSeconds=5, **again)),
            flow("no", manual("check")),
        )
        await stage.annotate("no", check="false")
        await stage.ended("oom", "late", "no")
        errors = "zen_flow_step_errors_total"
        assert stage.gauge(errors, error_type="OutOfMemory") == 3
        assert stage.gauge(errors, error_type="Timeout") == 3
        assert stage.gauge(errors, error_type="ApprovalDenied") == 1
        assert stage.gauge(errors) == 7
        assert stage.gauge("zen_flow_timeouts_total", timeout_type="step_timeout") == 3

    play(scenario)
