"""The flows of one namespace of a cluster: read, and told what to do.

It reads with the operator's own records and decodes with its own functions, so that the two never
see different things. What it may do is for the rights of whoever its client speaks for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from jobflows.api.depth import decoded
from jobflows.api.model import CREATED_BY
from jobflows.api.validation import check
from jobflows.cluster.client import Client
from jobflows.cluster.errors import ApiError
from jobflows.cluster.resources import JOBFLOWS, Resource
from jobflows.engine import CompiledFlow, read_status
from jobflows.engine.times import parse_rfc3339
from jobflows.manifests.records import FlowRecord
from jobflows.steering.errors import SteerError, unknown
from jobflows.steering.loaded import Loaded

TRIES = 5
"""How often a field is read and written again when somebody else was faster."""


class Items(msgspec.Struct):
    """A page of a list, each item as it came."""

    items: list[msgspec.Raw] = []


decode_items = msgspec.json.Decoder(Items).decode
decode_flow = msgspec.json.Decoder(FlowRecord).decode


class ClusterFlows:
    """One namespace."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self.namespace = namespace

    async def flows(
        self,
        *,
        everywhere: bool = False,
        marks: Mapping[str, str] = MappingProxyType({}),
        user: str | None = None,
    ) -> list[FlowRecord]:
        """Flows by namespace and name: all, or those with these labels that `user` has created."""
        selector = ",".join(f"{key}={value}" for key, value in marks.items())
        found = await self._list(JOBFLOWS, selector, None if everywhere else self.namespace)
        records = [decoded(decode_flow, bytes(item)) for item in found]
        if user is not None:
            records = [r for r in records if r.metadata.annotations.get(CREATED_BY) == user]
        return sorted(records, key=lambda flow: (flow.metadata.namespace, flow.metadata.name))

    async def record(self, name: str) -> FlowRecord:
        """One flow; raises `SteerError` with the nearest names."""
        try:
            found = await self._client.get(JOBFLOWS, self.namespace, name)
            return decoded(decode_flow, found)
        except ApiError as error:
            if not error.not_found or error.details.kind != JOBFLOWS.plural:
                raise
            names = [flow.metadata.name for flow in await self.flows()]
            missing = f"namespace {self.namespace} has no flow"
            raise SteerError(unknown(missing, name, names)) from None

    async def load(self, name: str) -> Loaded:
        """One flow, ready to be asked about; raises `SteerError` when its spec has problems."""
        return loaded(await self.record(name))

    async def patch(self, name: str, **parts: Any) -> None:
        """Change `metadata` and `spec` of a flow in one request."""
        await self._client.patch(JOBFLOWS, self.namespace, name, parts)

    async def edit(self, name: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Patch a flow with `change(flow)`, made again when somebody else wrote in between."""
        for left in reversed(range(TRIES)):
            found = msgspec.json.decode(await self._client.get(JOBFLOWS, self.namespace, name))
            body = change(found)
            version = {"resourceVersion": found["metadata"]["resourceVersion"]}
            body["metadata"] = body.get("metadata", {}) | version
            try:
                await self.patch(name, **body)
            except ApiError as error:
                if not error.is_conflict or not left:
                    raise
            else:
                return

    async def _list(
        self, resource: Resource, selector: str, namespace: str | None, fields: str = ""
    ) -> list[msgspec.Raw]:
        pages = self._client.list_pages(
            resource, namespace, label_selector=selector, field_selector=fields
        )
        return [item async for page in pages for item in decoded(decode_items, page).items]


def loaded(record: FlowRecord) -> Loaded:
    """Compile a flow and read its ledger; raises `SteerError` when its spec has problems."""
    checked = check(record.document())
    if checked.flow is None or checked.problems:
        words = "; ".join(str(problem) for problem in checked.problems)
        raise SteerError(f"flow {record.metadata.name} is invalid: {words}")
    created = parse_rfc3339(record.metadata.creationTimestamp) or 0.0
    flow = CompiledFlow.compile(checked.flow, created=created)
    status = record.decoded_status()
    return Loaded(record, flow, read_status(flow, status), bool(status.get("phase")))
