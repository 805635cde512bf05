"""What only real processes can show: memory, signals, images, seconds."""

from hashlib import sha256
from typing import Any

import pytest

from cluster_suite.flows import flow, retry
from cluster_suite.kube import Kube, moment, phases, steps
from e2e.pods import IMAGE, is_running, logs, ran_in_order, shell

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("operator")]

LENGTH = 8


def test_a_chain(kube: Kube, capsys: pytest.CaptureFixture[str]) -> None:
    links: list[dict[str, Any]] = [
        {"name": f"s{i}", "template": shell("true"), "dependencies": [f"s{i - 1}"] if i else []}
        for i in range(LENGTH)
    ]
    kube.apply(flow("chain", *links))
    status = kube.ends("chain", seconds=120)
    ran_in_order(kube, "chain")
    took = moment(status["completionTime"]) - moment(status["startTime"])
    with capsys.disabled():
        print(f"\nchain of {LENGTH} real pods: {took.total_seconds() / LENGTH:.2f} s a step")


@pytest.mark.parametrize(
    ("limit", "reason"),
    [({"executionPolicy": {"activeDeadlineSeconds": 4}}, "ActiveDeadlineExceeded"), ({}, "")],
    ids=["flow", "step"],
)
def test_scenario_18_a_deadline_ends_processes(
    kube: Kube, limit: dict[str, Any], reason: str
) -> None:
    mark = f"{kube.namespace}-process"
    hangs: dict[str, Any] = {"name": "a", "template": shell("sleep 100000; true", args=[mark])}
    hangs |= {} if limit else {"timeoutSeconds": 4}
    kube.apply(flow("late", hangs, **limit))
    kube.until_any("pods", "", lambda pod: pod["status"].get("phase") == "Running")
    assert is_running(mark)
    status = kube.ends("late", "Failed")
    assert steps(status)["a"]["reason"] == (reason or "StepTimeout")
    kube.gone("job", "late-a-1")
    assert not kube.pods("late")
    assert not is_running(mark)


def test_scenario_13_a_process_that_takes_too_much_memory_is_called_oom_killed(kube: Kube) -> None:
    greedy = shell("", command=["tail", "/dev/zero"], resources={"limits": {"memory": "32Mi"}})
    kube.apply(flow("greedy", {"name": "a", "template": greedy}))
    done = steps(kube.ends("greedy", "Failed"))["a"]
    assert done["reason"] == "OOMKilled"
    assert "exited with code 137 (OOMKilled)" in done["message"]


def test_the_last_lines_of_a_failed_step_are_in_its_message(kube: Kube) -> None:
    speaks = shell("echo cannot open table orders; exit 3")
    kube.apply(flow("speaks", {"name": "a", "template": speaks, "retryPolicy": retry(1)}))
    done = steps(kube.ends("speaks", "Failed"))["a"]
    assert "code 3: cannot open table orders" in done["message"]
    assert logs(kube, "speaks", "a", 2) == "cannot open table orders"


def test_an_image_that_does_not_exist_fails_the_step_at_once(kube: Kube) -> None:
    template = shell("true", image="registry.invalid/nothing:1")
    kube.apply(flow("typo", {"name": "a", "template": template, "retryPolicy": retry(5)}))
    done = steps(kube.ends("typo", "Failed"))["a"]
    assert (done["reason"], done["attempt"]) == ("ImagePullBackOff", 1)
    assert "registry.invalid/nothing:1" in done["message"]
    kube.gone("job", "typo-a-1")


def test_scenario_23_a_pod_that_is_deleted_by_force_is_lost_and_replaced(kube: Kube) -> None:
    waits = shell("[ {{ step.attempt }} -gt 1 ] || sleep 600")
    kube.apply(flow("robbed", {"name": "a", "template": waits}))
    running = kube.until_any("pods", "", lambda pod: pod["status"].get("phase") == "Running")
    kube("delete", "pod", running["metadata"]["name"], "--force", "--grace-period=0")
    done = steps(kube.ends("robbed"))["a"]
    assert (done["attempt"], done["lostCount"]) == (2, 1)


def test_a_secret_reaches_the_process_and_nothing_else(kube: Kube) -> None:
    kube("create", "secret", "generic", "login", "--from-literal=password=open sesame")
    template = shell('echo -n "{{ parameters.word }}" | sha256sum')
    source = {"secretKeyRef": {"name": "login", "key": "password"}}
    inputs = {"parameters": [{"name": "word", "valueFrom": source}]}
    kube.apply(flow("door", {"name": "a", "template": template, "inputs": inputs}))
    kube.ends("door")
    assert logs(kube, "door", "a").split()[0] == sha256(b"open sesame").hexdigest()
    assert "sesame" not in str(kube.jobs("door")) + str(kube.pods("door"))


def test_an_init_container_and_a_second_container_work(kube: Kube) -> None:
    template = shell("cat /shared/word")
    pod = template["spec"]["template"]["spec"]
    shared = [{"name": "shared", "mountPath": "/shared"}]
    pod["volumes"] = [{"name": "shared", "emptyDir": {}}]
    pod["containers"][0]["volumeMounts"] = shared
    write = ["sh", "-c", "echo hello > /shared/word"]
    pod["initContainers"] = [
        {"name": "first", "image": IMAGE, "command": write, "volumeMounts": shared}
    ]
    pod["containers"].append({"name": "side", "image": IMAGE, "command": ["true"]})
    kube.apply(flow("team", {"name": "a", "template": template}))
    assert phases(kube.ends("team")) == {"a": "Succeeded"}
    assert kube("logs", "job/team-a-1", "--container=main").strip() == "hello"
