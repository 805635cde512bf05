"""One real cluster and one operator for all tests, a namespace for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cluster import Record
from cluster_suite.kube import Kube
from cluster_suite.process import OperatorProcess, running, write_kubeconfig
from cluster_suite.session import bring_up, fresh_namespace


@pytest.fixture(scope="session")
def real() -> Iterator[Record]:
    """A cluster that runs real pods."""
    yield from bring_up("e2e", "real")


@pytest.fixture(scope="session")
def operator(real: Record, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """The operator, outside of the cluster."""
    folder = tmp_path_factory.mktemp("operator")
    config = write_kubeconfig(real, "operator", folder / "kubeconfig")
    with running(config, folder / "log") as process:
        yield process


@pytest.fixture
def kube(real: Record, request: pytest.FixtureRequest) -> Iterator[Kube]:
    """kubectl in a namespace of the test's own."""
    kube = fresh_namespace(real, request.node.name)
    yield kube
    kube("delete", "namespace", kube.namespace, "--wait=false")
