"""Jobs and pods that somebody else made to look like the operator's.

Whoever may create Jobs or pods in a namespace may write any label, annotation and owner into them.
They must gain nothing over flows of other namespaces by it, and must not bring the operator down.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cluster_suite.flows import flow, manual, runs, sim, step
from jobflows.controller.world import World
from jobflows.manifests import labels
from model import kind_of
from unit.controller.objects import flow_record, job_record, pod_record
from unit.controller.stage import FLOWS, Stage, play
from unit.controller.test_world import Ear

Object = dict[str, Any]

JOBS, PODS = kind_of("jobs"), kind_of("pods")


def forged(stage: Stage, flow: str, step: str, attempt: str = "1", **annotations: str) -> Object:
    """The metadata of an object that says it is an attempt of this flow's step."""
    found = stage.flow(flow)
    assert found is not None
    uid = found["metadata"]["uid"]
    owner = {"apiVersion": "workflow.kube-zen.io/v1alpha1", "kind": "JobFlow", "name": flow}
    return {
        "name": f"forged-{step}-{len(stage.jobs())}",
        "labels": {
            labels.FLOW: flow,
            labels.FLOW_UID: uid,
            labels.STEP: step,
            labels.ATTEMPT: attempt,
            labels.MANAGED_BY: labels.MANAGER,
        },
        "annotations": {f"workflow.kube-zen.io/{key}": text for key, text in annotations.items()},
        "ownerReferences": [{**owner, "uid": uid, "controller": True}],
    }


def job(metadata: Object) -> Object:
    container = {"name": "main", "image": "busybox:1.36"}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    spec = {"suspend": True, "template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def pod(metadata: Object) -> Object:
    container = {"name": "main", "image": "busybox:1.36"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": [container]},
    }


NONSENSE = {
    "tasks without end": {"tasks": "0-99999999999999"},
    "tasks that are none": {"tasks": "all"},
    "tasks backwards": {"tasks": "9-1"},
    "digits without end": {"tasks": "0", "items-per-task": "9" * 5000},
    "locks without depth": {"locks": "[" * 100_000},
    "locks that nobody can get": {"locks": '{"door":0}'},
    "locks that are less than none": {"locks": '{"door":-5}'},
    "locks of no sense": {"locks": '{"door":"x","other":[1],"more":null}'},
}


@pytest.mark.parametrize("case", NONSENSE)
def test_a_forged_annotation_brings_nobody_down(case: str) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", manual("ask"), step("b", "ask", locks=[{"name": "door"}])))
        await stage.until(lambda: stage.phase("f") == "Paused")
        for name, attempt in (("ask", "1"), ("b", "1"), ("gone", "7")):
            meta = forged(stage, "f", name, attempt, **NONSENSE[case])
            stage.server.create(JOBS, job({**meta, "name": f"f-{name}-{attempt}"}), "default")
        await asyncio.sleep(5)
        assert stage.operator.alive()["jobs"]
        await stage.restart()
        await stage.apply(flow("other", step("a", locks=[{"name": "door"}])))
        await stage.ended("other", seconds=60)
        assert stage.phase("other") == "Succeeded"

    play(scenario)


def test_a_whole_copy_of_a_job_is_nobodys_attempt() -> None:
    """With all labels and its owner, as `kubectl get -o yaml` has them; only the name is another.

    It never runs: were it an attempt, the flow would wait for it.
    """

    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("a", pod=runs("10s")), step("b", "a")))
        await stage.until(lambda: stage.phases("f").get("a") == "Running")
        for number, attempt in enumerate(("1", "2")):
            meta = forged(stage, "f", "a", attempt)
            stage.server.create(JOBS, job({**meta, "name": f"copy-{number}"}), "default")
        await asyncio.sleep(1)
        await stage.restart()
        await stage.ended("f", seconds=60)
        assert stage.phase("f") == "Succeeded"
        assert stage.step("f", "a")["attempt"] == 1
        assert {"copy-0", "copy-1"} <= set(stage.jobs())

    play(scenario)


@pytest.mark.parametrize("attempt", ["0", "2147483648", "9" * 60])
def test_a_number_that_no_attempt_has_keeps_no_status_from_being_written(attempt: str) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("a", pod=runs("10s"))))
        await stage.until(lambda: stage.phases("f").get("a") == "Running")
        meta = forged(stage, "f", "a", attempt)
        stage.server.create(PODS, pod({**meta, "name": "forged"}), "default")
        await stage.ended("f", seconds=60)
        assert stage.phase("f") == "Succeeded"
        assert stage.step("f", "a")["attempt"] == 1

    play(scenario)


