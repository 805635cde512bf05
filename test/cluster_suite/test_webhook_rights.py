"""What the webhook may do besides: each right of the chart is taken away in turn, and missed.

As in `test_rights.py`: one webhook for each right, without it, with the chart's own objects in a
namespace of its own; and one with all of them.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cluster import Record
from cluster.api import wait_for
from cluster_suite.flows import flow, step
from cluster_suite.helm import Helm, Objects
from cluster_suite.kube import Kube
from cluster_suite.rights import AuditLog, Right, act_as, expand
from jobflows.cluster.client import Client
from jobflows.cluster.http import AiohttpTransport
from jobflows.cluster.limiter import Limiter
from jobflows.webhook import life as webhook
from unit.webhook.reviews import encoded, review

pytestmark = pytest.mark.cluster

Object = dict[str, Any]
ACCOUNT = "jobflows-operator"
KINDS = {
    "Secret",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ClusterRole",
    "ClusterRoleBinding",
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
}
ASK = Right("authorization.k8s.io", "subjectaccessreviews", "create")


@dataclass(frozen=True)
class Plot:
    """A namespace with the chart's objects, but for one right."""

    namespace: str
    missing: Right | None
    objects: Objects

    @property
    def user(self) -> str:
        """The operator's user."""
        return f"system:serviceaccount:{self.namespace}:{ACCOUNT}"

    @property
    def place(self) -> webhook.Place:
        """Where the certificate is kept."""
        name = self.objects.the("Secret")["metadata"]["name"]
        service = f"jobflows-webhook.{self.namespace}.svc"
        return webhook.Place(namespace=self.namespace, name=name, service=service)

    def manifests(self) -> Iterator[Object]:
        """What the chart makes for the webhook, without the missing right."""
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        for made in self.objects:
            if "rules" in made:
                yield {**made, "rules": list(self._kept(made["rules"]))}
            elif made["kind"] in KINDS:
                yield made

    def _kept(self, rules: list[Object]) -> Iterator[Object]:
        for rule in rules:
            for right in expand([rule]):
                if right != self.missing:
                    one = {"apiGroups": [right.group], "resources": [right.resource]}
                    yield {**rule, **one, "verbs": [right.verb]}


def test_every_right_of_the_webhook_is_needed_and_enough(
    suite: Record, helm: Helm, kube: Kube, audit_log: Path, tmp_path: Path
) -> None:
    rights = _rights(_chart(helm, "x"))
    assert len(rights) == 7
    plots = []
    for number, missing in enumerate([None, *rights]):
        namespace = f"{kube.namespace[-20:]}-{number}"
        plots.append(Plot(namespace, missing, _chart(helm, namespace)))
    manifests = "\n".join(json.dumps(made) for plot in plots for made in plot.manifests())
    everywhere = kube.within("")
    everywhere("create", "-f", "-", stdin=manifests)
    with closing(AuditLog(audit_log)) as log:
        try:
            asyncio.run(_serve(suite, plots, tmp_path, log))
        finally:
            everywhere("delete", "-f", "-", "--wait=false", stdin=manifests)
        assert not log.refused(plots[0].user)
        assert {right.call for right in rights} <= log.granted(plots[0].user)


def _chart(helm: Helm, namespace: str) -> Objects:
    """The chart with a webhook that is called for its own namespace only, and never required."""
    return helm.objects(
        namespace=namespace,
        crds__install=False,
        rbac__userRoles=False,
        webhook__enabled=True,
        webhook__failurePolicy="Ignore",
        webhook__namespaceSelector={"matchLabels": {"kubernetes.io/metadata.name": namespace}},
    )


def _rights(objects: Objects) -> list[Right]:
    """Those that the chart gives for the webhook."""
    roles = [*objects.all("Role"), *objects.all("ClusterRole")]
    own = [made["rules"] for made in roles if made["metadata"]["name"].endswith("-webhook")]
    return expand(rule for rules in own for rule in rules)


async def _serve(suite: Record, plots: list[Plot], folder: Path, log: AuditLog) -> None:
    """Serve a webhook for each plot until each was refused what it may not."""
    async with AsyncExitStack() as stack:
        for number, plot in enumerate(plots):
            account = act_as(suite, plot.namespace, ACCOUNT, folder / str(number))
            transport = AiohttpTransport(account)
            stack.push_async_callback(transport.close)
            client = Client(transport, Limiter(), rng=random.Random(0), observe=_unheard)
            options = webhook.Options(port=0, certificates=plot.place, host="127.0.0.1")
            served = await stack.enter_async_context(webhook.running(options, client, _unheard))
            if plot.missing in (None, ASK):
                await asyncio.to_thread(_certified, served)
                await _ask(served.port)
        await asyncio.to_thread(_watch, plots, log)


def _certified(served: webhook.Webhook) -> None:
    wait_for("the webhook has a certificate", lambda: served.checks()["webhook"], seconds=30)


async def _ask(port: int) -> None:
    """Have a flow reviewed."""
    body = encoded(review(flow("asked", step("a"))))
    address = f"https://127.0.0.1:{port}/validate"
    async with (
        aiohttp.ClientSession() as session,
        session.post(address, data=body, ssl=False) as answer,
    ):
        assert answer.status == 200


def _watch(plots: list[Plot], log: AuditLog) -> None:
    def missed() -> list[Right]:
        return [p.missing for p in plots if p.missing and p.missing.call not in log.refused(p.user)]

    try:
        wait_for("every missing right is missed", lambda: not missed(), seconds=60)
    except Exception as error:
        raise AssertionError(f"not missed: {missed()}") from error


def _unheard(*_: object) -> None:
    """Neither calls nor reviews are counted."""
