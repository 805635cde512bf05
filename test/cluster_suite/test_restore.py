"""Flows that are brought back from a backup go on from where they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster_suite.flows import flow, manual, runs, step
from cluster_suite.kube import Kube, phases, steps
from cluster_suite.process import running

pytestmark = pytest.mark.cluster


def test_a_flow_and_its_status_are_enough_to_go_on_from(
    kube: Kube, operator_config: Path, tmp_path: Path
) -> None:
    scope = ("--watch-namespace", kube.namespace)
    with running(operator_config, tmp_path / "first", *scope):
        kube.apply(
            flow("kept", step("a"), step("long", "a", pod=runs("1h")), manual("ask", "a")),
            flow("done", step("a")),
        )
        kube.step_reaches("kept", "long", "Running")
        kube.step_reaches("kept", "ask", "PendingApproval")
        kube.ends("done")
        backup = {name: kube.get("jobflow", name) for name in ("kept", "done")}
    kube("delete", "jobflow", "--all", "--cascade=foreground", "--wait")
    assert kube.find("jobs") == []
    for name, saved in backup.items():
        kube("create", "-f", "-", stdin=saved)
        status = {"status": saved["status"]}
        kube.patch("jobflow", name, status, "--type=merge", "--subresource=status")
    edited = backup["kept"]["spec"]["steps"]
    edited[1] = step("long", "a")
    kube.patch("jobflow", "kept", {"spec": {"steps": edited}}, "--type=merge")
    kube.annotate("kept", "approved.workflow.kube-zen.io/ask", "true")
    with running(operator_config, tmp_path / "second", *scope):
        found = kube.ends("kept")
        assert phases(found) == dict.fromkeys(("a", "long", "ask"), "Succeeded")
        assert [job["metadata"]["name"] for job in kube.jobs("kept")] == ["kept-long-2"]
        assert steps(found)["a"]["jobRef"] == steps(backup["kept"]["status"])["a"]["jobRef"]
        kube.apply(flow("last", step("a")))  # after it, all older news have been worked off
        kube.ends("last")
        assert kube.jobs("done") == []
