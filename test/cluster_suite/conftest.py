"""One cluster for all tests, a namespace for each, an operator for each file that wants one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cluster import Record
from cluster_suite.helm import Helm, ensure_helm
from cluster_suite.kube import Kube
from cluster_suite.process import OperatorProcess, running, write_kubeconfig
from cluster_suite.session import bring_up, fresh_namespace
from jobflows.cluster import connect
from jobflows.cluster.http import AiohttpTransport


@pytest.fixture(scope="session")
def suite() -> Iterator[Record]:
    """The cluster of this suite, with simulated pods."""
    yield from bring_up("suite", "sim")


@pytest.fixture(scope="session")
def helm() -> Helm:
    """helm, without a cluster."""
    return Helm(ensure_helm())


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
def audit_log(suite: Record) -> Path:
    """The cluster's audit log."""
    if suite.audit_log is None:
        pytest.skip("this cluster has no audit log")
    return Path(suite.audit_log)


@pytest.fixture
def cluster_transport(suite: Record, tmp_path: Path) -> Callable[[], AiohttpTransport]:
    """Makes, inside a running event loop, the operator's own transport, with all rights."""
    config = write_kubeconfig(suite, "admin", tmp_path / "admin")
    return lambda: AiohttpTransport(connect(str(config)))
