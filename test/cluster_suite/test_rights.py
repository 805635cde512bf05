"""The operator has the rights it needs and no other: each is taken away in turn, and missed.

One operator for each right, without it, in a namespace of its own; and one with all of them, which
goes through everything. What they were refused is in the API server's audit log.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from cluster import Record
from cluster.api import wait_for
from cluster_suite.flows import flow, job, retry, sim, step
from cluster_suite.helm import Helm
from cluster_suite.kube import Kube
from cluster_suite.rights import AuditLog, Right, act_as, expand
from jobflows.cluster.clock import SystemClock
from jobflows.cluster.http import AiohttpTransport
from jobflows.controller.metrics import Metrics
from jobflows.controller.operator import Operator
from jobflows.controller.settings import Settings

pytestmark = pytest.mark.cluster

Object = dict[str, Any]
ACCOUNT = "operator"
RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True)
class Plot:
    """A namespace, and the right that its operator does not have."""

    kube: Kube
    missing: Right | None
    rights: tuple[Right, ...]

    @property
    def user(self) -> str:
        """The operator's user."""
        return f"system:serviceaccount:{self.kube.namespace}:{ACCOUNT}"

    def objects(self) -> Iterator[Object]:
        """The namespace, the account and its rights, and flows in which every right is used."""
        yield _object("v1", "Namespace", self.kube.namespace)
        yield _object("v1", "ServiceAccount", ACCOUNT)
        kept = [right for right in self.rights if right != self.missing]
        rules = [
            {"apiGroups": [r.group], "resources": [r.resource], "verbs": [r.verb]} for r in kept
        ]
        yield _object(f"{RBAC}/v1", "Role", ACCOUNT, rules=rules)
        yield _object(
            f"{RBAC}/v1",
            "RoleBinding",
            ACCOUNT,
            roleRef={"apiGroup": RBAC, "kind": "Role", "name": ACCOUNT},
            subjects=[{"kind": "ServiceAccount", "name": ACCOUNT}],
        )
        # Retried after a deadline, which deletes a Job; gone when its time is over.
        late = step("a", pod=sim("never", only_pods="-1-"), timeoutSeconds=1, retryPolicy=retry(1))
        templates = {"configMapTemplates": [{"metadata": {"name": "own"}, "data": {}}]}
        soon = {"ttlSecondsAfterFinished": 1}
        yield flow("whole", late, resourceTemplates=templates, executionPolicy=soon)
        # Names that others have taken: they are looked at.
        yield {**_object("batch/v1", "Job", "job-a-1"), **job(sim("never"))}
        yield flow("job", step("a"))
        yield _object("v1", "ConfigMap", "map-own", data={})
        yield flow("map", step("a"), resourceTemplates=templates)
        space = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
        yield _object("v1", "PersistentVolumeClaim", "claim-own", spec=space)
        claims = {"volumeClaimTemplates": [{"metadata": {"name": "own"}, "spec": space}]}
        yield flow("claim", step("a"), resourceTemplates=claims)
        yield flow("edited", step("a"), suspend=True)

    def edit(self) -> None:
        """Two changes of which the operator says the same, which counts up one event.

        The second once the first is told of: two that are told of at once make one event.
        """
        self.kube.until("jf", "edited", _is_seen)
        self._allow(1)
        self.kube.event("edited", "SpecChangeApplied")
        self._allow(2)

    def _allow(self, parallelism: int) -> None:
        change = {"spec": {"executionPolicy": {"parallelism": parallelism}}}
        self.kube.patch("jf", "edited", change)


def test_every_right_is_needed_and_enough(
    suite: Record, helm: Helm, kube: Kube, audit_log: Path, tmp_path: Path
) -> None:
    rights = expand(helm.objects(watchNamespace="x").the("Role")["rules"])
    assert len(rights) > 15
    plots = [
        Plot(replace(kube, namespace=f"{kube.namespace[-20:]}-{number}"), missing, tuple(rights))
        for number, missing in enumerate([None, *rights])
    ]
    whole = plots[0]
    created = [
        {**made, "metadata": {**made["metadata"], "namespace": plot.kube.namespace}}
        for plot in plots
        for made in plot.objects()
    ]
    # No namespace of kubectl's own: each object says where it belongs.
    kube.within("")("create", "-f", "-", stdin="\n".join(map(json.dumps, created)))
    with closing(AuditLog(audit_log)) as log:
        try:
            asyncio.run(_serve(suite, plots, tmp_path, log))
        finally:
            kube("delete", "namespace", "--wait=false", *(plot.kube.namespace for plot in plots))
        assert not log.refused(whole.user)


async def _serve(suite: Record, plots: list[Plot], folder: Path, log: AuditLog) -> None:
    """Run an operator for each plot until each was refused what it may not, and one was not."""
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        operators = []
        for number, plot in enumerate(plots):
            transport = AiohttpTransport(
                act_as(suite, plot.kube.namespace, ACCOUNT, folder / str(number))
            )
            stack.push_async_callback(transport.close)
            operators.append(_operator(transport, plot.kube.namespace))
        for operator in operators:
            group.create_task(operator.run())
        await asyncio.to_thread(_watch, plots, log)
        for operator in operators:
            await operator.stop()


def _operator(transport: AiohttpTransport, namespace: str) -> Operator:
    return Operator(
        transport,
        settings=Settings(watch_namespace=namespace, events="all", identity="test"),
        metrics=Metrics(CollectorRegistry()),
        clock=SystemClock(),
        rng=random.Random(0),
    )


def _watch(plots: list[Plot], log: AuditLog) -> None:
    whole, *others = plots
    for plot in plots:
        if plot.missing in (None, Right("events.k8s.io", "events", "patch")):
            plot.edit()
    whole.kube.gone("jf", "whole")
    for name in ("job", "map", "claim"):
        whole.kube.ends(name, "Failed")

    def missed() -> list[Right]:
        return [
            p.missing for p in others if p.missing and p.missing.call not in log.refused(p.user)
        ]

    try:
        wait_for("every missing right is missed", lambda: not missed(), seconds=60)
    except Exception as error:
        raise AssertionError(f"not missed: {missed()}") from error
    asked = {right.call for right in whole.rights}
    wait_for("every right is used", lambda: asked <= log.granted(whole.user), seconds=30)


def _object(version: str, kind: str, name: str, **fields: Any) -> Object:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **fields}


def _is_seen(flow: Object) -> bool:
    seen = flow.get("status", {}).get("observedGeneration")
    return bool(seen == flow["metadata"]["generation"])
