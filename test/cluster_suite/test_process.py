"""The operator as a process: its flags and how it gets on with what is refused.

Each test runs an operator of its own namespace only.
"""

import subprocess
from collections import Counter
from pathlib import Path

import pytest

from cluster.api import wait_for
from cluster_suite.audit import writes
from cluster_suite.flows import chain, flow, manual, sim, step
from cluster_suite.kube import Kube
from cluster_suite.process import PROGRAM, OperatorProcess, running

pytestmark = pytest.mark.cluster


def test_arguments_of_zen_flows_deployment_start_the_operator(
    kube: Kube, operator_config: Path, tmp_path: Path
) -> None:
    zen_flow = ("--enable-leader-election=true", "--leader-election-lease-name=zen-flow")
    place = (f"--leader-election-namespace={kube.namespace}", "--leader-election-mode=builtin")
    log, scope = tmp_path / "log", ("--watch-namespace", kube.namespace)
    process = OperatorProcess(operator_config, log, *zen_flow, *place, *scope)
    process.wait_ready()
    assert process.stop() == 0
    assert "no effect" in log.read_text()
    assert kube.get("lease", "zen-flow-0-of-1")["spec"]["leaseTransitions"] == 0


def test_events_can_be_turned_off(kube: Kube, operator_config: Path, tmp_path: Path) -> None:
    scope = ("--watch-namespace", kube.namespace, "--events", "none")
    with running(operator_config, tmp_path / "log", *scope):
        kube.apply(flow("bad", step("a", pod=sim("fail"))))
        kube.ends("bad", "Failed")
    told = kube.find("events")
    assert not [event for event in told if event["involvedObject"]["kind"] == "JobFlow"]


def test_an_unusable_setting_is_a_usage_error(operator_config: Path) -> None:
    done = subprocess.run(
        [PROGRAM, "--kubeconfig", operator_config, "--kube-api-qps", "-1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "--kube-api-qps" in done.stderr


def test_a_flow_that_is_refused_for_now_backs_off_and_then_runs(
    kube: Kube, operator_config: Path, audit_log: Path, tmp_path: Path
) -> None:
    kube("create", "quota", "tight", "--hard=count/jobs.batch=0")
    kube.until("quota", "tight", lambda q: "hard" in q.get("status", {}))
    with running(operator_config, tmp_path / "log", "--watch-namespace", kube.namespace):
        kube.apply(flow("poor", step("a")))
        kube.until("jf", "poor", lambda f: "exceeded quota" in str(f.get("status")))
        kube.apply(flow("clock", manual("ask", timeoutSeconds=3)))
        kube.ends("clock", "Failed")
        tries = writes(audit_log, kube)["create jobs"]
        assert 2 <= tries <= 12, f"{tries} tries in three seconds"
        kube("delete", "quota", "tight")
        kube.ends("poor")


def test_dry_run_writes_nothing(
    kube: Kube, operator_config: Path, audit_log: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with running(operator_config, log, "--watch-namespace", kube.namespace, "--dry-run") as dry:
        kube.apply(chain("dry", 2))
        wait_for("the plan is logged", lambda: "dry run: StartAttempt" in dry.log_text(), 30)
    assert writes(audit_log, kube) == Counter()


def test_a_label_selector_serves_a_part(kube: Kube, operator_config: Path, tmp_path: Path) -> None:
    scope = ("--watch-namespace", kube.namespace, "--label-selector", "tier=gold")
    gold, other = chain("gold", 1), chain("other", 1)
    gold["metadata"]["labels"] = {"tier": "gold"}
    with running(operator_config, tmp_path / "log", *scope):
        kube.apply(other, gold)
        kube.ends("gold")
    assert "status" not in kube.get("jf", "other")
