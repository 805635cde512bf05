"""One cluster for all tests, a namespace for each, an operator for each file that wants one."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import cluster
import pytest
from cluster import Record

from cluster_suite.kube import Kube
from cluster_suite.process import OperatorProcess, running, write_kubeconfig
from jobflows.cluster import connect
from jobflows.cluster.http import AiohttpTransport

CRDS = Path(__file__).parents[2] / "crds"


def bring_up(name: str, mode: str) -> Iterator[Record]:
    """The cluster with the CRD, for a session. Where it cannot be, a skip; in CI, a failure.

    One that was up before stays up, as does any with JOBFLOW_KEEP_CLUSTER.
    """
    was_up = cluster.status(name) is not None
    try:
        record = cluster.up(name, "real" if mode == "real" else "sim")
    except cluster.UnavailableError as reason:
        if os.environ.get("JOBFLOW_REQUIRE_CLUSTER") == "1":
            pytest.fail(f"JOBFLOW_REQUIRE_CLUSTER=1: {reason}")
        pytest.skip(str(reason))
    try:
        kube = Kube(record.kubeconfig, "default", record.kubectl)
        kube("apply", "--server-side", "-f", str(CRDS))
        kube("wait", "--for=condition=Established", "crd/jobflows.workflow.kube-zen.io")
        yield record
    finally:
        if not was_up and not os.environ.get("JOBFLOW_KEEP_CLUSTER"):
            cluster.down(name)


def fresh_namespace(record: Record, hint: str) -> Kube:
    """kubectl in a new namespace, in which pods may be created."""
    readable = re.sub(r"[^a-z0-9]+", "-", hint.removeprefix("test_").lower()).strip("-")
    name = f"{readable[:50].strip('-')}-{uuid.uuid4().hex[:6]}"
    kube = Kube(record.kubeconfig, name, record.kubectl)
    kube("create", "namespace", name)
    kube("wait", "--for=create", "serviceaccount/default", "--timeout=30s")
    return kube


@pytest.fixture(scope="session")
def suite() -> Iterator[Record]:
    """The cluster of this suite, with simulated pods."""
    yield from bring_up("suite", "sim")


@pytest.fixture
def kube(suite: Record, request: pytest.FixtureRequest) -> Iterator[Kube]:
    """kubectl in a namespace of the test's own."""
    kube = fresh_namespace(suite, request.node.name)
    yield kube
    kube("delete", "namespace", kube.namespace, "--wait=false")


@pytest.fixture(scope="session")
def operator_config(suite: Record, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kubeconfig with the operator's own token."""
    return write_kubeconfig(suite, "operator", tmp_path_factory.mktemp("config") / "operator")


@pytest.fixture(scope="module")
def operator(
    operator_config: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """An operator of all namespaces, for the tests of one file."""
    log = tmp_path_factory.mktemp("operator") / "log"
    with running(operator_config, log) as process:
        yield process


@pytest.fixture
def cluster_transport(suite: Record, tmp_path: Path) -> Callable[[], AiohttpTransport]:
    """Makes, inside a running event loop, the operator's own transport, with all rights."""
    config = write_kubeconfig(suite, "admin", tmp_path / "admin")
    return lambda: AiohttpTransport(connect(str(config)))
