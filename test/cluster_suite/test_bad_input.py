"""The corpus of bad inputs on a real API server, in front of a running operator.

The schema refuses types and ranges, and nothing that the validator takes. What the schema lets pass
does not get in through the webhook: all of the corpus is shown to both. Without a webhook it is
told of by the operator, once, while other flows go on: for some of it, by kubectl.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from cluster.ports import free_ports
from cluster_suite.admission import file_certificates, registered
from cluster_suite.audit import writes
from cluster_suite.flows import flow, runs, step
from cluster_suite.kube import Kube, Object
from cluster_suite.process import running
from corpus import Case, cases
from jobflows.api.model import JobFlow
from jobflows.cluster import JOBFLOWS, Request
from jobflows.cluster.http import AiohttpTransport
from unit.bad_input.test_flows import BY_SCHEMA
from unit.webhook.authority import TestAuthority

pytestmark = pytest.mark.cluster

SHARE = 4
"""Each fourth is stored: kubectl sends one after the other, and each is written a status."""

AT_ONCE = 16

LARGEST = 300_000
"""Bytes of a flow that is sent: a few of the largest would take all the time."""


def sent() -> dict[str, tuple[Case, Object]]:
    """The flows of the corpus that kubectl can send, by name, those without mistakes suspended."""
    found = {}
    for number, case in list(enumerate(cases()))[::SHARE]:
        document = case.document
        if ":spec" not in case.title or not isinstance(document.get("spec"), dict):
            continue
        name, mark = f"c{number}", "refused" if case.refused else "accepted"
        metadata = {"name": name, "labels": {"case": mark}}
        spec = document["spec"] if case.refused else {**document["spec"], "suspend": True}
        whole = {**document, "metadata": metadata, "spec": spec}
        if len(json.dumps(whole)) < LARGEST:
            found[name] = case, whole
    return found


def is_for_the_schema(document: Any) -> bool:
    """Whether a type, a range or a field is wrong that the API server knows."""
    try:
        JobFlow.model_validate(document)
    except ValidationError as error:
        found = error.errors(include_url=False)
        return any(e["type"] in BY_SCHEMA and not _is_cut(e) for e in found)
    return False


def _is_cut(error: ErrorDetails) -> bool:
    """Whether a whole number is below a fraction, which the API server takes for 0 then."""
    bound = error.get("ctx", {}).get("ge", 0)
    return isinstance(error["input"], int) and int(bound) != bound


def test_bad_flows_are_refused_or_told_of_and_disturb_nobody(
    kube: Kube, operator_config: Path, tmp_path: Path, audit_log: Path
) -> None:
    folder = tmp_path / "flows"
    folder.mkdir()
    flows = sent()
    for name, (_, document) in flows.items():
        (folder / f"{name}.json").write_text(json.dumps(document))
    flags = ("--watch-namespace", kube.namespace, "--no-leader-elect")
    with running(operator_config, tmp_path / "log", *flags) as operator:
        kube.apply(flow("before", step("a", pod=runs("3s")), step("b", "a")))
        said = kube.refused("create", "-f", str(folder), "-o", "name")
        stored = {item["metadata"]["name"] for item in kube.find("jf", "case")}
        for name, (case, document) in flows.items():
            if name in stored:
                assert not is_for_the_schema(document), case
            else:
                assert case.refused, (case, re.findall(rf".*\b{name}\b.*", said)[:1])
        bad = {name for name in stored if flows[name][0].refused}
        assert len(bad) > 60
        told: dict[str, Object] = {}
        with kube.watch("jf", "-l", "case=refused", seconds=300) as seen:
            while told.keys() != bad:
                found = next(seen)
                if found.get("status", {}).get("reason") == "Invalid":
                    told[found["metadata"]["name"]] = found["status"]
        for name, status in told.items():
            assert flows[name][0].says in status["message"] or len(status["message"]) >= 1000, name
        kube.ends("before")
        kube.apply(flow("after", step("a", pod=runs("2s"))))
        kube.ends("after")
        made = writes(audit_log, kube)
        assert made["create jobs"] == 3
        assert made["patch jobflows/status"] <= len(stored) + 20, made
        assert operator.fetch("/healthz")[0] == 200


def test_no_bad_flow_of_all_gets_past_the_schema_and_the_webhook(
    kube: Kube,
    operator_config: Path,
    tmp_path: Path,
    cluster_transport: Callable[[], AiohttpTransport],
) -> None:
    """Sent as `kubectl apply --dry-run=server` sends it, and none is stored."""
    (port,) = free_ports(1)
    authority, certificates = TestAuthority(), tmp_path / "tls"
    file_certificates(certificates, authority, 1)
    flags = (
        *("--watch-namespace", kube.namespace, "--webhook-port", str(port)),
        *("--webhook-certificates", str(certificates), "--no-authorize-users", "--no-leader-elect"),
    )
    with (
        running(operator_config, tmp_path / "log", *flags) as operator,
        registered(kube, kube.namespace, port, authority.pem),
    ):
        answers = asyncio.run(shown(cluster_transport, kube.namespace))
        wrong = [(case, code, words) for case, code, words in answers if not is_right(case, code)]
        assert wrong == []
        denied = [(case, words) for case, code, words in answers if "denied the request" in words]
        assert len(denied) > 400
        unsaid = [(case, words) for case, words in denied if case.says not in words]
        assert unsaid == []
        assert operator.fetch("/healthz")[0] == 200


async def shown(
    transport: Callable[[], AiohttpTransport], namespace: str
) -> list[tuple[Case, int, str]]:
    """What the API server says of each case: a code, and words when it is no."""
    at_once, sender = asyncio.Semaphore(AT_ONCE), transport()
    query = {"dryRun": "All", "fieldValidation": "Strict"}

    async def send(case: Case) -> tuple[Case, int, str]:
        body = json.dumps(case.document).encode()
        async with at_once:
            answer = await sender.send(Request("POST", JOBFLOWS.path(namespace), query, body))
        said = json.loads(answer.body)
        return case, answer.status, "" if answer.status == 201 else str(said["message"])

    try:
        return await asyncio.gather(*map(send, cases()))
    finally:
        await sender.close()


def is_right(case: Case, code: int) -> bool:
    """Refused as somebody's mistake, not by trouble; or taken."""
    if case.named == "kind" and code == 201:
        return True  # the path says what it is, and the API server goes by that
    return 400 <= code < 500 if case.refused else code == 201
