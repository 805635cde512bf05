"""Resume by annotation, on the whole operator: it acts once, and nothing that is done is redone."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any

import pytest

from cluster_suite.flows import chain, fails_until, flow, manual, retry, runs, sim, step
from model import Fault
from unit.controller.mixture import Nth
from unit.controller.stage import FLOWS, Object, Stage, play

ONCE = {"pod": fails_until(2)}


def attempts(stage: Stage, flow_name: str) -> dict[tuple[str, int], int]:
    """How many pods ran, by step and attempt."""
    return {key[1:]: n for key, n in stage.pods_run.items() if key[0] == flow_name}


def reasons(stage: Stage) -> list[str]:
    return [reason for reason, _ in stage.events()]


def condition(stage: Stage, name: str) -> str:
    found = stage.status(name)["conditions"]
    return str(next(c["status"] for c in found if c["type"] == "Succeeded"))


def three(name: str = "f", **spec: Any) -> Object:
    """a → b → c, of which b fails once."""
    return flow(name, step("a"), step("b", "a", **ONCE), step("c", "b"), **spec)


def test_scenario_20_resume_after_fix() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(three())
        await stage.ended("f")
        assert stage.phase("f") == "Failed"
        await asyncio.sleep(60)
        await stage.resume("f", id="1")
        await stage.until(lambda: stage.phase("f") == "Running", seconds=5)
        assert "completionTime" not in stage.status("f")
        assert condition(stage, "f") == "Unknown"
        assert stage.status("f")["resume"]["run"] == 2
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        assert condition(stage, "f") == "True"
        assert stage.status("f")["progress"]["summary"] == "3/3"
        assert attempts(stage, "f") == {("a", 1): 1, ("b", 1): 1, ("b", 2): 1, ("c", 1): 1}
        assert reasons(stage).count("ResumeStarted") == 1
        writes = stage.server.writes()
        await stage.restart()
        await asyncio.sleep(600)
        assert stage.server.writes() == writes

    play(scenario)


def test_a_flow_edited_meanwhile_runs_with_the_edit_and_names_what_it_kept() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("a"), step("b", "a", pod=sim("fail")), step("gone", "a")))
        await stage.ended("f")
        await asyncio.sleep(60)
        assert [state.ledger for state in stage.operator.world.flows.values()] == [None]
        await stage.edit(
            "f", steps=[step("a", timeoutSeconds=99), step("b", "a"), step("new", "a")]
        )
        await asyncio.sleep(60)
        assert stage.step("f", "a")["outdated"] is True
        await stage.restart()
        await stage.resume("f", id="1")
        await stage.ended("f")
        await stage.until(lambda: stage.phase("f") == "Succeeded", seconds=10)
        assert stage.phases("f") == dict.fromkeys(("a", "b", "new"), "Succeeded")
        assert attempts(stage, "f")["a", 1] == 1
        assert ("a", 2) not in attempts(stage, "f")
        assert any("a: changed since" in note for _, note in stage.events())

    play(scenario)


def test_rerun_from_a_step_of_a_flow_that_succeeded() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(chain("f", 3))
        await stage.ended("f")
        await asyncio.sleep(30)
        await stage.resume("f", id="1")
        await stage.until(lambda: "ResumeRefused" in reasons(stage), seconds=10)
        assert stage.phase("f") == "Succeeded"
        await stage.resume("f", **{"id": "2", "from": ["s1"]})
        await stage.until(lambda: stage.status("f").get("resume", {}).get("id") == "2", seconds=10)
        await stage.ended("f")
        assert attempts(stage, "f") == dict.fromkeys(
            [("s0", 1), ("s1", 1), ("s1", 2), ("s2", 1), ("s2", 2)], 1
        )

    play(scenario)


def test_scenario_21_cold_resume() -> None:
    async def scenario(stage: Stage) -> None:
        slow = step("slow", pod=sim("never", only_pods="-1-[a-z0-9]{5}$"))
        await stage.apply(flow("f", slow, step("b", **ONCE)))
        await stage.until(lambda: stage.phases("f").get("b") == "Failed")
        await stage.resume("f", id="1", mode="cold")
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        starts = dict(stage.starts)
        assert starts["f-slow-2"] >= stage.ends["f-slow-1"]

    play(scenario)


def test_scenario_21_hot_resume() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("slow", pod=runs("60s")), step("b", **ONCE)))
        await stage.until(lambda: stage.phases("f").get("b") == "Failed")
        await stage.resume("f", id="1")
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        stage.once_each("f", "slow")

    play(scenario)


@pytest.mark.parametrize("mode", ["hot", "cold"])
@pytest.mark.parametrize("pause", [0.0, 0.005, 0.05, 0.5, 5.0])
def test_a_resume_while_the_flow_is_being_stopped_never_runs_a_step_twice_at_once(
    mode: str, pause: float
) -> None:
    async def scenario(stage: Stage) -> None:
        slow = step("a", pod=sim("never", only_pods="-1-[a-z0-9]{5}$"))
        await stage.apply(flow("f", slow, executionPolicy={"activeDeadlineSeconds": 60}))
        await stage.until(lambda: stage.phase("f") == "Failed")
        await asyncio.sleep(pause)
        await stage.resume("f", id="1", mode=mode)
        await stage.until(lambda: stage.phase("f") == "Succeeded", seconds=200)
        assert attempts(stage, "f") == {("a", 1): 1, ("a", 2): 1}
        assert dict(stage.starts)["f-a-2"] >= stage.ends["f-a-1"]

    play(scenario)


def test_a_stopped_flow_is_resumed_by_one_patch_that_takes_the_stop_off() -> None:
    async def scenario(stage: Stage) -> None:
        slow = step("b", "a", pod=sim("never", only_pods="-1-[a-z0-9]{5}$"))
        await stage.apply(flow("f", step("a"), slow))
        await stage.until(lambda: stage.phases("f").get("b") == "Running")
        annotations = {"workflow.kube-zen.io/stop": "stop"}
        await stage.call("PATCH", f"{FLOWS}/f", {"metadata": {"annotations": annotations}})
        await stage.ended("f")
        again: Object = {
            "workflow.kube-zen.io/stop": None,
            "workflow.kube-zen.io/resume": '{"id": "1"}',
        }
        await stage.call("PATCH", f"{FLOWS}/f", {"metadata": {"annotations": again}})
        await stage.until(lambda: stage.phase("f") == "Succeeded", seconds=60)
        assert attempts(stage, "f") == {("a", 1): 1, ("b", 1): 1, ("b", 2): 1}

    play(scenario)


def test_scenario_23_deletion_of_the_operator() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(three(executionPolicy={"ttlSecondsAfterFinished": 100}))
        await stage.ended("f")
        await stage.crash()
        await stage.resume("f", id="1")
        await asyncio.sleep(300)  # longer than it has to live
        stage.start()
        await stage.until(lambda: stage.phase("f") == "Succeeded", seconds=20)
        assert attempts(stage, "f") == {("a", 1): 1, ("b", 1): 1, ("b", 2): 1, ("c", 1): 1}

    play(scenario)


async def _failed_and_resumed(stage: Stage) -> None:
    """The part of a run in which faults are tried: from the request to the end."""
    await stage.resume("f", id="1")
    await stage.until(lambda: stage.phase("f") == "Succeeded", seconds=300)
    await asyncio.sleep(30)
    due = {("a", 1): 1, ("b", 1): 1, ("b", 2): 1, ("b", 3): 1, ("c", 1): 1}
    assert attempts(stage, "f") == due
    assert {key[1:]: n for key, n in stage.jobs_made.items()} == due
    assert stage.step("f", "b")["retryCount"] == 1
    assert stage.status("f")["resume"]["run"] == 2


def stubborn() -> Object:
    """Its b fails twice, and has one retry in the run that is resumed."""
    again = {"retryPolicy": retry(1, "500ms")}
    return flow("f", step("a"), step("b", "a", pod=fails_until(3), **again), step("c", "b"))


async def _until_failed(stage: Stage) -> None:
    one = stubborn()
    del one["spec"]["steps"][1]["retryPolicy"]
    await stage.apply(one)
    await stage.ended("f")
    await asyncio.sleep(30)
    await stage.edit("f", steps=stubborn()["spec"]["steps"])
    await asyncio.sleep(30)


@cache
def _calls() -> tuple[int, int]:
    """Calls of the operator before the request, and after it."""
    counts = []

    async def scenario(stage: Stage) -> None:
        await _until_failed(stage)
        counts.append(stage.life.line.calls)
        await _failed_and_resumed(stage)
        counts.append(stage.life.line.calls)

    play(scenario)
    return counts[0], counts[1]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_at_any_call_of_a_resumed_run_loses_and_doubles_nothing(moment: str) -> None:
    first, last = _calls()
    for k in range(first + 1, last + 1):

        async def scenario(stage: Stage, k: int = k) -> None:
            await _until_failed(stage)
            reborn = stage.dies_at(k, moment)
            await _failed_and_resumed(stage)
            reborn.cancel()

        play(scenario)


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_lost_answer_to_any_status_of_a_resumed_run_changes_nothing(lost: Any) -> None:
    for k in range(1, 4):

        async def scenario(stage: Stage, k: int = k) -> None:
            await _until_failed(stage)
            faults = Nth(k, fault=Fault(lost=lost), only=("patch", "jobflows/status"))
            stage.server.faults = faults
            await _failed_and_resumed(stage)
            assert faults.hits

        play(scenario)


def test_nothing_of_the_new_run_starts_before_it_is_on_record() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(three())
        await stage.ended("f")
        stage.server.faults = Nth(1, fault=Fault(delay=20.0), only=("patch", "jobflows/status"))
        await stage.resume("f", id="1")
        await stage.until(lambda: "f-b-2" in dict(stage.starts))
        assert stage.status("f")["resume"]["id"] == "1"

    play(scenario)


def test_a_bad_request_is_told_once_also_after_a_restart() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(three())
        await stage.ended("f")
        for value in ("now", '{"id": "1", "from": ["typo"]}'):
            before = reasons(stage).count("ResumeRefused")
            body = {"metadata": {"annotations": {"workflow.kube-zen.io/resume": value}}}
            await stage.call("PATCH", f"{FLOWS}/f", body)
            await asyncio.sleep(30)
            assert reasons(stage).count("ResumeRefused") == before + 1
            writes = stage.server.writes()
            await stage.restart()
            await asyncio.sleep(400)
            assert stage.server.writes() == writes
        assert "there is no step typo" in stage.status("f")["resume"]["refusal"]["message"]
        assert stage.phase("f") == "Failed"

    play(scenario)


def test_a_request_to_a_flow_that_the_validator_rejects_waits_until_it_is_mended() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(three())
        await stage.ended("f")
        await stage.edit("f", steps=[step("a"), step("b", "a", "nobody")])
        await stage.resume("f", id="1")
        await asyncio.sleep(30)
        assert stage.phase("f") == "Failed"
        await stage.edit("f", steps=[step("a"), step("b", "a")])
        await stage.until(lambda: stage.phase("f") == "Succeeded", seconds=10)

    play(scenario)


def grouped(name: str, policy: str, *steps: Object) -> Object:
    rules = {"concurrencyGroup": "nightly", "concurrencyPolicy": policy}
    return flow(name, *steps, executionPolicy=rules)


@pytest.mark.parametrize("restart", [False, True])
def test_a_resumed_flow_waits_for_its_turn(restart: bool) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(grouped("old", "Forbid", step("a", **ONCE)))
        await stage.ended("old")
        await asyncio.sleep(2)
        await stage.apply(grouped("new", "Forbid", step("a", pod=runs("60s"))))
        await stage.until(lambda: stage.phase("new") == "Running")
        await stage.resume("old", id="1")
        await stage.until(lambda: stage.phase("old") == "Pending", seconds=5)
        assert stage.status("old")["reason"] == "WaitingForFlow"
        if restart:
            await asyncio.sleep(5)
            await stage.restart()
        await stage.until(lambda: stage.phase("old") == "Succeeded")
        assert stage.phase("new") == "Succeeded"
        starts = dict(stage.starts)
        assert starts["old-a-2"] - starts["new-a-1"] >= 60

    play(scenario)


def test_a_resumed_flow_replaces_the_one_that_runs() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(grouped("old", "Replace", step("a", **ONCE)))
        await stage.ended("old")
        await asyncio.sleep(2)
        await stage.apply(grouped("new", "Replace", step("a", pod=sim("never"))))
        await stage.until(lambda: stage.phase("new") == "Running")
        await stage.resume("old", id="1")
        await stage.until(lambda: stage.phase("old") == "Succeeded", seconds=30)
        assert stage.status("new")["reason"] == "Replaced"

    play(scenario)


def test_gauges_and_counters_follow_a_resume() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(three(), flow("asks", manual("ask"), step("b", "ask")))
        await stage.annotate("asks", ask="false")
        await stage.ended("f", "asks")
        await asyncio.sleep(30)
        await stage.restart()
        await asyncio.sleep(5)
        await stage.annotate("asks", ask="later")
        await stage.resume("asks", id="1")
        await stage.resume("f", id="1")
        await stage.until(lambda: stage.phase("f") == "Succeeded")
        await asyncio.sleep(5)
        gauge = stage.gauge
        assert gauge("zen_flow_jobflows", phase="Failed") == 0
        assert gauge("zen_flow_jobflows", phase="Succeeded") == 1
        assert gauge("zen_flow_jobflows", phase="Paused") == 1
        assert gauge("zen_flow_steps", phase="Succeeded") == 3
        assert gauge("zen_flow_steps", phase="PendingApproval") == 1
        assert gauge("zen_flow_steps", phase="Pending") == 1
        assert gauge("zen_flow_approvals_pending") == 1
        assert gauge("zen_flow_step_duration_seconds_count", result="success") == 2
        for name in ("f", "asks"):
            await stage.delete(name)
        await asyncio.sleep(5)
        names = ("zen_flow_jobflows", "zen_flow_steps", "zen_flow_approvals_pending")
        assert {name: gauge(name) for name in names} == dict.fromkeys(names, 0.0)

    play(scenario)
