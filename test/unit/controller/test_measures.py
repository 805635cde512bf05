"""What the metrics say after a run, and that gauges come back to zero with the last flow."""

from __future__ import annotations

import asyncio

from cluster_suite.flows import chain, fails_until, flow, manual, retry, runs, sim, step
from unit.controller.stage import Stage, play

GAUGES = (
    "zen_flow_jobflows",
    "zen_flow_steps",
    "zen_flow_approvals_pending",
    "zen_flow_step_execution_queue_depth",
    "workqueue_depth",
)


def test_gauges_show_what_is_there() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(
            chain("done", 3),
            flow("hangs", step("a", pod=sim("never")), step("b", "a")),
            flow("asks", manual("ask"), step("b", "ask")),
        )
        await stage.until(lambda: stage.phase("asks") == "Paused")
        await stage.ended("done")
        for _ in range(2):
            assert stage.gauge("zen_flow_jobflows", phase="Succeeded") == 1
            assert stage.gauge("zen_flow_jobflows", phase="Running") == 1
            assert stage.gauge("zen_flow_jobflows", phase="Paused") == 1
            assert stage.gauge("zen_flow_steps", phase="Succeeded") == 3
            assert stage.gauge("zen_flow_steps", phase="Pending") == 2
            assert stage.gauge("zen_flow_steps", phase="PendingApproval") == 1
            assert stage.gauge("zen_flow_approvals_pending") == 1
            await stage.restart()  # the next operator shows the same
            await asyncio.sleep(5)
        await stage.annotate("asks", ask="true")
        await stage.ended("asks")
        assert stage.gauge("zen_flow_approvals_pending") == 0

    play(scenario)


def test_gauges_are_zero_when_all_flows_are_gone() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(
            chain("done", 3),
            flow("hangs", step("a", pod=sim("never")), step("b", "a")),
            flow("asks", manual("ask"), step("b", "ask")),
            flow("bad", step("a", "nobody")),
        )
        await asyncio.sleep(10)
        for name in ("done", "hangs", "asks", "bad"):
            await stage.delete(name)
        await asyncio.sleep(10)
        assert {name: stage.gauge(name) for name in GAUGES} == dict.fromkeys(GAUGES, 0.0)

    play(scenario)


def test_gauges_follow_the_steps_that_edits_add_and_remove() -> None:
    async def scenario(stage: Stage) -> None:
        a = step("a", pod=runs("20s"))
        await stage.apply(flow("f", a), flow("other", manual("x"), manual("y")))
        await asyncio.sleep(5)
        await stage.edit("f", steps=[a, step("b", "a"), step("c", "b")])
        await stage.edit("other", steps=[manual("y")])
        await asyncio.sleep(5)
        assert stage.gauge("zen_flow_steps", phase="Pending") == 2
        assert stage.gauge("zen_flow_steps", phase="PendingApproval") == 1
        assert stage.gauge("zen_flow_approvals_pending") == 1
        await stage.ended("f")
        assert stage.gauge("zen_flow_steps", phase="Pending") == 0
        assert stage.gauge("zen_flow_steps", phase="Succeeded") == 3
        await stage.delete("f")
        await stage.delete("other")
        await asyncio.sleep(5)
        assert {name: stage.gauge(name) for name in GAUGES} == dict.fromkeys(GAUGES, 0.0)

    play(scenario)


def test_counters_tell_of_a_run() -> None:
    async def scenario(stage: Stage) -> None:
        again = {"retryPolicy": retry(1, "10s")}
        await stage.apply(flow("f", step("a", pod=fails_until(2), **again), step("b", "a")))
        await stage.ended("f")
        await asyncio.sleep(5)
        gauge = stage.gauge
        assert gauge("zen_flow_step_retries_total", cause="Application") == 1
        assert gauge("zen_flow_step_duration_seconds_count", result="success") == 2
        assert gauge("zen_flow_jobflow_phase_transitions_total", phase="Succeeded") == 1
        assert gauge("zen_flow_step_phase_transitions_total", phase="Succeeded") == 2
        assert gauge("zen_flow_reconciliation_total", result="error") == 0
        assert gauge("zen_flow_status_updates_total", success="true") == stage.calls(
            "patch", "jobflows/status"
        )
        assert gauge(
            "zen_flow_api_server_calls_total", operation="create", resource="jobs"
        ) == stage.calls("create", "jobs")

    play(scenario)


def test_the_stages_of_pods_are_measured_once_each() -> None:
    async def scenario(stage: Stage) -> None:
        def total(of: str) -> tuple[float, float]:
            name = "zen_flow_step_stage_duration_seconds"
            labels = {"stage": of, "namespace": "default"}
            return stage.gauge(f"{name}_count", **labels), stage.gauge(f"{name}_sum", **labels)

        await stage.apply(chain("f", 3, runs("10s")), flow("bad", step("a", pod=sim("fail"))))
        await stage.ended("f", "bad")
        await asyncio.sleep(5)
        count, seconds = total("running")
        assert count == 4
        assert 27 <= seconds <= 33
        assert total("waiting")[0] == total("starting")[0] == 4
        await stage.restart()
        await asyncio.sleep(5)
        assert total("running") == (0, 0)  # counted by the operator before

    play(scenario)


def test_many_short_tasks_are_worth_one_event_also_after_a_restart() -> None:
    async def scenario(stage: Stage) -> None:
        many = [step(f"s{i}", pod=runs("4s")) for i in range(24)]
        last = step("last", *(f"s{i}" for i in range(24)), pod=runs("60s"))
        await stage.apply(flow("f", *many, last))
        await stage.until(lambda: stage.step("f", "last").get("phase") == "Running")
        await stage.restart()
        await stage.ended("f")
        await asyncio.sleep(5)
        (note,) = [note for reason, note in stage.events() if reason == "TaskSizeAdvice"]
        assert note.startswith("25 tasks ran 6.")
        assert "group about 10 of them in one task, which makes 3 tasks of" in note

    play(scenario)


def test_a_task_that_takes_long_is_worth_an_event() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("train", pod=runs("2200s")), step("b", "train")))
        await stage.ended("f", seconds=3_000)
        await asyncio.sleep(5)
        (note,) = [note for reason, note in stage.events() if reason == "TaskSizeAdvice"]
        assert note.startswith("step train ran 37 min: split it into about 2 tasks")

    play(scenario)