SPOILT: dict[str, Object] = {
    "tasks that are none": {"tasks": {"total": 4, "succeeded": "most"}},
    "more tasks than there can be": {"tasks": {"total": 4, "succeeded": "0-99999999999"}},
    "bits that are none": {"tasks": {"total": 4, "succeeded": "base64:!"}},
    "memory that is none": {"resources": {"memory": "lots"}},
    "others at no time": {"alike": "b@soon+later"},
    "others with no outputs": {"alike": "b@1+2{rows"},
    "others that never end": {"alike": "b@1e999+1"},
}


@pytest.mark.parametrize("case", SPOILT)
def test_a_status_that_somebody_has_spoilt_is_told_of_and_can_be_mended(case: str) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("a"), step("b", "a", pod=runs("60s"))))
        await stage.until(lambda: stage.phases("f").get("b") == "Running")
        await stage.crash()
        right = stage.status("f")["steps"]
        spoilt = [{**right[0], **SPOILT[case]}, *right[1:]]
        await stage.call("PATCH", f"{FLOWS}/f/status", {"status": {"steps": spoilt}})
        stage.start()
        await stage.apply(flow("other", step("a")))
        await stage.ended("other")
        valid = next(c for c in stage.status("f")["conditions"] if c["type"] == "Valid")
        assert valid["status"] == "False"
        assert "status: cannot be read" in valid["message"]
        before = stage.server.writes()
        await asyncio.sleep(3600)
        assert stage.server.writes() == before
        await stage.call("PATCH", f"{FLOWS}/f/status", {"status": {"steps": right}})
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        valid = next(c for c in stage.status("f")["conditions"] if c["type"] == "Valid")
        assert valid["status"] == "True"
        stage.once_each("f", "a", "b")

    play(scenario)


def arrays() -> Object:
    """One of each kind, with tasks that still wait when the first ones run."""
    limited = {"parallelism": 1}
    found = {"parameters": [{"name": "files", "valueFrom": {"jsonPath": "$.files"}}]}
    source = {"jsonPath": "find:$.outputs.files", "limit": 2}
    rows = {"function": "work:on", "items": [1, 2, 3, 4], "itemsPerTask": 2, **limited}
    pod = runs("60s")
    return flow(
        "f",
        step("find", pod=sim(message='{"files": ["x", "y"]}'), outputs=found),
        step("wide", "find", pod=pod, array={"items": ["x", "y", "z"], **limited}),
        step("listed", "find", pod=pod, array={"itemsFrom": source, **limited}),
        step("mapped", "find", pod=pod, map=rows),
        step("single", "find", pod=pod),
    )


