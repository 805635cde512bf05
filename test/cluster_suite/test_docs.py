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


def test_the_role_of_the_security_page_is_enough(suite: Record, kube: Kube, tmp_path: Path) -> None:
    page = next(page for page in pages() if page.name.endswith("security.md"))
    role = next(block.text for block in page.blocks() if block.file == "role.yaml")
    kube("apply", "-f", "-", stdin=role)
    kube("create", "serviceaccount", "jobflow-operator")
    account = f"{kube.namespace}:jobflow-operator"
    kube(
        *("create", "rolebinding", "jobflow-operator"),
        *("--role=jobflow-operator", f"--serviceaccount={account}"),
    )
    token = kube("create", "token", "jobflow-operator").strip()
    mine = replace(suite, tokens={"operator": token})
    config = write_kubeconfig(mine, "operator", tmp_path / "role")
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
    with running(config, tmp_path / "log", "--watch-namespace", kube.namespace) as operator:
        kube.ends("modest")
        kube.event("modest", "StepRetry")
        kube.gone("jf", "modest")
        assert "forbidden" not in operator.log_text()
