"""Failed attempts: retried after a real wait, stopped when late, and never charged twice."""

from __future__ import annotations

import asyncio

import pytest

from cluster_suite.flows import fails_until, flow, retry, sim, step
from model import Outcome
from unit.controller.stage import JOBS, Stage, play


def test_a_retry_waits_for_its_back_off() -> None:
    async def scenario(stage: Stage) -> None:
        policy = {"type": "Exponential", "duration": "10s", "factor": 3, "jitter": 0}
        again = {"limit": 2, "backoff": policy}
        await stage.apply(flow("f", step("a", pod=fails_until(3), retryPolicy=again)))
        await stage.until(lambda: stage.step("f", "a").get("reason") == "BackingOff")
        assert stage.step("f", "a")["phase"] == "Pending"
        assert stage.step("f", "a")["nextRetryTime"]
        await stage.ended("f")
        first, second, third = (at for _, at in stage.starts)
        assert second - first == pytest.approx(10, abs=0.5)
        assert third - second == pytest.approx(30, abs=0.5)
        assert stage.step("f", "a")["retryCount"] == 2
        assert [name for name, _ in stage.starts] == ["f-a-1", "f-a-2", "f-a-3"]

    play(scenario)


def test_a_timer_of_a_retry_survives_a_restart() -> None:
    async def scenario(stage: Stage) -> None:
        again = {"retryPolicy": retry(1, "60s")}
        await stage.apply(flow("f", step("a", pod=fails_until(2), **again)))
        await stage.until(lambda: stage.step("f", "a").get("reason") == "BackingOff")
        await stage.restart()
        await stage.ended("f")
        (_, first), (_, second) = stage.starts
        assert 60 <= second - first < 62

    play(scenario)


def test_a_late_attempt_is_stopped_and_the_next_one_waits_until_its_pods_are_gone() -> None:
    async def scenario(stage: Stage) -> None:
        hangs = sim("never", only_pods="-a-1-[a-z0-9]{5}$")
        fields = {"timeoutSeconds": 30, "retryPolicy": retry(1, "10ms")}
        await stage.apply(flow("f", step("a", pod=hangs, **fields)))
        await stage.until(lambda: bool(stage.pods()))
        pod = stage.pods()[0]["metadata"]["name"]
        await stage.call(
            "PATCH",
            f"/api/v1/namespaces/default/pods/{pod}",
            {"metadata": {"finalizers": ["example.com/slow", "batch.kubernetes.io/job-tracking"]}},
        )
        await stage.until(lambda: stage.step("f", "a").get("timeoutCount") == 1)
        assert stage.server.clock.now() - stage.starts[0][1] == pytest.approx(30, abs=1)
        await asyncio.sleep(20)
        assert len(stage.starts) == 1  # the pod is still there
        job = stage.job("f-a-1")
        assert job is not None
        assert "foregroundDeletion" in job["metadata"]["finalizers"]
        await stage.call(
            "PATCH",
            f"/api/v1/namespaces/default/pods/{pod}",
            {"metadata": {"finalizers": None}},
        )
        await stage.ended("f", seconds=10)
        assert stage.phase("f") == "Succeeded"
        assert stage.starts[1][1] >= stage.ends["f-a-1"]

    play(scenario)


def test_the_deadline_of_the_flow_stops_its_jobs_and_pods() -> None:
    async def scenario(stage: Stage) -> None:
        steps = (step("a", pod=sim("never")), step("b", "a"))
        await stage.apply(flow("f", *steps, executionPolicy={"activeDeadlineSeconds": 60}))
        await stage.ended("f", seconds=62)
        assert stage.phase("f") == "Failed"
        assert stage.status("f")["reason"] == "ActiveDeadlineExceeded"
        assert stage.phases("f") == {"a": "Failed", "b": "Skipped"}
        await stage.until(lambda: not stage.jobs() and not stage.pods(), seconds=10)
        assert stage.gauge("zen_flow_timeouts_total", timeout_type="jobflow_timeout") == 1

    play(scenario)


def test_a_job_that_vanishes_costs_a_disruption_and_no_retry() -> None:
    async def scenario(stage: Stage) -> None:
        hangs = sim("never", only_pods="-a-1-[a-z0-9]{5}$")
        await stage.apply(flow("f", step("a", pod=hangs)))
        await stage.until(lambda: stage.step("f", "a").get("phase") == "Running")
        await stage.call("DELETE", f"{JOBS}/f-a-1", {"propagationPolicy": "Background"})
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        assert stage.step("f", "a")["lostCount"] == 1
        assert "retryCount" not in stage.step("f", "a")
        assert stage.step("f", "a")["attempt"] == 2

    play(scenario)


def test_jobs_that_keep_vanishing_use_up_the_disruption_budget() -> None:
    async def scenario(stage: Stage) -> None:
        policy = {"limit": 0, "onDisruption": {"limit": 2}}
        await stage.apply(flow("f", step("a", pod=sim("never"), retryPolicy=policy)))
        for number in (1, 2, 3):
            await stage.until(lambda: stage.step("f", "a").get("phase") == "Running")
            await stage.until(lambda: stage.pods_run["f", "a", len(stage.starts)] == 1)
            path = f"{JOBS}/f-a-{number}"
            await stage.call("DELETE", path, {"propagationPolicy": "Background"})
            await stage.until(lambda: stage.step("f", "a").get("phase") != "Running")
        await stage.ended("f")
        assert stage.step("f", "a")["reason"] == "DisruptionLimitExceeded"

    play(scenario)


def test_a_finished_job_that_is_deleted_is_not_run_again() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("a"), step("b", "a", pod=sim(run_for="60s"))))
        await stage.until(lambda: stage.phases("f").get("a") == "Succeeded")
        await asyncio.sleep(3)
        await stage.call("DELETE", f"{JOBS}/f-a-1", {"propagationPolicy": "Foreground"})
        await stage.until(lambda: stage.job("f-a-1") is None)
        await stage.restart()
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        stage.once_each("f", "a", "b")

    play(scenario)


def test_an_eviction_is_no_failure_of_the_program() -> None:
    async def scenario(stage: Stage) -> None:
        first = iter([Outcome(run_for=1, evict=True)])
        stage.server.script = lambda pod: next(first, Outcome(run_for=1))
        await stage.apply(flow("f", step("a")))
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        assert stage.step("f", "a")["lostCount"] == 1

    play(scenario)


def test_a_job_with_rules_of_its_own_ends_at_once_by_them() -> None:
    async def scenario(stage: Stage) -> None:
        rule = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}
        patient = step("a", pod=sim("fail", exit_code="42"), retryPolicy=retry(5))
        patient["template"]["spec"]["backoffLimit"] = 5
        rules = {"podFailurePolicy": {"rules": [rule]}}
        await stage.apply(flow("f", patient, step("b"), executionPolicy=rules))
        await stage.ended("f", seconds=10)
        assert stage.phases("f") == {"a": "Failed", "b": "Succeeded"}
        assert "FailJob" in stage.step("f", "a")["message"]
        assert stage.pods_run["f", "a", 1] == 1

    play(scenario)
