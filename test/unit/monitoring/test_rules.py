"""Alerts ask for what there is, say what to do, and fire when they should."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import UnavailableError, prometheus
from unit.monitoring.series import FILES, ROOT, unknown

Rule = dict[str, Any]

CASES = sorted((ROOT / "deploy" / "prometheus").glob("*_test.yaml"))
RUNBOOKS = ROOT / "docs" / "how-to" / "runbooks.md"

ZEN_FLOW = {
    "ZenFlowControllerDown",
    "ZenFlowHighReconciliationRate",
    "ZenFlowStepExecutionFailures",
    "ZenFlowJobFlowStuck",
    "ZenFlowJobFlowStuckWaitingApproval",
    "ZenFlowStepStuckPendingApproval",
    "ZenFlowSlowStepExecution",
    "ZenFlowSlowReconciliation",
    "ZenFlowWebhookCertificateExpiringSoon",
    "ZenFlowWebhookCertificateExpired",
    "ZenFlowWebhookCertificateNotFound",
    "ZenFlowHighAPIServerCallRate",
    "ZenFlowHighDAGComputationTime",
    "ZenFlowHighQueueDepth",
}
"""All that zen-flow has; the four of its tuning guide are among them."""


def rules(name: str) -> list[Rule]:
    groups = yaml.safe_load((FILES / name).read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


ALERTS = rules("alerts.yaml")
NAMES = [alert["alert"] for alert in ALERTS]


@pytest.fixture(scope="module")
def promtool() -> Path:
    """The tool that tests rules; where it is not, a skip, and in CI it is fetched."""
    if os.environ.get("JOBFLOW_REQUIRE_CLUSTER") == "1":
        try:
            return prometheus.ensure("promtool")
        except UnavailableError as reason:
            pytest.fail(f"JOBFLOW_REQUIRE_CLUSTER=1: {reason}")
    found = prometheus.at_hand("promtool")
    if found is None:
        pytest.skip("no promtool: `make test-cluster` fetches it, or apt-get install prometheus")
    return found


def test_alerts_have_names_of_their_own_and_zen_flows_are_among_them() -> None:
    assert len(NAMES) == len(set(NAMES))
    assert set(NAMES) >= ZEN_FLOW


@pytest.mark.parametrize("alert", ALERTS, ids=NAMES)
def test_an_alert_says_how_bad_it_is_and_what_to_do(alert: Rule) -> None:
    assert alert["labels"]["severity"] in ("critical", "warning", "info")
    says = alert["annotations"]
    assert set(says) == {"summary", "description", "runbook_url"}
    assert not says["summary"].endswith(".")
    assert says["description"].endswith(".")
    assert says["runbook_url"] == f"how-to/runbooks.md#{alert['alert'].lower()}"


def test_every_alert_has_its_runbook_and_every_runbook_its_alert() -> None:
    assert re.findall(r"^## (\w+)$", RUNBOOKS.read_text(), re.MULTILINE) == NAMES


def test_every_alert_is_in_the_table_of_the_guide() -> None:
    guide = (RUNBOOKS.parent / "watch-with-prometheus.md").read_text()
    assert set(re.findall(r"`((?:ZenFlow|JobFlow)[A-Z]\w+)`", guide)) == set(NAMES)


@pytest.mark.parametrize("rule", [*ALERTS, *rules("recording.yaml")], ids=lambda r: r["expr"][:60])
def test_a_rule_asks_for_what_there_is(rule: Rule) -> None:
    assert unknown(rule["expr"]) == []


def test_what_nobody_has_is_found() -> None:
    assert unknown('rate(zen_flow_steps{phase="a", stop="b"}[5m]) / zen_flow_stpes') == [
        "zen_flow_steps{phase, stop}",
        "zen_flow_stpes{}",
    ]


def test_no_rule_depends_on_the_name_of_a_job() -> None:
    text = (FILES / "alerts.yaml").read_text() + (FILES / "recording.yaml").read_text()
    assert not re.search(r"\bjob\s*[=!]", text)


def test_each_alert_is_shown_to_fire_and_not_to_fire() -> None:
    fires, silent = set[str](), set[str]()
    cases = [case for file in CASES for case in yaml.safe_load(file.read_text())["tests"]]
    for case in cases:
        for check in case["promql_expr_test"]:
            if check["expr"] != 'ALERTS{alertstate="firing"}':
                continue
            found = re.findall(r'alertname="(\w+)"', str(check.get("exp_samples")))
            fires |= set(found)
            silent |= set(NAMES) - set(found)
    assert fires == set(NAMES)
    assert silent == set(NAMES)


def test_the_rules_do_as_their_cases_say(promtool: Path) -> None:
    for command, files in (
        ("check", [FILES / "alerts.yaml", FILES / "recording.yaml"]),
        ("test", CASES),
    ):
        words: list[str | Path] = [promtool, command, "rules", *files]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
