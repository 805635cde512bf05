"""Where a measurement is made: an operator at work in a namespace that is new and its own.

It has run a flow of one step before anybody measures, so that imports and first connections are
paid for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.audit import AuditLog
from bench.operator_run import FLAGS, Process, operator, run_flows
from bench.plane import WAIT_SECONDS, apply_crd, connection, fresh_namespace, kubeconfig_of
from bench.shapes import Scenario
from cluster.record import Record
from jobflows.cluster.http import AiohttpTransport

CRD = Path(__file__).resolve().parents[2] / "crds" / "workflow.kube-zen.io_jobflows.yaml"
WARM_UP = Scenario("warm-up", 1, lambda: {"a": []})


@dataclass(frozen=True, slots=True)
class Site:
    """The operator's process, what it writes, and the way of the user who applies flows."""

    user: AiohttpTransport
    process: Process
    audit: AuditLog
    namespace: str


@asynccontextmanager
async def site(record: Record, folder: Path, flags: Sequence[str] = FLAGS) -> AsyncIterator[Site]:
    """Start an operator on a cluster, and end it; `folder` is for its kubeconfig and log."""
    user = AiohttpTransport(connection(record, "admin"))
    try:
        await apply_crd(user, CRD.read_text())
        namespace = await fresh_namespace(user)
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(kubeconfig_of(record, "operator"))
        audit = AuditLog(Path(record.audit_log or ""))
        with operator(str(kubeconfig), namespace, folder / "operator.log", flags) as process:
            async with asyncio.timeout(WAIT_SECONDS):
                await run_flows(user, WARM_UP, namespace, "warm-up")
            yield Site(user, process, audit, namespace)
    finally:
        await user.close()
