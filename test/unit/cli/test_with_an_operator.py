"""Commands against the whole operator: what they set has its effect, what they say is so."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import pytest

from cluster_suite.flows import fails_until, flow, manual, retry, runs, sim, step
from jobflows.cli.cluster import Cluster
from jobflows.cli.connection import Output
from jobflows.cli.explain import explain_flow
from jobflows.cli.resume import resume
from jobflows.cli.steer import approve, pause, reject, set_parallelism, stop, unpause
from jobflows.cluster import Client, Limiter
from unit.controller.stage import Stage, play


def person(stage: Stage) -> Cluster:
    """The cluster as a command sees it."""
    client = Client(stage.user, Limiter(), rng=random.Random(0))
    return Cluster(client, "default", now=stage.server.clock.now)


def test_an_approved_step_lets_the_flow_end_and_a_rejected_one_fails_it() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", manual("ask"), step("b", "ask")), flow("g", manual("ask")))
        await stage.until(lambda: stage.phase("f") == stage.phase("g") == "Paused")
        await approve(person(stage), "f", "ask")
        await reject(person(stage), "g", "ask")
        await stage.ended("f", "g", seconds=5)
        assert (stage.phase("f"), stage.phase("g")) == ("Succeeded", "Failed")

    play(scenario)


def test_a_paused_flow_starts_nothing_until_it_goes_on() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("a", pod=runs("10s")), step("b", "a")))
        await stage.until(lambda: len(stage.starts) == 1)
        await pause(person(stage), "f")
        await asyncio.sleep(60)
        assert stage.phases("f") == {"a": "Succeeded", "b": "Pending"}
        await unpause(person(stage), "f")
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"

    play(scenario)


def test_a_stopped_flow_is_resumed_and_ends() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("a"), step("b", "a", pod=runs("60s")), step("c", "b")))
        await stage.until(lambda: stage.phases("f").get("b") == "Running")
        await stop(person(stage), "f")
        await stage.ended("f", seconds=30)
        assert stage.phase("f") == "Failed"
        await resume(person(stage), "f")
        await stage.until(lambda: stage.phase("f") == "Succeeded")
        assert stage.jobs_made["f", "a", 1] == 1
        assert ("f", "a", 2) not in stage.jobs_made

    play(scenario)


def test_parallelism_zero_holds_a_flow_until_it_is_raised(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def scenario(stage: Stage) -> None:
        many = [step(f"s{i}", pod=runs("10s")) for i in range(6)]
        await stage.apply(flow("f", *many, executionPolicy={"parallelism": 0}))
        await asyncio.sleep(30)
        assert not stage.starts
        capsys.readouterr()
        await explain_flow(person(stage), "f", output=Output.JSON)
        said = json.loads(capsys.readouterr().out)["steps"]
        assert {each["reason"] for each in said} == {"Parallelism"}
        await set_parallelism(person(stage), "f", 3)
        await stage.until(lambda: len(stage.starts) == 3)
        await explain_flow(person(stage), "f", output=Output.JSON)
        said = json.loads(capsys.readouterr().out.partition("\n")[2])["steps"]
        assert [each.get("reason") for each in said].count("Parallelism") == 3
        await stage.ended("f")

    play(scenario)


def test_a_lock_that_another_flow_holds_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    async def scenario(stage: Stage) -> None:
        locked: dict[str, Any] = {"locks": [{"name": "db"}]}
        await stage.apply(flow("holder", step("a", pod=runs("1h"), **locked)))
        await stage.until(lambda: len(stage.starts) == 1)
        await stage.apply(flow("f", step("free", pod=runs("1h")), step("b", **locked)))
        await asyncio.sleep(10)
        capsys.readouterr()
        await explain_flow(person(stage), "f", output=Output.JSON)
        said = {each["name"]: each for each in json.loads(capsys.readouterr().out)["steps"]}
        assert said["b"]["reason"] == "Lock"
        assert "lock db of limit 1" in said["b"]["message"]

    play(scenario)


def test_scenario_25_explain_says_of_each_step_what_holds_it_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def scenario(stage: Stage) -> None:
        again = {"retryPolicy": retry(3, "1h")}
        await stage.apply(
            flow(
                "f",
                step("stuck", pod=sim("image-error")),
                step("again", pod=fails_until(2), **again),
                step("runs", pod=runs("1h")),
                step("last", "runs", "ask"),
                manual("ask"),
            )
        )
        await asyncio.sleep(30)
        capsys.readouterr()
        await explain_flow(person(stage), "f", output=Output.JSON)
        said = {each["name"]: each for each in json.loads(capsys.readouterr().out)["steps"]}
        assert {name: each.get("reason") for name, each in said.items()} == {
            "stuck": "ImagePullBackOff",
            "again": "BackingOff",
            "runs": None,
            "last": "WaitingForSteps",
            "ask": "AwaitingApproval",
        }
        assert said["last"]["blockedBy"] == ["runs", "ask"]
        assert said["again"]["until"] == stage.step("f", "again")["nextRetryTime"]
        assert stage.step("f", "stuck")["reason"] == "ImagePullBackOff"
        assert "reason" not in stage.step("f", "last")  # derived, and never written

    play(scenario)
