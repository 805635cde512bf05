"""The commands of the documentation that need a cluster, run as a reader would run them.

How pages are read is told in `unit/docs/pages.py`. Each page gets a namespace, and an operator
that serves only this: the page's own when it starts one, else one of the test's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from cluster import Record
from cluster.api import wait_for
from cluster.ports import free_ports
from cluster_suite.admission import registered
from cluster_suite.flows import flow, retry, sim, step
from cluster_suite.kube import Kube
from cluster_suite.process import running, write_kubeconfig
from unit.docs.pages import Page, pages
from unit.docs.session import Session

pytestmark = pytest.mark.cluster

HERE = frozenset({"cluster", "operator"})
PAGES = [page for page in pages() if page.groups() & HERE]


@pytest.fixture
def reader(suite: Record, kube: Kube, tmp_path: Path) -> Iterator[Session]:
    """A terminal with KUBECONFIG set to the page's namespace."""
    config = write_kubeconfig(suite, "admin", tmp_path / "kubeconfig")
    content = json.loads(config.read_text())
    content["contexts"][0]["context"]["namespace"] = kube.namespace
    config.write_text(json.dumps(content))
    session = Session(tmp_path, {"KUBECONFIG": str(config)})
    yield session
    session.end()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_do_what_it_says(
    page: Page, reader: Session, kube: Kube, operator_config: Path, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        if "operator" not in page.groups():
            log = tmp_path / "operator.log"
            stack.enter_context(running(operator_config, log, "--watch-namespace", kube.namespace))
        for block in page.blocks():
            if block.file:
                reader.save(block)
            elif "operator" in block.needs:
                _start_operator(reader, block.line, page, kube, tmp_path)
            elif block.is_commands and block.needs <= HERE:
                reader.run(block, page.name)


def _start_operator(reader: Session, line: int, page: Page, kube: Kube, tmp_path: Path) -> None:
    block = next(block for block in page.blocks() if block.line == line)
    (port,) = free_ports(1)
    log = tmp_path / f"operator-{line}.log"
    address = f"127.0.0.1:{port}"
    reader.environment["METRICS"] = address
    own = {"JOBFLOW_METRICS_ADDR": address, "JOBFLOW_WATCH_NAMESPACE": kube.namespace}
    reader.start(block, log, own)
    wait_for(f"the operator of {page.name}", lambda: "ready: " in log.read_text(), 60)


def _account(suite: Record, kube: Kube, tmp_path: Path) -> Path:
    """A kubeconfig of a service account with the rights that the security page grants."""
    _grant(kube, "role.yaml")
    _grant(kube, "lease-role.yaml")
    kube("create", "serviceaccount", "jobflow-operator")
    _bind(kube, "rolebinding", "--role=jobflow-operator")
    _bind(kube, "rolebinding", "--role=jobflow-operator-leases")
    token = kube("create", "token", "jobflow-operator").strip()
    mine = replace(suite, tokens={"operator": token})
    return write_kubeconfig(mine, "operator", tmp_path / "role")


def _grant(kube: Kube, file: str) -> None:
    page = next(page for page in pages() if page.name.endswith("security.md"))
    role = next(block.text for block in page.blocks() if block.file == file)
    kube("apply", "-f", "-", stdin=role)


def _bind(kube: Kube, kind: str, role: str) -> str:
    name = f"{kube.namespace}{role.rpartition('=')[2].removeprefix('jobflow-operator')}"
    account = f"--serviceaccount={kube.namespace}:jobflow-operator"
    kube("create", kind, name, role, account)
    return name


def test_the_roles_of_the_security_page_are_enough_for_the_webhook(
    suite: Record, kube: Kube, tmp_path: Path
) -> None:
    config = _account(suite, kube, tmp_path)
    (port,) = free_ports(1)
    name = "jobflow-webhook"
    flags = (
        *("--watch-namespace", kube.namespace, "--webhook-port", str(port)),
        *("--webhook-self-managed", name, "--webhook-service", "127.0.0.1"),
        *("--pod-namespace", kube.namespace),
    )
    _grant(kube, "authorize-role.yaml")
    _grant(kube, "self-managed-role.yaml")
    _bind(kube, "rolebinding", "--role=jobflow-operator-certificates")
    bindings = [
        _bind(kube, "clusterrolebinding", f"--clusterrole=jobflow-operator-{each}")
        for each in ("authorize", "certificates")
    ]
    try:
        with registered(kube, name, port), running(config, tmp_path / "log", *flags) as operator:
            kube.apply(flow("good", step("a")))
            assert "no step 'x'" in kube.refused(
                "apply", "-f", "-", stdin=flow("bad", step("a", "x"))
            )
            kube.ends("good")
            assert "forbidden" not in operator.log_text()
    finally:
        kube("delete", "clusterrolebinding", *bindings)


def test_the_role_of_the_security_page_is_enough(suite: Record, kube: Kube, tmp_path: Path) -> None:
    config = _account(suite, kube, tmp_path)
    kube.apply(
        flow(
            "modest",
            step("slow", pod=sim("never", only_pods="-1-"), timeoutSeconds=1, retryPolicy=retry(1)),
            step("next", "slow"),
            resourceTemplates={
                "configMapTemplates": [{"metadata": {"name": "settings"}, "data": {"a": "b"}}],
            },
            executionPolicy={"ttlSecondsAfterFinished": 1},
        )
    )
    scope = ("--watch-namespace", kube.namespace, "--lease-namespace", kube.namespace)
    with running(config, tmp_path / "log", *scope) as operator:
        kube.ends("modest")
        kube.event("modest", "StepRetry")
        kube.gone("jf", "modest")
        assert "forbidden" not in operator.log_text()
