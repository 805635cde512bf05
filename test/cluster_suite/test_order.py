"""What runs, what does not, and in which order."""

import pytest

from cluster_suite.flows import chain, diamond, fails_until, flow, retry, runs, sim, step
from cluster_suite.kube import Kube, phases, steps

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]


def test_a_chain_runs_in_order(kube: Kube) -> None:
    kube.apply(chain("chain", 10))
    status = kube.ends("chain")
    seen = [steps(status)[f"s{i}"] for i in range(10)]
    times = [time for step in seen for time in (step["startTime"], step["completionTime"])]
    assert times == sorted(times)
    assert status["startTime"] <= times[0]
    assert status["completionTime"] >= times[-1]
    assert status["progress"]["summary"] == "10/10"


def test_the_arms_of_a_diamond_overlap(kube: Kube) -> None:
    kube.apply(diamond("diamond", pod=runs("500ms")))
    done = steps(kube.ends("diamond"))
    assert done["b"]["startTime"] < done["c"]["completionTime"]
    assert done["c"]["startTime"] < done["b"]["completionTime"]
    assert done["d"]["startTime"] >= max(done[arm]["completionTime"] for arm in "bc")


def test_a_failed_step_skips_what_depends_on_it_and_nothing_else(kube: Kube) -> None:
    kube.apply(
        flow(
            "fails",
            step("bad", pod=sim("fail", exit_code="3", message="no such table")),
            step("child", "bad"),
            step("grandchild", "child"),
            step("beside", pod=runs("300ms")),
            step("behind", "beside"),
        )
    )
    status = kube.ends("fails", "Failed")
    assert phases(status) == {
        "bad": "Failed",
        "child": "Skipped",
        "grandchild": "Skipped",
        "beside": "Succeeded",
        "behind": "Succeeded",
    }
    assert "no such table" in steps(status)["bad"]["message"]
    assert "step bad" in steps(status)["grandchild"]["message"]
    assert "step bad failed" in status["message"]
    assert not kube.jobs("fails", "child")


def test_continue_on_failure_runs_the_dependents_and_the_flow_succeeds(kube: Kube) -> None:
    bad = step("bad", pod=sim("fail"), continueOnFailure=True)
    kube.apply(flow("tolerant", bad, step("next", "bad")))
    assert phases(kube.ends("tolerant")) == {"bad": "Failed", "next": "Succeeded"}


def test_when_decides_what_runs(kube: Kube) -> None:
    kube.apply(
        flow(
            "choice",
            step("try", pod=fails_until(2), retryPolicy=retry(1)),
            step("never", when="never"),
            step("after-never", "never"),
            step("yes", "try", when="steps.try.phase == 'Succeeded' && steps.try.retryCount == 1"),
            step("no", "try", when="parameters.mode == 'full'"),
            parameters=[{"name": "mode", "value": "quick"}],
        )
    )
    status = kube.ends("choice")
    assert phases(status) == {
        "try": "Succeeded",
        "never": "Skipped",
        "after-never": "Succeeded",
        "yes": "Succeeded",
        "no": "Skipped",
    }
    assert steps(status)["no"]["reason"] == "WhenFalse"
    assert not kube.jobs("choice", "no")


def test_a_step_that_looks_at_a_failure_can_be_the_handler_of_it(kube: Kube) -> None:
    bad = step("bad", pod=sim("oom"), continueOnFailure=True)
    handler = step("handler", "bad", when="steps.bad.message.contains('OOMKilled')")
    kube.apply(flow("handled", bad, handler))
    assert phases(kube.ends("handled")) == {"bad": "Failed", "handler": "Succeeded"}
