"""A cluster for a test session, with the CRD, and namespaces in it."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import cluster
from cluster import Record
from cluster.record import Mode
from cluster_suite.kube import Kube, Object

CRDS = Path(__file__).parents[2] / "crds"


def bring_up(name: str, mode: Mode, *, crd: bool = True) -> Iterator[Record]:
    """The cluster, with the CRD, for a session. Where it cannot be, a skip; in CI, a failure.

    Each of pytest's workers has its own. One that was up before stays up, as does any with
    JOBFLOW_KEEP_CLUSTER.
    """
    name = "-".join(filter(None, (name, os.environ.get("PYTEST_XDIST_WORKER"))))
    was_up = cluster.status(name) is not None
    try:
        record = cluster.up(name, mode)
    except cluster.UnavailableError as reason:
        if os.environ.get("JOBFLOW_REQUIRE_CLUSTER") == "1":
            pytest.fail(f"JOBFLOW_REQUIRE_CLUSTER=1: {reason}")
        pytest.skip(str(reason))
    try:
        kube = Kube(record.kubeconfig, "default", record.kubectl)
        if crd:
            kube("apply", "--server-side", "-f", str(CRDS))
            kube.until("crd", "jobflows.workflow.kube-zen.io", _is_established)
        yield record
    finally:
        if not was_up and not os.environ.get("JOBFLOW_KEEP_CLUSTER"):
            cluster.down(name)


def _is_established(crd: Object) -> bool:
    """Not by `kubectl wait`, which fails on an object that has no conditions yet."""
    found = crd.get("status", {}).get("conditions") or ()
    return any((c["type"], c["status"]) == ("Established", "True") for c in found)


def fresh_namespace(record: Record, hint: str) -> Kube:
    """kubectl in a new namespace, in which pods may be created."""
    readable = re.sub(r"[^a-z0-9]+", "-", hint.removeprefix("test_").lower()).strip("-")
    name = f"{readable[:50].strip('-')}-{uuid.uuid4().hex[:6]}"
    kube = Kube(record.kubeconfig, name, record.kubectl)
    kube("create", "namespace", name)
    kube("wait", "--for=create", "serviceaccount/default", "--timeout=30s")
    return kube
