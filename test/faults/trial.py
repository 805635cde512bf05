"""One run with one fault in it: a namespace, a proxy and an operator of its own."""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
import time
import uuid
from collections.abc import Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster.record import Record
from cluster_suite.process import complaint
from faults.audit import AuditLog
from faults.invariants import OVER, Outcome, breaches
from faults.mixture import Mixture
from faults.operators import Nursery, Operator
from faults.points import KNOWN_LIMITS, Point
from faults.proxy import Proxy, Script
from jobflows.cluster.client import Client
from jobflows.cluster.errors import ApiError
from jobflows.cluster.resources import (
    CONFIG_MAPS,
    JOBFLOWS,
    JOBS,
    PERSISTENT_VOLUME_CLAIMS,
    PODS,
    Resource,
)
from jobflows.cluster.transport import TransportError

Object = dict[str, Any]

SECONDS = 300.0
"""When a run is given up; the longest fault takes 70 s."""
SETTLE_SECONDS = 60.0
POLL_SECONDS = 0.5
KOPF_LOOKS_ROUND = "kopf._core.reactor.observation"
"""The logger that tells of each try of kopf to see what an API server offers, as of an error."""
NOT_OURS = ("foreign-", "kube-root-ca.crt")
RESTART_SECONDS = 1.0
FLAGS = ("--metrics-addr=127.0.0.1:0",)
NAMESPACES = Resource("", "v1", "namespaces", "Namespace")
RESOURCES = {each.plural: each for each in (JOBFLOWS, JOBS, PODS, CONFIG_MAPS)}
ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one run went. `wrong` is what did not hold; `reached` whether the fault came about."""

    where: str
    fault: str
    kind: str
    wrong: tuple[str, ...]
    reached: bool
    seconds: float
    calls: int
    kept: str = ""
    note: str = ""
    skipped: bool = False

    @property
    def word(self) -> str:
        """One word for tables."""
        if self.wrong:
            return "known limit" if self.fault in KNOWN_LIMITS else "FAILED"
        if self.skipped:
            return "skipped"
        return "held" if self.reached else "not reached"


@dataclass(frozen=True, slots=True)
class Place:
    """Where runs take place."""

    record: Record
    client: Client
    audit: AuditLog
    nursery: Nursery
    trust: ssl.SSLContext
    folder: Path
    name: str = field(default_factory=lambda: f"faults-{uuid.uuid4().hex[:6]}")
    """The beginning of its namespaces."""

    async def ready(self) -> bool:
        """Whether the API server answers, and can write."""
        try:
            await self.client.get(NAMESPACES, None, "default", attempts=1)
        except (ApiError, TransportError):
            return False
        return True


@dataclass
class Seen:
    """The flows of a namespace, as a watch of the tests' own has them."""

    flows: dict[str, Object] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def over(self, names: Collection[str]) -> bool:
        """Whether these flows have ended."""
        return all(
            self.flows.get(name, {}).get("status", {}).get("phase") in OVER for name in names
        )

    async def follow(self, client: Client, namespace: str) -> None:
        """List and watch until cancelled; a list tells what has gone since the last watch."""
        while True:
            try:
                listed = json.loads(await client.list_page(JOBFLOWS, namespace, limit=0))
                for flow in listed["items"]:
                    self._take({"type": "MODIFIED", "object": flow})
                there = {flow["metadata"]["name"] for flow in listed["items"]}
                self.gone |= self.flows.keys() - there
                self.changed.set()
                version = listed["metadata"]["resourceVersion"]
                watch = client.watch(JOBFLOWS, namespace, resource_version=version)
                async with aclosing(watch) as lines:
                    async for line in lines:
                        self._take(json.loads(line))
            except (ApiError, TransportError):
                await asyncio.sleep(POLL_SECONDS)

    def _take(self, event: Object) -> None:
        if event["type"] not in ("ADDED", "MODIFIED", "DELETED"):
            return
        flow = event["object"]
        name = flow["metadata"]["name"]
        self.flows[name] = flow
        if event["type"] == "DELETED":
            self.gone.add(name)
        self.changed.set()


