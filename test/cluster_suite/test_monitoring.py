"""A real Prometheus scrapes an operator under load: every query of ours finds what it asks for."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import Record, UnavailableError
from cluster import prometheus as debian
from cluster.api import wait_for
from cluster.ports import free_ports
from cluster_suite.admission import file_certificates, registered
from cluster_suite.flows import (
    Object,
    chain,
    diamond,
    fails_until,
    fan,
    flow,
    job,
    layers,
    manual,
    retry,
    runs,
    sim,
    step,
)
from cluster_suite.helm import CHART, Helm
from cluster_suite.kube import Kube, KubectlError
from cluster_suite.process import OperatorProcess, running
from cluster_suite.prometheus import Prometheus, scraping
from cluster_suite.session import fresh_namespace
from unit.docs.pages import DOCS, Page
from unit.monitoring.series import FILES, ROOT, selectors
from unit.webhook.authority import TestAuthority

pytestmark = pytest.mark.cluster

RULES = (FILES / "alerts.yaml", FILES / "recording.yaml")
SECONDS = 90

INVALID = flow("invalid", step("a", "nobody"))

TUNING_GUIDE = (
    "rate(zen_flow_reconciliation_total[5m])",
    "zen_flow_step_execution_queue_depth",
    "histogram_quantile(0.95, zen_flow_reconciliation_duration_seconds_bucket)",
    "zen_flow_dag_computation_duration_seconds",
    "zen_flow_dag_cache_hits_total / zen_flow_dag_cache_requests_total",
    "zen_flow_status_update_duration_seconds",
    "rate(zen_flow_status_updates_total[5m])",
    "rate(zen_flow_api_server_calls_total[5m])",
    "zen_flow_api_server_call_duration_seconds",
    'rate(zen_flow_api_server_calls_total{success="false"}[5m])',
    "histogram_quantile(0.95, zen_flow_reconciliation_duration_seconds_bucket) > bool 5",
    "zen_flow_step_execution_queue_depth > bool 100",
    "rate(zen_flow_api_server_calls_total[5m]) > bool 100",
    "zen_flow_dag_computation_duration_seconds > bool 1",
)
"""zen-flow's own queries, and its four key alerts with `bool`: a sample also where none fires."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("monitoring")


@pytest.fixture(scope="module")
def program() -> Path:
    """Debian's Prometheus. Where it cannot be had, a skip; in CI, a failure."""
    try:
        return debian.ensure("prometheus")
    except UnavailableError as reason:
        if os.environ.get("JOBFLOW_REQUIRE_CLUSTER") == "1":
            pytest.fail(f"JOBFLOW_REQUIRE_CLUSTER=1: {reason}")
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def observed(folder: Path) -> str:
    """What a real map says at its end: simulated pods have nobody to measure."""
    (folder / "work.py").write_text("import time\ndef wait(x):\n    time.sleep(0.02)\n")
    (folder / "items.json").write_text(json.dumps(list(range(40))))
    message = folder / "message"
    subprocess.run(
        [
            *(Path(sys.executable).with_name("jobflow"), "map", "work:wait"),
            *("--items", "items.json", "--out", "out.jsonl", "--workers", "2"),
        ],
        cwd=folder,
        env={**os.environ, "JOBFLOW_TERMINATION_LOG": str(message)},
        check=True,
        capture_output=True,
    )
    return message.read_text()


@pytest.fixture(scope="module")
def prometheus(
    suite: Record, operator_config: Path, program: Path, observed: str, folder: Path
) -> Iterator[Prometheus]:
    """A Prometheus, with an operator that has twice been given flows of all shapes.

    A histogram's first observation makes its series; only the second is a rise that `rate` sees.
    """
    kube = fresh_namespace(suite, "monitoring")
    authority, certificates, (port,) = TestAuthority(), folder / "certificates", free_ports(1)
    file_certificates(certificates, authority, 1)
    flags = (
        *("--max-concurrent-jobs=200", "--max-concurrent-jobs-per-namespace=150"),
        *("--watch-namespace", kube.namespace, "--webhook-port", str(port)),
        *("--webhook-certificates", str(certificates)),
    )
    with (
        running(operator_config, folder / "operator.log", *flags) as operator,
        scraping(program, operator.address, RULES, folder) as prometheus,
        ExitStack() as stack,
    ):
        kube.apply(INVALID)  # before anybody checks it
        stack.enter_context(registered(kube, kube.namespace, port, authority.pem))
        wait_for("the webhook is asked", lambda: is_refused(kube), SECONDS)
        for wave in ("first", "second"):
            ended = load(wave, observed)
            kube.apply(*ended, *open_ended(wave))
            answer(kube, wave)
            for one in ended:
                kube.until("jf", one["metadata"]["name"], _is_over, SECONDS)
            seen = 'sum(zen_flow_jobflow_phase_transitions_total{phase=~"Succeeded|Failed"})'
            over = operator_count(operator)
            wait_for(
                f"Prometheus has seen the {wave} flows",
                lambda: sum(prometheus.values(seen)) >= over,  # noqa: B023 - asked at once
                SECONDS,
            )
        yield prometheus
    kube("delete", "namespace", kube.namespace, "--wait=false")


