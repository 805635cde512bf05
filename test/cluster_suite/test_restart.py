"""An operator ends, in good order or not, and another one goes on.

Each test runs its operators on its own namespace only.
"""

from collections import Counter
from pathlib import Path

import pytest

from cluster_suite.audit import writes
from cluster_suite.flows import diamond, flow, manual, retry, runs, sim, step
from cluster_suite.kube import Kube, Object, phases, steps
from cluster_suite.process import OperatorProcess, running

pytestmark = pytest.mark.cluster


def test_a_finished_cluster_is_left_alone_even_by_a_new_operator(
    kube: Kube, audit_log: Path, operator_config: Path, tmp_path: Path
) -> None:
    scope = ("--watch-namespace", kube.namespace)
    with running(operator_config, tmp_path / "first", *scope):
        kube.apply(
            *(diamond(f"done-{i}") for i in range(3)),
            flow("failed", step("a", pod=sim("fail"))),
            flow("wrong", step("a", "nobody")),
        )
        for i in range(3):
            kube.ends(f"done-{i}")
        kube.ends("failed", "Failed")
        kube.ends("wrong", "Failed")
        for job in kube.find("jobs"):
            kube.until("job", job["metadata"]["name"], _is_over)
    before = writes(audit_log, kube)
    with running(operator_config, tmp_path / "second", *scope):
        kube.apply(flow("last", step("a")))  # after it, all older news have been worked off
        kube.ends("last")
    extra = writes(audit_log, kube) - before
    assert extra <= Counter({"create jobs": 1, "patch jobflows/status": 3}), extra


def test_a_restart_goes_on_where_the_last_operator_stopped(
    kube: Kube, operator_config: Path, tmp_path: Path
) -> None:
    scope = ("--watch-namespace", kube.namespace)
    waits = step("waits", pod=sim("fail"), retryPolicy=retry(1, "2s"))
    with running(operator_config, tmp_path / "first", *scope):
        kube.apply(
            flow("mixed", step("a"), step("long", "a", pod=runs("2s")), waits, manual("ask"))
        )
        kube.step_reaches("mixed", "long", "Running")
        kube.step_reaches("mixed", "ask", "PendingApproval")
        before = kube.until("jf", "mixed", lambda f: "nextRetryTime" in str(f["status"]))
    kube.annotate("mixed", "approved.workflow.kube-zen.io/ask", "true")
    with running(operator_config, tmp_path / "second", *scope):
        after = steps(kube.ends("mixed", "Failed"))
    assert {name: len(kube.jobs("mixed", name)) for name in after} == {
        "a": 1,
        "long": 1,
        "waits": 2,
        "ask": 0,
    }
    assert after["ask"]["reason"] == "Approved"
    for name in ("a", "long"):
        assert after[name]["jobRef"] == steps(before["status"])[name]["jobRef"]


def test_a_status_that_was_never_written_is_made_good_without_a_second_job(
    kube: Kube, operator_config: Path, tmp_path: Path
) -> None:
    scope = ("--watch-namespace", kube.namespace)
    first = OperatorProcess(
        operator_config, tmp_path / "first", *scope, "--status-batch-period=60s"
    )
    first.wait_ready()
    kube.apply(flow("lost", step("a"), step("b", "a", pod=runs("1s"))))
    kube.until("job", "lost-b-1", lambda job: job["status"].get("active") == 1)
    first.kill()
    assert not kube.flow("lost").get("steps")
    uids = {job["metadata"]["uid"] for job in kube.jobs("lost")}
    with running(operator_config, tmp_path / "second", *scope):
        assert phases(kube.ends("lost")) == {"a": "Succeeded", "b": "Succeeded"}
    assert {job["metadata"]["uid"] for job in kube.jobs("lost")} == uids


def test_what_is_decided_is_written_before_the_process_ends(
    kube: Kube, operator_config: Path, tmp_path: Path
) -> None:
    scope = ("--watch-namespace", kube.namespace, "--status-batch-period=60s")
    with running(operator_config, tmp_path / "log", *scope):
        kube.apply(flow("late", step("a"), step("b", "a", pod=sim("never"))))
        kube.until("job", "late-b-1", lambda _: True)
    assert phases(kube.flow("late")) == {"a": "Succeeded", "b": "Running"}


def _is_over(job: Object) -> bool:
    kinds = {c["type"] for c in job.get("status", {}).get("conditions", ())}
    return bool(kinds & {"Complete", "Failed"})