CONTRADICTIONS: dict[str, tuple[str, Object, str]] = {
    "more done than there are": (
        "wide",
        {"tasks": {"total": 3, "succeeded": "0-7"}},
        "steps[wide].tasks.succeeded: tasks 3-7 beyond the total of 3",
    ),
    "more at work than there are": (
        "wide",
        {"tasks": {"total": 3, "running": [{"attempt": 1, "tasks": "0,9"}]}},
        "steps[wide].tasks.running: task 9 beyond the total of 3",
    ),
    "both done and failed": (
        "wide",
        {"tasks": {"total": 3, "succeeded": "1", "failed": "1"}},
        "steps[wide].tasks.failed: task 1 in succeeded as well",
    ),
    "more tasks than items": (
        "wide",
        {"tasks": {"total": 9}},
        "steps[wide].tasks.total: 9 tasks, but there are values for 3",
    ),
    "more tasks than were found": (
        "listed",
        {"tasks": {"total": 5}},
        "steps[listed].tasks.total: 5 tasks, but there are values for 2",
    ),
    "tasks of what was not found": (
        "find",
        {"outputs": {}},
        "steps[listed].tasks: it runs, but itemsFrom: step find (Succeeded) has no value",
    ),
    "more tasks than blocks": (
        "mapped",
        {"tasks": {"total": 4}},
        "steps[mapped].tasks.total: 4 tasks, but there are values for 2",
    ),
    "blocks that were not cut so": (
        "mapped",
        {"map": {"function": "work:on", "itemsPerTask": 4}},
        "steps[mapped].tasks.total: 2 tasks, but there are values for 1 of 4 items",
    ),
    "tasks of no array": (
        "single",
        {"tasks": {"total": 2}},
        "steps[single].tasks: the step is no array",
    ),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_a_status_that_contradicts_its_flow_is_told_of_and_can_be_mended(case: str) -> None:
    name, edited, words = CONTRADICTIONS[case]

    async def scenario(stage: Stage) -> None:
        await stage.apply(arrays())
        await stage.until(lambda: list(stage.phases("f").values()).count("Running") == 4)
        await stage.until(lambda: "running" in stage.step("f", "mapped").get("tasks", {}))
        await asyncio.sleep(2)
        await stage.crash()
        right = stage.status("f")["steps"]
        spoilt = [{**r, **edited} if r["name"] == name else r for r in right]
        await stage.call("PATCH", f"{FLOWS}/f/status", {"status": {"steps": spoilt}})
        stage.start()
        await asyncio.sleep(10)
        valid = next(c for c in stage.status("f")["conditions"] if c["type"] == "Valid")
        assert valid["status"] == "False"
        assert words in valid["message"]
        before = stage.server.writes()
        await asyncio.sleep(30)
        assert stage.server.writes() == before
        await stage.call("PATCH", f"{FLOWS}/f/status", {"status": {"steps": right}})
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        assert set(stage.jobs_made.values()) == {1}

    play(scenario)


def test_a_pod_that_no_job_made_is_nobodys_attempt() -> None:
    """It runs for ever: were it an attempt, of a step that is none, exit handlers would wait."""

    async def scenario(stage: Stage) -> None:
        told = step("told")
        await stage.apply(flow("f", step("a", pod=runs("10s")), onExit=[told]))
        await stage.until(lambda: stage.phases("f").get("a") == "Running")
        meta = forged(stage, "f", "nobody")
        del meta["ownerReferences"]
        stage.server.create(PODS, pod({**meta, "name": "forged"}), "default")
        await stage.ended("f", seconds=60)
        assert stage.phase("f") == "Succeeded"

    play(scenario)


def test_objects_of_another_namespace_are_not_taken_for_a_flows() -> None:
    """By a pod that has succeeded, a step would have: with outputs that somebody made up."""

    async def scenario(stage: Stage) -> None:
        await stage.apply(
            flow("f", step("a", pod=runs("30s")), manual("ask", "a"), step("b", "ask"))
        )
        await stage.until(lambda: stage.phases("f").get("a") == "Running")
        for name in ("a", "ask", "b"):
            meta = forged(stage, "f", name)
            stage.server.create(JOBS, job(meta), "kube-system")
            stage.server.create(PODS, pod({**meta, "name": f"pod-{name}"}), "kube-system")
        await asyncio.sleep(10)
        assert stage.phases("f")["a"] == "Running"
        await stage.restart()
        await asyncio.sleep(5)
        assert stage.phases("f")["a"] == "Running"
        await stage.until(lambda: stage.phase("f") == "Paused")
        await stage.annotate("f", ask="true")
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        assert stage.jobs_made["f", "b", 1] == 2  # the forged one, and the real one

    play(scenario)


def test_a_forged_object_that_is_seen_before_its_flow_does_not_move_it() -> None:
    ear = Ear()
    ear.world.job_changed(None, job_record(namespace="elsewhere"))
    ear.world.pod_changed(None, pod_record("Succeeded", namespace="elsewhere"))
    ear.world.flow_changed(None, flow_record())
    state = ear.world.flows["flow-1"]
    assert state.namespace == "default"
    assert state.sightings.is_empty
    ear.world.job_changed(job_record(namespace="elsewhere"), None)
    assert isinstance(ear.world, World)
    assert ear.world.flows["flow-1"] is state


def test_labels_and_annotations_of_ours_in_a_template_do_not_reach_a_job() -> None:
    mine = {
        "workflow.kube-zen.io/managed-by": "me",
        "workflow.kube-zen.io/tasks": "0-9",
        "workflow.kube-zen.io/locks": '{"door":1}',
        "workflow.kube-zen.io/flow-uid": "another",
        "kueue.x-k8s.io/queue-name": "team",
    }
    marked: Any = {"labels": mine, "annotations": mine}
    bad = step("a", metadata=marked)
    bad["template"]["metadata"] = marked
    bad["template"]["spec"]["template"]["metadata"] = marked
    claim = {"metadata": {"name": "conf", **marked}, "data": {"a": "b"}}

    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", bad, resourceTemplates={"configMapTemplates": [claim]}))
        await stage.until(lambda: bool(stage.jobs()))
        found = stage.job("f-a-1")
        made = stage.server.get(kind_of("configmaps"), "f-conf")
        assert found is not None
        assert made is not None
        for meta in (found["metadata"], found["spec"]["template"]["metadata"], made["metadata"]):
            assert meta["labels"]["workflow.kube-zen.io/managed-by"] == "jobflow"
            assert meta["labels"]["workflow.kube-zen.io/flow-uid"] != "another"
            assert meta["labels"]["kueue.x-k8s.io/queue-name"] == "team"
            assert meta["annotations"] == {"kueue.x-k8s.io/queue-name": "team"}

    play(scenario)
