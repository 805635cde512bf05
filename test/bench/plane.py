"""Small things the benchmark asks of the control plane."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import yaml

from cluster import lifecycle
from cluster.errors import ClusterError
from cluster.record import Record
from jobflows.cluster.client import Client
from jobflows.cluster.errors import ApiError
from jobflows.cluster.limiter import Limiter
from jobflows.cluster.login import Connection
from jobflows.cluster.resources import JOBFLOWS, JOBS, Resource
from jobflows.cluster.transport import Transport

CRDS = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition"
)
NAMESPACES = Resource("", "v1", "namespaces", "Namespace")
ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
POLL_SECONDS = 0.2
WAIT_SECONDS = 180.0
"""For what comes at once where nobody else is at work."""


class _Condition(msgspec.Struct):
    type: str
    status: str


class _JobStatus(msgspec.Struct):
    conditions: list[_Condition] = []

    @property
    def is_over(self) -> bool:
        return any(c.type in ("Complete", "Failed") and c.status == "True" for c in self.conditions)


class _Job(msgspec.Struct):
    status: _JobStatus = msgspec.field(default_factory=_JobStatus)


class _Jobs(msgspec.Struct):
    items: list[_Job]


@contextmanager
def simulated(name: str, *, keep: bool) -> Iterator[Record]:
    """A cluster of simulated pods while the block runs. Where it cannot be, says why and exits."""
    try:
        record = lifecycle.up(name, "sim")
    except ClusterError as error:
        print(f"bench skipped: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    try:
        yield record
    finally:
        if not keep:
            lifecycle.down(name)


async def apply_crd(transport: Transport, crd: str) -> None:
    """Create the CRD, or bring the one that is there up to date, and wait until it is served."""
    client = Client(transport, Limiter(), rng=random.Random(0))
    body = yaml.safe_load(crd)
    try:
        await client.create(CRDS, None, body)
    except ApiError as error:
        if not error.already_exists:
            raise
        await client.patch(CRDS, None, body["metadata"]["name"], body)
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            try:
                await client.list_page(JOBFLOWS, limit=1)
            except ApiError:
                await asyncio.sleep(POLL_SECONDS)
            else:
                return


async def fresh_namespace(transport: Transport) -> str:
    """Make a namespace of this run's own, with the account that pods need; return its name."""
    client = Client(transport, Limiter(), rng=random.Random(0))
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "bench-"}}
    name: str = json.loads(await client.create(NAMESPACES, None, body))["metadata"]["name"]
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            try:
                await client.get(ACCOUNTS, name, "default")
            except ApiError:
                await asyncio.sleep(POLL_SECONDS)
            else:
                return name


async def quiet(transport: Transport, namespace: str, seconds: float = 120.0) -> None:
    """Wait until the Job controller has counted every Job: the next run must not pay for this."""
    client = Client(transport, Limiter(), rng=random.Random(0))
    decode = msgspec.json.Decoder(_Jobs).decode
    async with asyncio.timeout(seconds):
        while True:
            jobs = decode(await client.list_page(JOBS, namespace, limit=0)).items
            if all(job.status.is_over for job in jobs):
                return
            await asyncio.sleep(POLL_SECONDS)


def kubeconfig_of(record: Record, client: str) -> str:
    """A kubeconfig with one client's token."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "bench",
            "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": client}}],
            "clusters": [
                {
                    "name": "bench",
                    "cluster": {
                        "server": record.server,
                        "certificate-authority": record.ca_file,
                    },
                }
            ],
            "users": [{"name": client, "user": {"token": record.tokens[client]}}],
        }
    )


def connection(record: Record, client: str) -> Connection:
    """How one client reaches the cluster."""
    return Connection(server=record.server, ca_file=record.ca_file, token=record.tokens[client])
