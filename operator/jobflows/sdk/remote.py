"""A workflow on a cluster: its JobFlow is created, watched and resumed by the user's kubeconfig."""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, TypeVar

from jobflows.api.resume import RESUME_ANNOTATION
from jobflows.api.validation import check
from jobflows.engine import CompiledFlow, read_status
from jobflows.engine.stopping import STOP_ANNOTATION
from jobflows.sdk.errors import ClusterError, DefinitionError, WorkflowError, WorkflowTimeoutError
from jobflows.sdk.flow import Built
from jobflows.sdk.local_run import run_to_end
from jobflows.sdk.same import check_same, check_tasks
from jobflows.sdk.standing import Standing

try:
    from jobflows.cluster import (
        JOBFLOWS,
        ApiError,
        Client,
        Connection,
        Limiter,
        LoginError,
        TransportError,
        connect,
    )
    from jobflows.cluster.http import AiohttpTransport
except ModuleNotFoundError as missing:
    raise ClusterError(f"{missing.name} is missing: pip install 'jobflows[cluster]'") from None

T = TypeVar("T")

MOST_BYTES = 1_400_000
"""An object of Kubernetes has at most 1.5 MB, and the status of the flow needs a part of it."""

RECONNECT_SECONDS = 1.0

ENDED = ("Succeeded", "Failed")


