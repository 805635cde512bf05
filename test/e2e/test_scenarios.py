"""Scenarios about memory, deadlines, arrays, resume and lost pods, on real pods.

The list of all is in `test/engine/test_scenarios.py`. Those that an example shows are tested with
it, in `test_examples.py`; lost pods are in `test_real_pods.py`. All flows of this module are
applied at once, in one namespace, and each test looks at its own.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cluster import Record
from cluster_suite.flows import flow, retry
from cluster_suite.kube import Kube, moment, phases, steps
from cluster_suite.process import OperatorProcess, write_kubeconfig
from cluster_suite.session import fresh_namespace
from cluster_suite.test_cli import Person
from e2e.pods import Object, shell
from jobflows.api.resume import RESUME_ANNOTATION
from jobflows.engine.indexes import IndexSet
from jobflows.manifests import labels

pytestmark = pytest.mark.e2e

SECONDS = 120
"""For a flow among all the others, on a machine that is busy."""

FOLLOWS = {"count": 3, "dependencyMode": "Index"}
FIRST = "[ {{ step.attempt }} -gt 1 ]"
"""Shell: true but in the first attempt."""


def work(name: str, script: str, *after: str, **fields: Any) -> Object:
    """A step that runs a shell script."""
    container = {"resources": fields.pop("resources")} if "resources" in fields else {}
    return {
        "name": name,
        "template": shell(script, **container),
        "dependencies": [*after],
        **fields,
    }


def greedy(**policy: Any) -> Object:
    """A step that needs about 60 Mi, and begins with 32 Mi."""
    return work(
        "crunch",
        "head -c 60m /dev/zero | tail > /dev/null",
        resources={kind: {"memory": "32Mi"} for kind in ("requests", "limits")},
        retryPolicy={**retry(0), "onOutOfMemory": {"limit": 3}, **policy},
    )


def sized() -> Object:
    """A step that asks for what an earlier one says, which is no amount."""
    value = {"name": "memory", "valueFrom": {"jsonPath": "size:$.outputs.memory"}}
    return work(
        "work",
        "true",
        "size",
        inputs={"parameters": [value]},
        resources={"requests": {"memory": "{{ parameters.memory }}"}},
        retryPolicy=retry(3),
    )


def flows() -> list[Object]:
    """One flow a scenario."""
    late = f"[ {{{{ task.index }}}} = 0 ] || {FIRST}"
    told = "echo task {{ task.index }} in {{ step.attempt }}; [ {{ task.index }} != 1 ]"
    says = 'echo \'{"memory": "lots"}\' > /dev/termination-log'
    output = {"parameters": [{"name": "memory", "valueFrom": {"jsonPath": "$.memory"}}]}
    waits = "while [ ! -e /tmp/go ]; do sleep 0.1; done"
    return [
        flow(
            "fork-join",
            work("a", "true"),
            work("b", "sleep {{ task.item }}", "a", array={"items": [0, 8]}),
            work("c", "sleep 1", "b", array={"items": [8, 0], "dependencyMode": "Index"}),
            work("d", "true", "c"),
        ),
        flow(
            "fatal",
            work("b", told, array={"count": 3}, retryPolicy=retry(2)),
            work("c", "true", "b", array=FOLLOWS),
            work("d", "true", "c"),
        ),
        flow("flaky", work("b", late, array={"count": 2}, retryPolicy=retry(1))),
        flow("values", greedy(resources={"memory": {"values": ["40Mi", "96Mi"]}})),
        flow(
            "larger-node",
            greedy(
                resources={"memory": {"factor": 3, "max": "40Mi"}},
                fallbacks=[
                    {"nodeSelector": {"kubernetes.io/os": "linux"}, "max": {"memory": "96Mi"}}
                ],
            ),
        ),
        flow("sized", work("size", says, outputs=output), sized()),
        flow("late", work("a", "true"), work("b", f"{FIRST} || sleep 600", "a", timeoutSeconds=3)),
        flow("cold", work("slow", f"{FIRST} || sleep 600"), work("bad", FIRST)),
        flow("hot", work("slow", waits), work("bad", FIRST)),
        flow("marked", work("bad", "false"), work("after", "true", "bad")),
    ]


@pytest.fixture(scope="module")
def kube(real: Record, operator: OperatorProcess) -> Iterator[Kube]:
    """kubectl in the namespace of all these flows, which are under way."""
    kube = fresh_namespace(real, "scenarios")
    kube.apply(*flows())
    yield kube
    kube("delete", "namespace", kube.namespace, "--wait=false")


def batches(kube: Kube, name: str, step: str) -> list[str]:
    """The tasks of each Job of an array, in the order of their numbers."""
    return [job["metadata"]["annotations"][labels.TASKS] for job in kube.jobs(name, step)]


def spans(kube: Kube, name: str, step: str) -> dict[int, tuple[datetime, datetime]]:
    """When each task of an array began and ended, in the Job that ran it last."""
    found = {}
    for job, tasks in zip(kube.jobs(name, step), batches(kube, name, step), strict=True):
        members = list(IndexSet.parse(tasks))
        for pod in kube.find("pods", f"batch.kubernetes.io/job-name={job['metadata']['name']}"):
            ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
            position = int(pod["metadata"]["labels"][labels.POSITION])
            span = (moment(ended["startedAt"]), moment(ended["finishedAt"]))
            found[members[position]] = span
    return found


def memory(kube: Kube, name: str) -> list[str]:
    """The memory that the Job of each attempt asked for and was held to."""
    asked = []
    for job in kube.jobs(name, "crunch"):
        (main,) = job["spec"]["template"]["spec"]["containers"]
        assert main["resources"]["requests"] == main["resources"]["limits"]
        asked.append(main["resources"]["limits"]["memory"])
    return asked


def resume(kube: Kube, name: str, request: str) -> None:
    kube.annotate(name, RESUME_ANNOTATION, request)


def running(kube: Kube, name: str, step: str) -> str:
    """Wait for a process of a step; returns its pod."""
    marks = f"{labels.FLOW}={name},{labels.STEP}={step}"
    pod = kube.until_any("pods", marks, lambda p: p["status"].get("phase") == "Running", SECONDS)
    return str(pod["metadata"]["name"])


def test_scenario_03_a_task_starts_when_its_own_is_done_and_the_join_waits_for_all(
    kube: Kube,
) -> None:
    kube.ends("fork-join", seconds=SECONDS)
    b, c = spans(kube, "fork-join", "b"), spans(kube, "fork-join", "c")
    assert c[0][0] < b[1][1]
    assert all(c[i][0] >= b[i][1] for i in (0, 1))


def test_scenario_04_a_fatal_task_stops_only_what_follows_it(kube: Kube) -> None:
    done = steps(kube.ends("fatal", "Failed", seconds=SECONDS))
    assert (done["b"]["tasks"]["succeeded"], done["b"]["tasks"]["failed"]) == ("0,2", "1")
    assert (done["c"]["tasks"]["succeeded"], done["c"]["tasks"]["skipped"]) == ("0,2", "1")
    assert done["d"]["phase"] == "Skipped"
    assert batches(kube, "fatal", "b") == ["0-2", "1", "1"]
    assert kube.jobs("fatal", "d") == []


def test_scenario_05_a_task_that_fails_once_is_tried_again_alone(kube: Kube) -> None:
    done = steps(kube.ends("flaky", seconds=SECONDS))["b"]
    assert (done["attempt"], done["tasks"]["succeeded"]) == (2, "0-1")
    assert batches(kube, "flaky", "b") == ["0-1", "1"]


def test_scenario_14_memory_takes_the_values_of_a_list(kube: Kube) -> None:
    done = steps(kube.ends("values", seconds=SECONDS))["crunch"]
    assert memory(kube, "values") == ["32Mi", "40Mi", "96Mi"]
    had = [(failed["cause"], failed.get("resources")) for failed in done["failures"]]
    assert had == [("OutOfMemory", None), ("OutOfMemory", {"memory": "40Mi"})]


def test_scenario_15_what_outgrows_its_nodes_runs_on_a_fallback(kube: Kube) -> None:
    done = steps(kube.ends("larger-node", seconds=SECONDS))["crunch"]
    assert done["resources"] == {"memory": "96Mi"}
    assert memory(kube, "larger-node") == ["32Mi", "96Mi"]
    pods = [job["spec"]["template"]["spec"] for job in kube.jobs("larger-node")]
    assert [pod.get("nodeSelector") for pod in pods] == [None, {"kubernetes.io/os": "linux"}]


def test_scenario_16_what_is_no_amount_of_memory_fails_the_step_at_once(kube: Kube) -> None:
    done = steps(kube.ends("sized", "Failed", seconds=SECONDS))
    assert done["size"]["phase"] == "Succeeded"
    assert done["work"]["reason"] == "JobRejected"
    assert "quantities must match" in done["work"]["message"]


def test_scenario_18_a_step_that_ran_out_of_time_completes_by_a_resume(kube: Kube) -> None:
    done = steps(kube.ends("late", "Failed", seconds=SECONDS))["b"]
    assert done["reason"] == "StepTimeout"
    assert "timeoutSeconds" in done["message"]
    resume(kube, "late", '{"id": "1"}')
    done = steps(kube.reaches("late", "Succeeded", seconds=SECONDS))
    assert (done["a"]["attempt"], done["b"]["attempt"]) == (1, 2)


def test_scenario_21_a_cold_resume_stops_what_runs(kube: Kube) -> None:
    old = running(kube, "cold", "slow")
    kube.step_reaches("cold", "bad", "Failed", SECONDS)
    resume(kube, "cold", '{"id": "1", "mode": "cold"}')
    done = steps(kube.ends("cold", seconds=SECONDS))
    assert (done["slow"]["attempt"], done["bad"]["attempt"]) == (2, 2)
    kube.gone("pod", old)


def test_scenario_21_a_hot_resume_leaves_what_runs_alone(kube: Kube) -> None:
    old = running(kube, "hot", "slow")
    kube.step_reaches("hot", "bad", "Failed", SECONDS)
    resume(kube, "hot", '{"id": "1", "mode": "hot"}')
    kube.step_reaches("hot", "bad", "Succeeded", SECONDS)
    kube("exec", old, "--", "touch", "/tmp/go")
    done = steps(kube.ends("hot", seconds=SECONDS))
    assert (done["slow"]["attempt"], done["bad"]["attempt"]) == (1, 2)
    assert [pod["metadata"]["name"] for pod in kube.pods("hot", "slow")] == [old]


def test_scenario_22_a_flow_that_succeeded_is_not_resumed(kube: Kube) -> None:
    before = kube.ends("flaky", seconds=SECONDS)
    resume(kube, "flaky", '{"id": "1"}')
    assert "the flow succeeded; name steps to run again" in kube.event("flaky", "ResumeRefused")
    assert steps(kube.flow("flaky")) == steps(before)


def test_scenario_24_a_failed_step_that_is_marked_as_done_lets_those_below_run(kube: Kube) -> None:
    failed = kube.ends("marked", "Failed", seconds=SECONDS)
    assert phases(failed) == {"bad": "Failed", "after": "Skipped"}
    resume(kube, "marked", '{"id": "1", "set": {"bad": "Succeeded"}}')
    done = steps(kube.reaches("marked", "Succeeded", seconds=SECONDS))
    assert done["bad"]["reason"] == "MarkedSucceeded"
    assert (done["bad"]["attempt"], done["after"]["attempt"]) == (1, 1)


def test_scenario_25_the_log_of_a_task_is_that_of_its_newest_attempt(
    real: Record, kube: Kube, tmp_path: Path
) -> None:
    kube.ends("fatal", "Failed", seconds=SECONDS)
    jobflow = Person(write_kubeconfig(real, "admin", tmp_path / "admin"), kube.namespace)
    assert jobflow("logs", "fatal", "b", "--task", "1") == "task 1 in 3\n"
    assert jobflow("logs", "fatal", "b", "--task", "1", "--attempt", "2") == "task 1 in 2\n"
    lines = jobflow("logs", "fatal", "b").splitlines()
    assert lines[1::2] == ["task 0 in 1", "task 1 in 3", "task 2 in 1"]
    assert "1 of 3 tasks failed: task 1: " in jobflow("explain", "fatal", "b")
