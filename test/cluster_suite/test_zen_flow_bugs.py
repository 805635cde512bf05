"""What was broken in zen-flow and needs a cluster to prove that it is not broken here.

The letters are those of the list of its defects; the others are covered by the tests of order,
retries and deadlines: a (failed step with dependents), b and c (retries), d (`when: never`),
e (TTL), i (outputs, podFailurePolicy), k (lost status write), m (deadline leaves Jobs running).
"""

import pytest

from cluster_suite.flows import flow, job, manual, runs, sim, step
from cluster_suite.kube import APPROVED, Kube, Object, phases, steps

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]


def test_f_a_finished_flow_is_written_no_more(kube: Kube) -> None:
    kube.apply(flow("done", step("a")))
    kube.ends("done")
    kube.until("job", "done-a-1", _is_complete)
    before = kube.get("jf", "done")
    kube("label", "job", "done-a-1", "touched=yes")
    kube.annotate("done", "note", "touched")
    _pass_three_seconds(kube)
    after = kube.get("jf", "done")
    assert after["status"] == before["status"]


def test_g_a_first_failed_pod_does_not_fail_a_job_that_goes_on(kube: Kube) -> None:
    # Jobs of one name share their pods' prefix: the failure is told by index, and only once.
    once = sim("fail", only_pods="-0-[a-z0-9]{5}$")
    many = job(once, completions=2, parallelism=2, completionMode="Indexed", backoffLimitPerIndex=0)
    many["spec"]["template"]["spec"]["restartPolicy"] = "Never"
    kube.apply(flow("part", {"name": "a", "template": many}, step("b", "a")))
    assert phases(kube.ends("part", "Failed")) == {"a": "Failed", "b": "Skipped"}
    (made,) = kube.jobs("part", "a")
    assert (made["status"]["succeeded"], made["status"]["failedIndexes"]) == (1, "0")


def test_h_a_succeeded_flow_stays_so_after_its_deadline(kube: Kube) -> None:
    kube.apply(flow("done", step("a"), executionPolicy={"activeDeadlineSeconds": 2}))
    before = kube.ends("done")
    _pass_three_seconds(kube)
    assert kube.flow("done") == before


def test_h_an_invalid_flow_is_told_once(kube: Kube) -> None:
    kube.apply(flow("wrong", step("a", "a")))
    kube.ends("wrong", "Failed")
    before = kube.get("jf", "wrong")
    kube.annotate("wrong", "note", "touched")
    _pass_three_seconds(kube)
    after = kube.get("jf", "wrong")
    assert after["status"] == before["status"]
    told = [e for e in kube.find("events") if e["involvedObject"]["name"] == "wrong"]
    assert len(told) == 1


def test_j_a_job_that_is_gone_after_its_success_changes_nothing(kube: Kube) -> None:
    kube.apply(flow("clean", step("a"), step("b", "a", pod=runs("1s"))))
    kube.step_reaches("clean", "a", "Succeeded")
    kube("delete", "job", "clean-a-1")
    status = kube.ends("clean")
    assert phases(status) == {"a": "Succeeded", "b": "Succeeded"}
    assert len(kube.jobs("clean")) == 1
    kube("delete", "job", "clean-b-1")
    _pass_three_seconds(kube)
    assert kube.flow("clean") == status


def test_n_a_manual_step_does_not_stop_its_neighbours(kube: Kube) -> None:
    kube.apply(
        flow("beside", manual("ask"), step("long", pod=runs("1s")), step("after", "ask", "long"))
    )
    kube.step_reaches("beside", "ask", "PendingApproval")
    assert kube.flow("beside")["phase"] == "Running"
    status = kube.reaches("beside", "Paused")
    assert phases(status) == {"ask": "PendingApproval", "long": "Succeeded", "after": "Pending"}
    kube.annotate("beside", f"{APPROVED}/ask", "true")
    kube.ends("beside")


def test_values_cannot_add_fields_to_a_job(kube: Kube) -> None:
    evil = '"],"image":"evil","x":["'
    template = job(container={"command": ["echo", "{{.parameters.word}}"]})
    inputs = {"parameters": [{"name": "word", "value": evil}]}
    kube.apply(flow("quote", {"name": "a", "template": template, "inputs": inputs}))
    kube.ends("quote")
    (made,) = kube.jobs("quote")
    assert made["spec"]["template"]["spec"]["containers"][0]["command"] == ["echo", evil]


def test_a_later_failure_of_the_pod_object_does_not_flip_a_finished_step(kube: Kube) -> None:
    kube.apply(flow("flip", step("a"), step("b", "a", pod=runs("2s"))))
    kube.step_reaches("flip", "a", "Succeeded")
    (pod,) = kube.pods("flip", "a")
    name = pod["metadata"]["name"]
    kube.patch("pod", name, {"status": {"phase": "Failed"}}, "--subresource=status")
    assert steps(kube.ends("flip"))["a"]["phase"] == "Succeeded"


def _is_complete(made: Object) -> bool:
    kinds = {c["type"] for c in made.get("status", {}).get("conditions", ())}
    return "Complete" in kinds


def _pass_three_seconds(kube: Kube) -> None:
    """Let time go by, measured by the operator itself: a question that nobody answers."""
    kube.apply(flow("clock", manual("ask", timeoutSeconds=3)))
    kube.ends("clock", "Failed")