def load(wave: str, observed: str) -> list[Object]:
    """Flows that end, each in its own way; the map says what a real one has said."""
    again: Object = {"retryPolicy": retry(2)}
    held: Object = {"locks": [{"name": "database"}]}
    measured = step("m", pod=sim(message=observed), map={"function": "work:wait", "items": [1, 2]})
    made = [
        *(chain(f"chain-{i}", 3) for i in range(4)),
        *(diamond(f"diamond-{i}", runs("200ms")) for i in range(4)),
        fan("fan", 30),
        layers("layers", 4, 3),
        flow("again", step("a", pod=fails_until(2), **again)),
        flow("bad", step("a", pod=sim("fail")), step("b", "a")),
        flow("worse", step("a", pod=sim("fail"), **again)),
        flow("oom", step("a", pod=sim("oom"), **again)),
        flow("late", step("a", pod=sim("never"), timeoutSeconds=1)),
        flow("skips", step("a", when="never"), step("b")),
        flow("answered", manual("check"), step("a", "check")),
        flow("array", {"name": "a", "template": job(), "array": {"count": 5}}),
        flow("map", measured),
        flow("one", step("a", pod=runs("3s"), **held)),
        flow("other", step("a", pod=runs("3s"), **held)),
    ]
    return [_named(one, wave) for one in made]


def open_ended(wave: str) -> list[Object]:
    """Flows that do not end: one runs, one asks, one waits for a lock, one gets nowhere."""
    held: Object = {"locks": [{"name": "for-ever"}]}
    made = [
        flow("asks", manual("check")),
        flow("holds", step("a", pod=sim("never"), **held)),
        flow("locked", step("a", **held)),
        flow("stuck", step("a", pod=sim(pending_for="10h"))),
        flow("paused", step("a"), suspend=True),
    ]
    return [_named(one, wave) for one in made]


def answer(kube: Kube, wave: str) -> None:
    """Give the approval that a flow of this wave waits for."""
    kube.reaches(f"answered-{wave}", "Paused")
    kube.annotate(f"answered-{wave}", "approved.workflow.kube-zen.io/check", "true")


def is_refused(kube: Kube) -> bool:
    """Whether an invalid flow is refused; asking leaves nothing behind."""
    asked = INVALID | {"metadata": {"name": "again"}}
    try:
        kube("create", "--dry-run=server", "-f", "-", stdin=asked)
    except KubectlError:
        return True
    return False


def operator_count(operator: OperatorProcess) -> float:
    """How many flows the operator has counted as ended."""
    text = operator.fetch("/metrics")[1]
    ends = r'^zen_flow_jobflow_phase_transitions_total\{.*phase="(?:Succeeded|Failed)"\} (\S+)$'
    return sum(map(float, re.findall(ends, text, re.MULTILINE)))


def finds(prometheus: Prometheus, queries: dict[str, str]) -> None:
    """Wait until each query finds a number; `queries` by what they are called."""
    missing = dict(queries)

    def all_found() -> bool:
        for name, query in list(missing.items()):
            if prometheus.values(query):
                del missing[name]
        return not missing

    try:
        wait_for("every query finds something", all_found, SECONDS)
    except Exception:
        assert not missing
        raise


