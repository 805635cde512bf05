"""Values that nobody may find where they do not belong: a flow, and all that is told of it."""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

import pytest
from prometheus_client import generate_latest

from cluster_suite.flows import flow, job, manual, retry, sim, step
from jobflows.controller.logs import JsonFormatter, TextFormatter
from model import kind_of
from unit.controller.stage import Stage, play

SECRET = "canary-5b1d0f-secret"
PLAIN = "canary-77aa3e-parameter"
ENCODED = base64.b64encode(SECRET.encode()).decode()


def uses(name: str, *after: str, pod: Any = None, **fields: Any) -> dict[str, Any]:
    """A step that is given both."""
    container = {
        "env": [{"name": "PGPASSWORD", "value": "{{ parameters.password }}"}],
        "args": ["{{ parameters.plain }}", "{{ parameters.password }}"],
    }
    source = {"secretKeyRef": {"name": "database", "key": "password"}}
    inputs = {"parameters": [{"name": "password", "valueFrom": source}]}
    made = step(name, *after, inputs=inputs, **fields)
    made["template"] = job(pod, container)
    return made


def whole() -> dict[str, Any]:
    return flow(
        "f",
        uses("works"),
        uses("fails", pod=sim("fail", message="no such table"), retryPolicy=retry(1)),
        uses("hangs", pod=sim("never"), timeoutSeconds=5, continueOnFailure=True),
        manual("ask", "works", when=f"parameters.plain == '{PLAIN}'"),
        uses("after", "ask", "hangs"),
        uses("skipped", "fails"),
        parameters=[{"name": "plain", "value": PLAIN}],
    )


def test_no_value_is_where_it_does_not_belong(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.handler.setFormatter(JsonFormatter())

    async def scenario(stage: Stage) -> None:
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "database"},
            "data": {"password": ENCODED},
        }
        stage.server.create(kind_of("secrets"), secret, "default")
        await stage.apply(whole())
        await stage.until(lambda: stage.phases("f").get("ask") == "PendingApproval")
        await stage.annotate("f", ask="true")
        await stage.restart()
        await stage.ended("f")

    stage = play(scenario, events="all", log_level="debug")

    phases = {"works": "Succeeded", "fails": "Failed", "hangs": "Failed", "ask": "Succeeded"}
    assert stage.phases("f") == {**phases, "after": "Succeeded", "skipped": "Skipped"}
    asked = {line.resource for line in stage.server.requests if line.client == "operator"}
    assert "jobs" in asked
    assert "secrets" not in asked

    spec = json.dumps(stage.flow("f"))
    jobs = json.dumps(stage.server.objects(kind_of("jobs")) + stage.pods())
    events = json.dumps(stage.server.objects(kind_of("events")))
    text = TextFormatter()
    logged = caplog.text + "".join(text.format(record) for record in caplog.records)
    metrics = generate_latest(stage.registry).decode()
    told = {
        "log": logged,
        "metrics": metrics,
        "events": events,
        "status": json.dumps(stage.status("f")),
    }
    assert len(logged) > 2000
    assert "StepRetry" in events
    for where, said in told.items():
        assert PLAIN not in said, where
    for where, said in {**told, "flow": spec, "jobs": jobs}.items():
        assert SECRET not in said, where
        assert ENCODED not in said, where
    assert PLAIN in jobs
    assert "$(JOBFLOW_PARAM_PASSWORD)" in jobs
