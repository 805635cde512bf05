"""Time limits: of a step, of a flow, and of what is left of it."""

import pytest

from cluster_suite.flows import flow, job, manual, retry, sim, step
from cluster_suite.kube import Kube, phases, steps

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]


def test_a_timeout_deletes_the_job_and_its_pods(kube: Kube) -> None:
    hangs = step("a", pod=sim("never"), timeoutSeconds=1)
    kube.apply(flow("late", hangs, step("next", "a")))
    status = kube.ends("late", "Failed")
    assert phases(status) == {"a": "Failed", "next": "Skipped"}
    assert steps(status)["a"]["reason"] == "StepTimeout"
    kube.gone("job", "late-a-1")
    assert not kube.pods("late")


def test_a_timeout_can_be_retried(kube: Kube) -> None:
    script = sim("never", only_pods="-1-[a-z0-9]{5}$")
    kube.apply(flow("slow", step("a", pod=script, timeoutSeconds=1, retryPolicy=retry(1))))
    assert steps(kube.ends("slow"))["a"]["timeoutCount"] == 1
    assert [job["metadata"]["name"] for job in kube.jobs("slow")] == ["slow-a-2"]


def test_the_flows_deadline_stops_jobs_and_pods(kube: Kube) -> None:
    kube.apply(
        flow(
            "deadline",
            step("quick"),
            step("a", pod=sim("never")),
            step("b", pod=sim("never")),
            step("after", "a"),
            executionPolicy={"activeDeadlineSeconds": 1},
        )
    )
    status = kube.ends("deadline", "Failed")
    assert status["reason"] == "ActiveDeadlineExceeded"
    assert phases(status) == {
        "quick": "Succeeded",
        "a": "Failed",
        "b": "Failed",
        "after": "Skipped",
    }
    kube.gone("job", "deadline-a-1")
    kube.gone("job", "deadline-b-1")
    assert not kube.pods("deadline", "a")
    assert not kube.pods("deadline", "b")
    assert kube.jobs("deadline", "quick"), "what succeeded is kept"


def test_a_jobs_own_deadline_is_a_timeout_of_the_step(kube: Kube) -> None:
    template = job(sim("never"), activeDeadlineSeconds=1)
    kube.apply(flow("own", {"name": "a", "template": template}))
    done = steps(kube.ends("own", "Failed"))["a"]
    assert done["reason"] == "DeadlineExceeded"


def test_nobody_answers_in_time(kube: Kube) -> None:
    kube.apply(flow("silence", manual("ask", timeoutSeconds=1)))
    assert steps(kube.ends("silence", "Failed"))["ask"]["reason"] == "StepTimeout"


def test_a_finished_flow_goes_with_all_it_made_when_its_ttl_is_over(kube: Kube) -> None:
    kube.apply(flow("brief", step("a"), executionPolicy={"ttlSecondsAfterFinished": 1}))
    kube.ends("brief")
    kube.gone("jf", "brief")
    kube.gone("job", "brief-a-1")
    assert not kube.pods("brief")


def test_a_jobs_own_ttl_is_kept_without_losing_the_outcome(kube: Kube) -> None:
    short = {"name": "a", "template": job(ttlSecondsAfterFinished=0)}
    kube.apply(flow("ttl", short, step("b", "a", pod=sim(run_for="1s"))))
    kube.step_reaches("ttl", "a", "Succeeded")
    kube.gone("job", "ttl-a-1")
    assert phases(kube.ends("ttl")) == {"a": "Succeeded", "b": "Succeeded"}