def test_every_panel_of_the_dashboard_shows_something(prometheus: Prometheus) -> None:
    drawn = json.loads((ROOT / "grafana" / "dashboard.json").read_text())
    asked: dict[str, str] = {}
    row = ""
    for panel in drawn["panels"]:
        row = panel["title"] if panel["type"] == "row" else row
        for target in panel.get("targets") or ():
            name = f"{row} / {panel['title']} / {target['refId']}"
            asked[name] = _as_chosen(target["expr"])
    assert len(asked) > 50
    finds(prometheus, asked)


def test_every_rule_is_evaluated_and_asks_for_series_that_are_there(
    prometheus: Prometheus,
) -> None:
    named = {
        rule.get("alert") or rule["record"]: rule
        for file in RULES
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
    }
    loaded: list[dict[str, Any]] = []

    def all_evaluated() -> bool:
        loaded[:] = prometheus.rules()
        return bool(loaded) and all(rule["health"] != "unknown" for rule in loaded)

    wait_for("every rule is evaluated", all_evaluated, SECONDS)
    assert {rule["name"] for rule in loaded} == named.keys()
    assert [rule for rule in loaded if rule["health"] != "ok"] == []
    series = {name for rule in named.values() for name, _ in selectors(rule["expr"])}
    ours = {name for name in series if not name.startswith("jobflow_recorder_")}  # has its own port
    finds(prometheus, {name: name for name in ours})
    finds(prometheus, {name: name for name, rule in named.items() if "record" in rule})


def test_the_operator_that_is_scraped_is_not_taken_for_absent(prometheus: Prometheus) -> None:
    assert prometheus.values("absent(jobflow_build_info)") == []
    assert prometheus.values("absent(jobflow_nothing)") == [1.0]


def test_flows_that_get_nowhere_are_told_by_their_reason(prometheus: Prometheus) -> None:
    wait = 'zen_flow_jobflow_longest_wait_seconds{{reason="{}"}} > 0'
    finds(prometheus, {reason: wait.format(reason) for reason in ("Pods", "Lock")})


def test_the_queries_of_zen_flows_tuning_guide_work_as_they_are(prometheus: Prometheus) -> None:
    finds(prometheus, {query: query for query in TUNING_GUIDE})


@pytest.mark.parametrize("name", ["watch-with-prometheus", "tune-the-operator"])
def test_the_queries_of_a_guide_find_something(prometheus: Prometheus, name: str) -> None:
    page = Page(DOCS / "how-to" / f"{name}.md")
    shown = [block.text for block in page.blocks() if block.language == "promql"]
    shown += re.findall(r"^\| [^|]*\? \| `(.+)` \|$", page.text, re.MULTILINE)
    shown += re.findall(r"^\| [^|`]+ \| `([^`]*(?:zen_flow|jobflow)_[^`]*)` \|$", page.text, re.M)
    assert len(shown) > 10
    finds(prometheus, {query: query for query in shown})


def test_the_queries_of_the_runbooks_are_queries(prometheus: Prometheus) -> None:
    text = (DOCS / "how-to" / "runbooks.md").read_text()
    shown = re.findall(r"`((?:sum|rate|histogram_quantile)\b[^`]+)`", text)
    assert len(shown) > 10
    for query in shown:
        prometheus.values(query)


def test_the_chart_brings_the_same_along(helm: Helm) -> None:
    made = helm.objects(CHART / "ci" / "everything.yaml")
    for rule, file in zip(made.all("PrometheusRule"), RULES, strict=True):
        assert rule["spec"] == yaml.safe_load(file.read_text())
    (dashboard,) = (one for one in made.all("ConfigMap") if "jobflow.json" in one["data"])
    drawn = (ROOT / "grafana" / "dashboard.json").read_text()
    assert json.loads(dashboard["data"]["jobflow.json"]) == json.loads(drawn)
    # The operator's series have a namespace of their own: that of the flows.
    (monitor,) = (m for m in made.all("ServiceMonitor") if "operator" in m["metadata"]["name"])
    assert [one["honorLabels"] for one in monitor["spec"]["endpoints"]] == [True]


def _as_chosen(expression: str) -> str:
    """What Grafana asks with all namespaces and a usual zoom."""
    return expression.replace("$namespace", ".*").replace("$__rate_interval", "2m")


def _named(one: Object, wave: str) -> Object:
    one["metadata"]["name"] += f"-{wave}"
    return one


def _is_over(found: Object) -> bool:
    return found.get("status", {}).get("phase") in ("Succeeded", "Failed")
