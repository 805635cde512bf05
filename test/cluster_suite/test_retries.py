"""Failed attempts, and what becomes of them."""

import pytest

from cluster_suite.flows import fails_until, flow, job, retry, runs, sim, step
from cluster_suite.kube import ATTEMPT, Kube, Object, phases, steps

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]


def test_a_retry_is_a_new_job(kube: Kube) -> None:
    kube.apply(
        flow("again", step("a", pod=fails_until(3, exit_code="7"), retryPolicy=retry(3, "300ms")))
    )
    done = steps(kube.ends("again"))["a"]
    assert done["retryCount"] == 2
    assert done["attempt"] == 3
    jobs = kube.jobs("again")
    assert [job["metadata"]["name"] for job in jobs] == ["again-a-1", "again-a-2", "again-a-3"]
    assert [job["metadata"]["labels"][ATTEMPT] for job in jobs] == ["1", "2", "3"]
    assert done["jobRef"] == {
        "name": "again-a-3",
        "uid": jobs[2]["metadata"]["uid"],
    }


def test_a_retry_waits_and_says_why(kube: Kube) -> None:
    bad = step("a", pod=sim("fail", exit_code="9"), retryPolicy=retry(1, "1h"))
    kube.apply(flow("waits", bad))
    flow_ = kube.until("jf", "waits", lambda f: bool(_step(f).get("nextRetryTime")))
    waiting = _step(flow_)
    assert waiting["phase"] == "Pending"
    assert waiting["reason"] == "BackingOff"
    assert "exited with code 9" in waiting["message"]
    assert waiting["nextRetryTime"] > waiting["startTime"]


def test_the_last_failure_is_kept_when_retries_are_used_up(kube: Kube) -> None:
    kube.apply(flow("worn", step("a", pod=sim("oom"), retryPolicy=retry(1))))
    done = steps(kube.ends("worn", "Failed"))["a"]
    assert (done["outOfMemoryCount"], done["reason"]) == (1, "OOMKilled")
    assert "after 1 retries" in done["message"]
    assert len(kube.jobs("worn")) == 2


def test_backoff_limit_ends_the_whole_flow(kube: Kube) -> None:
    kube.apply(
        flow(
            "limit",
            step("a", pod=sim("fail"), retryPolicy=retry(50)),
            step("long", pod=sim("never")),
            executionPolicy={"backoffLimit": 2},
        )
    )
    status = kube.ends("limit", "Failed")
    assert status["reason"] == "BackoffLimitExceeded"
    assert phases(status) == {"a": "Failed", "long": "Failed"}
    assert len(kube.jobs("limit", "a")) == 3
    kube.gone("job", "limit-long-1")
    assert not kube.pods("limit", "long")


def test_a_job_with_its_own_backoff_limit_retries_by_itself_first(kube: Kube) -> None:
    kube.apply(
        flow("own", {"name": "a", "template": job(sim("fail"), backoffLimit=1)}),
        flow("own-exit", {"name": "a", "template": job(sim("fail"), backoffLimit=0)}),
    )
    assert steps(kube.ends("own-exit", "Failed"))["a"]["attempt"] == 1
    done = steps(kube.ends("own", "Failed"))["a"]
    assert done["attempt"] == 1
    assert "retryCount" not in done
    assert [job["status"]["failed"] for job in kube.jobs("own")] == [2]


def test_exit_codes_decide_by_pod_failure_policy(kube: Kube) -> None:
    rules = [
        {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [42]}},
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [13]}},
    ]
    kube.apply(
        flow(
            "codes",
            step("ignored", pod=sim("fail", exit_code="42")),
            step("final", pod=sim("fail", exit_code="13"), retryPolicy=retry(5)),
            executionPolicy={"podFailurePolicy": {"rules": rules}},
        )
    )
    done = steps(kube.ends("codes", "Failed"))
    assert (done["ignored"]["phase"], done["ignored"]["reason"]) == ("Succeeded", "FailureIgnored")
    assert (done["final"]["phase"], done["final"]["attempt"]) == ("Failed", 1)


def test_a_job_deleted_by_hand_is_a_lost_attempt_and_costs_no_retry(kube: Kube) -> None:
    kube.apply(flow("lost", step("a", pod=runs("3s"))))
    kube.step_reaches("lost", "a", "Running")
    kube("delete", "job", "lost-a-1", "--wait=false")
    done = steps(kube.ends("lost"))["a"]
    assert (done["lostCount"], done["attempt"]) == (1, 2)
    assert "retryCount" not in done


def test_an_evicted_pod_is_a_lost_attempt(kube: Kube) -> None:
    kube.apply(flow("evicted", step("a", pod=runs("3s"))))
    pod = kube.until_any("pods", "", lambda p: p["status"].get("phase") == "Running")
    name = pod["metadata"]["name"]
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": kube.namespace},
    }
    path = f"/api/v1/namespaces/{kube.namespace}/pods/{name}/eviction"
    kube("create", "--raw", path, "-f", "-", stdin=eviction)
    done = steps(kube.ends("evicted"))["a"]
    assert (done["lostCount"], done["attempt"]) == (1, 2)
    assert "retryCount" not in done


def _step(flow_: Object) -> Object:
    return steps(flow_.get("status", {})).get("a", {})
