"""Arrays on the API server model: batches, failures with their causes, crashes at every call."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from functools import cache
from typing import Any

import pytest

from cluster_suite.flows import flow, retry, runs, sim, step
from jobflows.controller.evidence import PORTION
from jobflows.engine.indexes import IndexSet
from jobflows.manifests import labels
from model import kind_of
from model.outcomes import Outcome
from unit.controller.stage import JOBS, Stage, play

TASKS = "workflow.kube-zen.io/tasks"


def array(count: int, **more: Any) -> dict[str, Any]:
    return {"array": {"count": count, **more}}


def task_runs(stage: Stage, step_name: str) -> Counter[int]:
    """How many pods each task of a step ever got, from the Jobs and pods that are left."""
    counted: Counter[int] = Counter()
    jobs = {job["metadata"]["uid"]: job for job in stage.server.objects(kind_of("jobs"))}
    for pod in stage.pods():
        job = jobs[pod["metadata"]["ownerReferences"][0]["uid"]]
        if job["metadata"]["labels"]["workflow.kube-zen.io/step"] != step_name:
            continue
        tasks = list(IndexSet.parse(job["metadata"]["annotations"][TASKS]))
        position = pod["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"]
        counted[tasks[int(position)]] += 1
    return counted


FLAKY = sim("fail", only_pods=r"^f-a-1-[37]-")
"""Tasks 3 and 7 fail in the first Job."""


def mixed() -> dict[str, Any]:
    return flow(
        "f",
        step("a", pod=FLAKY, retryPolicy=retry(1), **array(10)),
        step("b", "a", **array(10, dependencyMode="Index")),
        step("c", "b"),
    )


def test_an_array_is_few_jobs_and_few_writes() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("a", pod=runs("5s"), **array(200)), step("b", "a")))
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        assert set(stage.jobs_made.values()) == {1}
        assert len(stage.jobs_made) == 2
        assert set(task_runs(stage, "a").values()) == {1}
        assert stage.step("f", "a")["tasks"] == {
            "total": 200,
            "summary": "200/200",
            "succeeded": "0-199",
        }
        assert stage.server.writes() < 12

    play(scenario)


def test_pods_of_arrays_are_not_watched() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("a", pod=runs("5s"), **array(20))))
        await stage.until(lambda: len(stage.pods()) == 20)
        assert len(stage.operator.views.pods) == 0

    play(scenario)


def test_scenario_05_failed_tasks_tell_why_and_go_out_again() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(mixed())
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        retried = stage.job("f-a-2")
        assert retried is not None
        assert retried["metadata"]["annotations"][TASKS] == "3,7"
        assert task_runs(stage, "a") == Counter({i: 2 if i in (3, 7) else 1 for i in range(10)})
        assert set(task_runs(stage, "b").values()) == {1}
        words = [note for reason, note in stage.events() if reason == "StepRetry"]
        assert len(words) == 1
        assert "tasks 3,7 (2): container main exited with code 1" in words[0]

    play(scenario)


def test_a_batch_that_is_deleted_runs_again_as_lost() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("a", pod=runs("60s"), **array(4))))
        await stage.until(lambda: stage.job("f-a-1") is not None)
        await asyncio.sleep(5)
        await stage.call("DELETE", f"{JOBS}/f-a-1", {"propagationPolicy": "Background"})
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        assert [key[2] for key in stage.jobs_made] == [1, 2]

    play(scenario)


def test_parallelism_holds_and_is_changed_live() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("a", pod=runs("10s"), **array(40, parallelism=4))))
        most = 0

        def live() -> int:
            return sum(pod["status"]["phase"] in ("Pending", "Running") for pod in stage.pods())

        while task_runs(stage, "a").total() < 12:
            most = max(most, live())
            await asyncio.sleep(0.05)
        assert most == 4
        await stage.edit("f", steps=[step("a", pod=runs("10s"), **array(40, parallelism=8))])
        while stage.phase("f") != "Succeeded":
            most = max(most, live())
            await asyncio.sleep(0.05)
        assert most == 8
        assert set(task_runs(stage, "a").values()) == {1}

    play(scenario)


def test_items_from_a_step_before() -> None:
    async def scenario(stage: Stage) -> None:
        found = {"parameters": [{"name": "files", "valueFrom": {"jsonPath": "$.files"}}]}
        items = {"jsonPath": "split:$.outputs.files", "limit": 2}
        for name, files in (("good", '["x", "y"]'), ("many", '["x", "y", "z"]'), ("none", "7")):
            split = step("split", pod=sim(message=f'{{"files": {files}}}'), outputs=found)
            await stage.apply(flow(name, split, step("a", "split", array={"itemsFrom": items})))
        await stage.ended("good", "many", "none")
        assert stage.phase("good") == "Succeeded"
        assert stage.step("good", "a")["tasks"]["total"] == 2
        assert "3 items are more than itemsFrom.limit of 2" in stage.step("many", "a")["message"]
        assert "no JSON list" in stage.step("none", "a")["message"]

    play(scenario)


@cache
def _calls() -> int:
    calls = 0

    async def scenario(stage: Stage) -> None:
        nonlocal calls
        await stage.apply(mixed())
        await stage.ended("f")
        calls = stage.life.line.calls

    play(scenario)
    return calls


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("pause", [0.0, 5.0])
def test_a_crash_at_any_call_runs_no_task_twice(moment: str, pause: float) -> None:
    for k in range(1, 1 + _calls()):

        async def scenario(stage: Stage, k: int = k) -> None:
            reborn = stage.dies_at(k, moment, pause=pause)
            await stage.apply(mixed())
            await stage.ended("f")
            await reborn
            assert stage.phase("f") == "Succeeded", k
            wanted = Counter({i: 2 if i in (3, 7) else 1 for i in range(10)})
            assert task_runs(stage, "a") == wanted, k
            assert set(task_runs(stage, "b").values()) == {1}, k

        play(scenario)


def test_an_image_that_does_not_exist_ends_an_array_at_once() -> None:
    async def scenario(stage: Stage) -> None:
        pod = sim("image-error")
        await stage.apply(flow("f", step("a", pod=pod, **array(30, parallelism=10))))
        await stage.ended("f", seconds=60)
        step_now = stage.step("f", "a")
        assert stage.phase("f") == "Failed"
        assert "ImagePullBackOff" in step_now["message"]
        assert step_now["tasks"]["failed"] == "0-9"
        assert step_now["tasks"]["skipped"] == "10-29"
        assert len(stage.jobs_made) == 1
        await stage.until(lambda: not stage.pods())

    play(scenario)


def test_pods_that_only_take_long_are_waited_for() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("a", pod=sim(pending_for="5m"), **array(3))))
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        assert stage.calls("list", "pods") < 20

    play(scenario)


def test_ten_thousand_failures_in_words_of_their_own_are_told_in_few() -> None:
    count, said = 10_000, 500

    def script(pod: dict[str, Any]) -> Outcome:
        position = int(pod["metadata"]["labels"][labels.POSITION])
        message = f"no record {position}: {'x' * said}"
        return Outcome(exit_code=1, message=message, run_for=1.0 + position % 20)

    async def scenario(stage: Stage) -> None:
        stage.server.script = script
        await stage.apply(flow("f", step("a", **array(count))))
        await stage.ended("f", seconds=3600)
        status = stage.status("f")
        assert stage.phase("f") == "Failed"
        assert "step a failed: TasksFailed: 10000 of 10000 tasks failed" in status["message"]
        assert "container main exited with code 1: no record 0: xxx" in status["message"]
        assert status["message"].endswith("(the others differ in words)")
        assert stage.step("f", "a")["tasks"]["failed"] == "0-9999"
        assert len(json.dumps(status)) < 64_000
        assert stage.server.writes() < count / 50
        assert stage.calls("list", "pods") < 2 * count / PORTION  # each failed pod once

    play(scenario)
