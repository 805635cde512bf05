"""What must not be found: a Secret's value, the operator's token, the webhook's keys.

Everything that the operator says about a whole flow is searched: its log at its most talkative,
its metrics, events, the flow and its status, and the Jobs and pods that came of it.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from cluster import Record
from cluster.ports import free_ports
from cluster_suite.admission import registered
from cluster_suite.flows import flow, job, manual, retry, sim, step
from cluster_suite.kube import APPROVED, Kube, Object, phases
from cluster_suite.process import running

pytestmark = pytest.mark.cluster

SECRET = "canary-5b1d0f-secret"
PLAIN = "canary-77aa3e-parameter"


def uses(name: str, *after: str, pod: Object | None = None, **fields: Any) -> Object:
    """A step with the password and the parameter in its command line and environment."""
    container = {
        "env": [{"name": "PGPASSWORD", "value": "{{ parameters.password }}"}],
        "args": ["{{ parameters.plain }}", "{{ parameters.password }}"],
    }
    source = {"secretKeyRef": {"name": "database", "key": "password"}}
    inputs = {"parameters": [{"name": "password", "valueFrom": source}]}
    return {**step(name, *after, inputs=inputs, **fields), "template": job(pod, container)}


def test_no_secret_is_where_it_does_not_belong(
    suite: Record, kube: Kube, operator_config: Path, tmp_path: Path
) -> None:
    kube("create", "secret", "generic", "database", f"--from-literal=password={SECRET}")
    (port,) = free_ports(1)
    flags = (
        *("--watch-namespace", kube.namespace, "--log-level", "debug", "--events", "all"),
        *("--webhook-port", str(port), "--webhook-self-managed", kube.namespace),
        *("--webhook-service", "127.0.0.1", "--pod-namespace", kube.namespace),
    )
    refused = uses("refused", continueOnFailure=True)
    refused["template"]["metadata"] = {"labels": {"not a label": "x"}}
    whole = flow(
        "f",
        uses("works"),
        uses("fails", pod=sim("fail"), retryPolicy=retry(1), continueOnFailure=True),
        refused,
        manual("ask", "works", when=f"parameters.plain == '{PLAIN}'"),
        uses("after", "ask", "fails", "refused"),
        parameters=[{"name": "plain", "value": PLAIN}],
    )
    with (
        registered(kube, kube.namespace, port),
        running(operator_config, tmp_path / "log", *flags) as operator,
    ):
        kube.apply(whole)
        kube.step_reaches("f", "ask", "PendingApproval")
        kube.annotate("f", f"{APPROVED}/ask", "true")
        status = kube.ends("f")
        kube.refused("apply", "-f", "-", stdin=flow("bad", uses("a", "nowhere")))
        said = {
            "metrics": operator.fetch("/metrics")[1],
            "events": json.dumps(kube.find("events")),
            "status": json.dumps(status),
        }
    said["log"] = operator.log_text()
    known = {"works": "Succeeded", "fails": "Failed", "refused": "Failed", "after": "Succeeded"}
    assert known.items() <= phases(status).items()
    assert len(said["log"]) > 5000
    for where, text in said.items():
        assert PLAIN not in text, where
    said["flow"] = json.dumps(kube.get("jf", "f"))
    said["jobs"] = json.dumps(kube.find("jobs") + kube.find("pods"))
    assert PLAIN in said["jobs"]
    private = kube.get("secret", kube.namespace)["data"]
    hidden = {
        "the Secret's value": SECRET,
        "the same in base64": base64.b64encode(SECRET.encode()).decode(),
        "the operator's token": suite.tokens["operator"],
        "a private key": "PRIVATE KEY",
        "the webhook's key": private["tls.key"],
        "the authority's key": private["ca.key"],
    }
    for where, text in said.items():
        for what, value in hidden.items():
            assert value not in text, f"{what} in {where}"
