"""What people do to a flow: approve, suspend, edit, delete, and read about it."""

import pytest

from cluster_suite.flows import chain, flow, job, manual, runs, sim, step
from cluster_suite.kube import APPROVED, Kube, condition, phases, steps

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]


def test_an_annotation_approves(kube: Kube) -> None:
    asks = manual("check", "a", message="Look at the figures first")
    kube.apply(flow("ask", step("a"), asks, step("b", "check")))
    status = kube.reaches("ask", "Paused")
    assert steps(status)["check"]["phase"] == "PendingApproval"
    assert steps(status)["check"]["message"] == "Look at the figures first"
    assert f"{APPROVED}/check" in kube.event("ask", "AwaitingApproval")
    kube.annotate("ask", f"{APPROVED}/check", "true")
    assert phases(kube.ends("ask")) == dict.fromkeys(("a", "check", "b"), "Succeeded")


def test_an_annotation_rejects(kube: Kube) -> None:
    kube.apply(flow("deny", manual("check"), step("b", "check")))
    kube.reaches("deny", "Paused")
    kube.annotate("deny", f"{APPROVED}/check", "false")
    status = kube.ends("deny", "Failed")
    assert phases(status) == {"check": "Failed", "b": "Skipped"}
    assert steps(status)["check"]["reason"] == "ApprovalDenied"


def test_a_suspended_flow_starts_nothing_until_it_goes_on(kube: Kube) -> None:
    kube.apply(chain("pause", 2, pod=runs("1s")))
    kube.step_reaches("pause", "s0", "Running")
    kube.patch("jf", "pause", {"spec": {"suspend": True}})
    kube.reaches("pause", "Suspended")
    halted = kube.step_reaches("pause", "s0", "Succeeded")
    assert halted["phase"] == "Succeeded", "what runs goes on"
    assert not kube.jobs("pause", "s1")
    kube.patch("jf", "pause", {"spec": {"suspend": False}})
    kube.ends("pause")


def test_a_flow_that_is_born_suspended_waits(kube: Kube) -> None:
    kube.apply(chain("later", 1, suspend=True))
    kube.reaches("later", "Suspended")
    assert not kube.jobs("later")
    kube.patch("jf", "later", {"spec": {"suspend": False}})
    kube.ends("later")


def test_an_invalid_flow_names_every_problem_and_touches_nothing(kube: Kube) -> None:
    kube.apply(flow("wrong", step("a", "b"), step("b", "a"), step("c", "nobody", when="1 +")))
    status = kube.ends("wrong", "Failed")
    valid = condition(status, "Valid")
    assert (valid["status"], valid["reason"]) == ("False", "Invalid")
    for problem in ("a -> b -> a", "no step 'nobody'", "steps[2].when"):
        assert problem in valid["message"], valid["message"]
    assert not kube.find("jobs")
    kube.apply(flow("wrong", step("a"), step("b", "a"), step("c", "b")))
    assert condition(kube.ends_after_edit("wrong"), "Valid")["status"] == "True"


def test_a_step_that_is_added_to_a_running_flow_runs(kube: Kube) -> None:
    kube.apply(flow("grows", step("a", pod=runs("1s"))))
    kube.step_reaches("grows", "a", "Running")
    kube.apply(flow("grows", step("a", pod=runs("1s")), step("b", "a")))
    assert phases(kube.ends("grows")) == {"a": "Succeeded", "b": "Succeeded"}
    assert len(kube.jobs("grows", "a")) == 1


def test_a_change_of_a_finished_step_is_ignored_aloud(kube: Kube) -> None:
    slow = step("b", "a", pod=runs("2s"))
    kube.apply(flow("edited", step("a"), slow))
    kube.step_reaches("edited", "a", "Succeeded")
    kube.apply(flow("edited", step("a", timeoutSeconds=99), slow))
    assert "a: is Succeeded already" in kube.event("edited", "SpecChangeIgnored")
    kube.ends("edited")
    assert len(kube.jobs("edited", "a")) == 1


def test_a_flow_may_be_deleted_and_applied_again_at_once(kube: Kube) -> None:
    again = chain("again", 2, pod=runs("1s"))
    kube.apply(again)
    kube.step_reaches("again", "s0", "Running")
    first = kube.get("jf", "again")["metadata"]["uid"]
    kube("delete", "jf", "again")
    kube.apply(again)
    kube.ends("again")
    uid = kube.get("jf", "again")["metadata"]["uid"]
    assert uid != first
    owners = {job_["metadata"]["ownerReferences"][0]["uid"] for job_ in kube.jobs("again")}
    assert owners == {uid}


def test_a_foreign_job_of_the_steps_name_is_left_alone(kube: Kube) -> None:
    foreign = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "mine-a-1"}}
    kube.apply({**foreign, **job(sim("never"))})
    before = kube.get("job", "mine-a-1")
    kube.apply(flow("mine", step("a")))
    done = steps(kube.ends("mine", "Failed"))["a"]
    assert done["reason"] == "JobRejected"
    assert "mine-a-1 exists and belongs to nobody" in done["message"]
    after = kube.get("job", "mine-a-1")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["spec"] == before["spec"]


def test_a_job_that_the_api_server_refuses_fails_the_step_with_its_words(kube: Kube) -> None:
    template = job(container={"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}})
    bad = step("b")
    bad["template"]["spec"]["template"]["spec"]["nodeSelector"] = {"no good": "x"}
    kube.apply(flow("refused", {"name": "a", "template": template}), flow("refused-2", bad))
    kube.ends("refused", "Failed")
    done = steps(kube.ends("refused-2", "Failed"))["b"]
    assert done["reason"] == "JobRejected"
    assert "nodeSelector" in done["message"]


def test_an_image_that_cannot_be_pulled_fails_the_step_at_once(kube: Kube) -> None:
    kube.apply(flow("typo", step("a", pod=sim("image-error"), retryPolicy={"limit": 5})))
    done = steps(kube.ends("typo", "Failed"))["a"]
    assert done["reason"] == "ImagePullBackOff"
    assert done["attempt"] == 1
    kube.gone("job", "typo-a-1")


def test_describe_explains_a_failure(kube: Kube) -> None:
    kube.apply(flow("why", step("a", pod=sim("fail", exit_code="3", message="disk is full"))))
    kube.ends("why", "Failed")
    kube.event("why", "FlowFailed")
    told = kube("describe", "jf", "why")
    status, _, events = told.partition("\nEvents:")
    for part in (status, events):
        assert "exited with code 3: disk is full" in part, told
    assert "Warning" in events