class Trial:
    """A run. `kill` is what the proxy calls: the operator dies, and the next one is started."""

    def __init__(
        self,
        place: Place,
        mixture: Mixture,
        script: Script,
        number: int,
        flags: Sequence[str] = (),
    ) -> None:
        self.place = place
        self.mixture = mixture
        self.script = script
        self.namespace = f"{place.name}-{number}"
        self.seen = Seen()
        self.operator: Operator | None = None
        self.config = place.folder / f"{self.namespace}.kubeconfig"
        self.log = place.folder / f"{self.namespace}.log"
        self._flags = (*FLAGS, *flags)
        self._successor: asyncio.Task[None] | None = None
        self._stopping = False
        self._calls_before = 0
        self.restarts = 0
        self.whole_log = True
        self.proxy = Proxy(place.record.server, place.trust, script, self.kill)

    async def start(self) -> None:
        """Start an operator. One that ends by itself is started anew, as a kubelet does it."""
        self._calls_before = len(self.script.calls)
        self.operator = await self.launch(
            [
                f"--kubeconfig={self.config}",
                f"--watch-namespace={self.namespace}",
                f"--lease-namespace={self.namespace}",
                "--lease-name=operator",  # a point is known by the words of a call
                *self._flags,
            ]
        )
        self.operator.ended.add_done_callback(self._ended)

    async def launch(self, flags: Sequence[str]) -> Operator:
        """A process with these flags."""
        return await self.place.nursery.start(flags, self.log)

    def _ended(self, code: asyncio.Future[int]) -> None:
        if code.result() != -signal.SIGKILL and not self._stopping:
            self.restarts += 1
            self._successor = asyncio.create_task(self._restart())

    async def _restart(self) -> None:
        await asyncio.sleep(RESTART_SECONDS)
        await self.start()

    async def kill(self) -> None:
        """SIGKILL, and another one: who asks for it may end with the operator's connection."""
        self._successor = asyncio.create_task(self._replace())
        await asyncio.shield(self._successor)

    async def _replace(self) -> None:
        assert self.operator is not None
        await self.operator.kill()
        if not self._stopping:
            await self.start()

    async def prepare(self) -> None:
        """Make the namespace and the flows."""
        self.config.write_text(self._kubeconfig())
        client = self.place.client
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        await client.create(NAMESPACES, None, body)
        await self._account()
        for flow in self.mixture.flows:
            await client.create(JOBFLOWS, self.namespace, flow)

    async def settle(self) -> None:
        """Wait for the end of all flows, and until only the Jobs that are to stay are left."""
        ends = self.mixture
        async with asyncio.timeout(SECONDS):
            while not (self.seen.over(ends.phases) and self.seen.gone >= ends.gone):
                self.seen.changed.clear()
                await self.seen.changed.wait()
        async with asyncio.timeout(SETTLE_SECONDS):
            while not await self._quiet():
                await asyncio.sleep(POLL_SECONDS)

    async def outcome(self) -> Outcome:
        """End the operator and collect what there is to judge."""
        if self._successor is not None:
            await self._successor
            self._successor = None
        assert self.operator is not None
        self._stopping = True
        code = await self.operator.stop()
        if self._successor is not None:  # the fault was to kill it while it ended
            await self._successor
            code = 0
        elif code == -signal.SIGTERM and len(self.script.calls) == self._calls_before:
            code = 0  # one that has just been started does not heed signals yet
        made = {}
        for resource in (CONFIG_MAPS, PERSISTENT_VOLUME_CLAIMS):
            names = (item["metadata"]["name"] for item in await self.objects(resource))
            made[resource.plural] = frozenset(n for n in names if not n.startswith(NOT_OURS))
        return Outcome(
            mixture=self.mixture,
            flows=self.seen.flows,
            gone=frozenset(self.seen.gone),
            jobs=tuple(await self._own_jobs()),
            made=made,
            calls=tuple(await self.place.audit.of(self.namespace)),
            exit_code=code,
            complaints=tuple(
                line
                for line in self.log.read_text().splitlines()
                if complaint(line) and KOPF_LOOKS_ROUND not in line and not self.restarts
            ),
            whole_log=self.whole_log,
        )

    async def objects(self, resource: Resource) -> list[Object]:
        """Objects of the namespace."""
        found = json.loads(await self.place.client.list_page(resource, self.namespace, limit=0))
        items: list[Object] = found["items"]
        return items

    async def foreign(self, plural: str, body: Object) -> None:
        """Make an object as somebody else; its name begins with `foreign-`."""
        await self.place.client.create(RESOURCES[plural], self.namespace, body)

    async def _own_jobs(self) -> list[Object]:
        jobs = await self.objects(JOBS)
        return [job for job in jobs if not job["metadata"]["name"].startswith(NOT_OURS)]

    async def _account(self) -> None:
        """Pods are refused until it is there."""
        async with asyncio.timeout(SETTLE_SECONDS):
            while True:
                try:
                    await self.place.client.get(ACCOUNTS, self.namespace, "default")
                except ApiError:
                    await asyncio.sleep(POLL_SECONDS / 5)
                else:
                    return

    async def _quiet(self) -> bool:
        try:
            jobs = await self._own_jobs()
        except (ApiError, TransportError):
            return False
        names = {job["metadata"]["name"] for job in jobs}
        return names == self.mixture.left and not any(
            job.get("status", {}).get("active") for job in jobs
        )

    def _kubeconfig(self) -> str:
        context = {"cluster": "run", "user": "operator", "namespace": self.namespace}
        token = {"token": self.place.record.tokens["operator"]}
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "run",
                "contexts": [{"name": "run", "context": context}],
                "clusters": [{"name": "run", "cluster": {"server": self.proxy.address}}],
                "users": [{"name": "operator", "user": token}],
            }
        )


async def run(
    place: Place, point: Point | None, mixture: Mixture, number: int
) -> tuple[Verdict, Script]:
    """A mixture with one fault, or none."""
    script = Script(point)
    trial = Trial(place, mixture, script, number)
    started = time.monotonic()
    async with trial.proxy.serving():
        wrong = await judged(trial)
    return Verdict(
        where=str(point.place) if point else f"{mixture.name} without a fault",
        fault=point.fault if point else "",
        kind=point.place.kind if point else "none",
        wrong=tuple(wrong),
        reached=script.hit or point is None,
        seconds=round(time.monotonic() - started, 1),
        calls=len(script.calls),
        kept=str(trial.log) if wrong else "",
        note="the operator ended itself and was started anew" if trial.restarts else "",
    ), script


async def judged(trial: Trial) -> list[str]:
    """Run it to its end; returns what did not hold."""
    following = None
    wrong = []
    try:
        await trial.prepare()
        following = asyncio.create_task(trial.seen.follow(trial.place.client, trial.namespace))
        await trial.start()
        try:
            await trial.settle()
        except TimeoutError:
            wrong.append(f"not settled within {SECONDS:g} s")
        wrong += breaches(await trial.outcome())
    finally:
        if following is not None:
            following.cancel()
        if trial.operator is not None:
            await trial.operator.kill()
    if not wrong:
        trial.log.unlink()
        trial.config.unlink()
    return wrong