class Cluster:
    """One namespace of a cluster. Raises `ClusterError` when it cannot be logged into."""

    def __init__(
        self,
        *,
        namespace: str | None = None,
        context: str | None = None,
        kubeconfig: str | None = None,
    ) -> None:
        try:
            self._connection: Connection = connect(kubeconfig, context)
        except LoginError as error:
            raise ClusterError(str(error)) from None
        self.namespace = namespace or self._connection.namespace
        self._asked = ""
        """The last request to resume, until it was taken in."""

    def submit(self, document: dict[str, Any], *, resume: bool) -> None:
        """Create the flow, or resume the one that is there. Raises `WorkflowError`."""
        size = len(json.dumps(document, separators=(",", ":")))
        if size > MOST_BYTES:
            raise DefinitionError(
                f"the flow has {size / 1e6:.1f} MB, and a cluster takes {MOST_BYTES / 1e6:.1f} MB: "
                "shorten what differs from task to task (write what is the same into the command "
                "template), or make several workflows"
            )
        self._talk(lambda client: self._submit(client, document, resume=resume))

    def fetch(self, name: str) -> dict[str, Any]:
        """The flow as it is now. Raises `WorkflowError` when there is none."""
        return self._talk(lambda client: self._need(client, name))

    def wait(self, name: str, timeout: float | None) -> dict[str, Any]:
        """The flow when it has ended. Raises `WorkflowTimeoutError`."""

        async def wait(client: Client) -> dict[str, Any]:
            try:
                async with asyncio.timeout(timeout):
                    return await self._ended(client, name)
            except TimeoutError:
                raise WorkflowTimeoutError(
                    f"timeout: {name} has not ended within {timeout:g} s; it goes on, and wait() "
                    "can be called again"
                ) from None

        return self._talk(wait)

    async def _submit(self, client: Client, document: dict[str, Any], *, resume: bool) -> None:
        name = document["metadata"]["name"]
        found = await self._get(client, name)
        if found is None:
            metadata = {**document["metadata"], "namespace": self.namespace}
            await client.create(JOBFLOWS, self.namespace, {**document, "metadata": metadata})
            return
        phase = str((found.get("status") or {}).get("phase") or "Pending")
        check_same(name, found, document, phase=phase, resume=resume)
        self._asked = uuid.uuid4().hex if phase in ENDED else ""
        if not self._asked:
            return  # it runs, and is waited for
        annotations = {
            RESUME_ANNOTATION: json.dumps({"id": self._asked}),
            STOP_ANNOTATION: None,
        }
        version = {"resourceVersion": found["metadata"]["resourceVersion"]}
        body = {
            "metadata": {"annotations": annotations, **version},
            "spec": _replaced(found["spec"], document["spec"]),
        }
        await client.patch(JOBFLOWS, self.namespace, name, body)

    async def _ended(self, client: Client, name: str) -> dict[str, Any]:
        async with aclosing(self._follow(client, name)) as seen:
            async for flow in seen:
                status = flow.get("status") or {}
                resumed = status.get("resume") or {}
                refusal = resumed.get("refusal") or {}
                if self._asked and refusal and resumed.get("id") != self._asked:
                    raise WorkflowError(f"{name} was not resumed: {refusal.get('message', '')}")
                fresh = not self._asked or resumed.get("id") == self._asked
                if fresh and status.get("phase") in ENDED:
                    self._asked = ""
                    return flow
        raise WorkflowError(f"{name} was deleted while it was waited for")

    async def _follow(self, client: Client, name: str) -> AsyncGenerator[dict[str, Any]]:
        """The flow as it is now, and again whenever it changes, until it is deleted."""
        flow = await self._need(client, name)
        yield flow
        while True:
            lines = client.watch(
                JOBFLOWS,
                self.namespace,
                field_selector=f"metadata.name={name}",
                resource_version=flow["metadata"]["resourceVersion"],
            )
            try:
                async with aclosing(lines):
                    async for text in lines:
                        line = json.loads(text)
                        if line["type"] == "DELETED":
                            return
                        if line["type"] in ("ADDED", "MODIFIED"):
                            flow = line["object"]
                            yield flow
                        elif line["type"] == "ERROR":
                            break
            except ApiError as error:
                if not error.gone:
                    raise
            except TransportError:
                await asyncio.sleep(RECONNECT_SECONDS)
            again = await self._get(client, name)  # the watch has ended, was cut, or is too old
            if again is None:
                return
            flow = again
            yield flow

    async def _need(self, client: Client, name: str) -> dict[str, Any]:
        found = await self._get(client, name)
        if found is None:
            raise WorkflowError(
                f"namespace {self.namespace} has no flow {name}; call submit() first"
            )
        return found

    async def _get(self, client: Client, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads(await client.get(JOBFLOWS, self.namespace, name))
        except ApiError as error:
            if error.not_found and error.details.kind == JOBFLOWS.plural:
                return None
            raise
        return found

    def _talk(self, act: Callable[[Client], Awaitable[T]]) -> T:
        async def talk() -> T:
            transport = AiohttpTransport(self._connection)
            try:
                return await act(Client(transport, Limiter(), rng=random.Random(), attempts=3))
            finally:
                await transport.close()

        try:
            return run_to_end(talk, lambda: None)
        except ApiError as error:
            if error.not_found:
                raise ClusterError(
                    "the API server knows no JobFlows; install the CRD and the operator"
                ) from None
            raise ClusterError(f"the API server says: {error.message or error}") from None
        except TransportError as error:
            raise ClusterError(f"no answer from {self._connection.server} ({error})") from None


def standing(found: Mapping[str, Any], built: Built, cluster: Cluster) -> Standing:
    """How tasks stand, from the flow as it is on the cluster."""
    check_tasks(found["metadata"]["name"], found, built.document)
    stored = {key: found[key] for key in ("apiVersion", "kind", "metadata", "spec")}
    checked = check(stored)
    if checked.flow is None:
        raise WorkflowError("; ".join(map(str, checked.problems)))
    flow = CompiledFlow.compile(checked.flow)
    ledger = read_status(flow, found.get("status") or {})
    return Standing(flow, ledger, built.places, where=f"namespace {cluster.namespace}")


def _replaced(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """A merge patch that makes `new` of `old`: what is gone is null, down to the policies."""
    patch: dict[str, Any] = dict.fromkeys(old.keys() - new.keys())
    for key, value in new.items():
        before = old.get(key)
        both = isinstance(value, dict) and isinstance(before, dict)
        patch[key] = _replaced(before, value) if both else value  # type: ignore[arg-type]
    return patch
