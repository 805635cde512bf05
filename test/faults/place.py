"""Where runs take place: a cluster, its audit log, and a nursery of operators."""

from __future__ import annotations

import random
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.plane import apply_crd, connection
from cluster.record import Record
from faults.audit import AuditLog
from faults.operators import Nursery
from faults.trial import Place
from jobflows.cluster.client import Client
from jobflows.cluster.http import AiohttpTransport
from jobflows.cluster.limiter import Limiter

ROOT = Path(__file__).resolve().parents[2]
CRD = ROOT / "crds" / "workflow.kube-zen.io_jobflows.yaml"


@asynccontextmanager
async def place_at(record: Record, nursery: Nursery, folder: Path) -> AsyncIterator[Place]:
    """A cluster with the CRD, ready for runs whose logs are kept in `folder`."""
    transport = AiohttpTransport(connection(record, "admin"))
    try:
        await apply_crd(transport, CRD.read_text())
        client = Client(transport, Limiter(), rng=random.Random())
        audit = AuditLog(Path(record.audit_log or ""), client)
        trust = ssl.create_default_context(cafile=record.ca_file)
        yield Place(record, client, audit, nursery, trust, folder)
    finally:
        await transport.close()
