"""A cluster on virtual time, and an operator at work in it.

`play(scenario)` runs a coroutine against a `Stage`: the API server model with its Job controller
and kubelet, the whole operator on top, and a user who applies flows. The stage writes down every
Job and pod that ever existed, and fails any test in which the operator logged an error.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from jobflows.api.resume import RESUME_ANNOTATION
from jobflows.cluster.clock import Clock
from jobflows.cluster.transport import MERGE_PATCH, Request, Response
from jobflows.controller.metrics import Metrics
from jobflows.controller.operator import Operator
from jobflows.controller.settings import Settings
from jobflows.manifests import labels
from model import ApiServer, kind_of, simulate
from model.rights import of_the_operator
from model.storage import Change
from unit.controller.process import Errors, Gate, Life, Mortal

Object = dict[str, Any]

FLOWS = "/apis/workflow.kube-zen.io/v1alpha1/namespaces/default/jobflows"
JOBS = "/apis/batch/v1/namespaces/default/jobs"
ENDED = ("Succeeded", "Failed")


class Stage:
    """`operator` is the one at work; `jobs_made` and `pods_run` count by step since the start."""

    def __init__(self, server: ApiServer, seed: int, **settings: Any) -> None:
        self.server = server
        self.seed = seed
        self.settings = Settings(**{"metrics_address": ":0", "identity": "test"} | settings)
        self.user = server.transport("user")
        self.clock: Clock = server.clock
        """The operator's own."""
        self.registry = CollectorRegistry()
        self.jobs_made: Counter[tuple[str, str, int]] = Counter()
        self.pods_run: Counter[tuple[str, str, int]] = Counter()
        self.starts: list[tuple[str, float]] = []
        self.ends: dict[str, float] = {}
        self.bugs: list[str] = []
        self.gate: Gate = lambda request: None
        self._log = Errors(self.bugs)
        self._life: Life | None = None
        self._past: list[Life] = []
        server.storage.listeners.append(self._changed)

    # the operator ------------------------------------------------------------------------------

    @property
    def operator(self) -> Operator:
        assert self._life is not None
        return self._life.operator

    @property
    def operators(self) -> list[Operator]:
        """Those at work: the one."""
        return [self.operator]

    @property
    def life(self) -> Life:
        assert self._life is not None
        return self._life

    def start(self) -> Life:
        """Start an operator, as a new process would."""
        self.registry = CollectorRegistry()
        line = Mortal(self.server.transport("operator", of_the_operator()), self._at_gate)
        operator = Operator(
            line,
            settings=self.settings,
            metrics=Metrics(self.registry),
            clock=self.clock,
            rng=random.Random(self.seed + len(self._past)),
        )
        self._life = Life(operator, line, asyncio.create_task(operator.run()))
        self._past.append(self._life)
        return self._life

    async def crash(self) -> None:
        """Kill the process: nothing of it goes on, and nobody says good-bye."""
        life = self.life
        life.line.die()
        life.task.cancel()
        await asyncio.wait([life.task])

    def dies_at(self, call: int, moment: str, *, pause: float = 0.0) -> asyncio.Task[None]:
        """Kill the operator before or after its call of this number, by `moment`.

        The task starts the next one, `pause` seconds later.
        """
        self.life.line.last_words = (call, moment)

        async def next_life() -> None:
            await self.life.line.died.wait()
            await self.crash()
            await asyncio.sleep(pause)
            self.start()

        return asyncio.create_task(next_life())

    async def restart(self) -> None:
        await self.crash()
        self.start()

    async def stop(self) -> None:
        """End the operator in good order."""
        life = self.life
        await life.operator.stop()
        await life.task

    async def close(self) -> None:
        if self._life is not None and not self._life.task.done():
            await self.crash()
        self._log.close()

    # the user ----------------------------------------------------------------------------------

    async def call(self, method: str, path: str, body: Any = None, kind: str = MERGE_PATCH) -> Any:
        raw = None if body is None else msgspec.json.encode(body)
        content = kind if method == "PATCH" else "application/json"
        response = await self.user.send(Request(method, path, {}, raw, content))
        assert response.status < 300, (method, path, response)
        return msgspec.json.decode(response.body)

    async def apply(self, *flows: Object) -> None:
        """Create flows."""
        for flow in flows:
            await self.call("POST", FLOWS, flow)

    async def edit(self, name: str, **spec: Any) -> None:
        """Change fields of a flow's spec."""
        await self.call("PATCH", f"{FLOWS}/{name}", {"spec": spec})

    async def annotate(self, name: str, **annotations: str) -> None:
        said = {f"approved.workflow.kube-zen.io/{k}": v for k, v in annotations.items()}
        await self.call("PATCH", f"{FLOWS}/{name}", {"metadata": {"annotations": said}})

    async def resume(self, name: str, **request: Any) -> None:
        """Ask for another run of what did not succeed."""
        said = {RESUME_ANNOTATION: msgspec.json.encode(request).decode()}
        await self.call("PATCH", f"{FLOWS}/{name}", {"metadata": {"annotations": said}})

    async def delete(self, name: str) -> None:
        await self.call("DELETE", f"{FLOWS}/{name}", {"propagationPolicy": "Background"})

    # what is to be seen ------------------------------------------------------------------------

    def flow(self, name: str) -> Object | None:
        return self.server.get(kind_of("jobflows"), name)

    def status(self, name: str) -> Object:
        found = self.flow(name)
        return {} if found is None else found.get("status") or {}

    def phase(self, name: str) -> str:
        return str(self.status(name).get("phase", ""))

    def step(self, flow: str, step: str) -> Object:
        steps = self.status(flow).get("steps") or ()
        return next((dict(s) for s in steps if s["name"] == step), {})

    def retries(self, flow: str, step: str) -> int:
        """Attempts of a step after all failures but disruptions."""
        record = self.step(flow, step)
        return sum(record.get(n, 0) for n in ("retryCount", "outOfMemoryCount", "timeoutCount"))

    def phases(self, name: str) -> dict[str, str]:
        """Step -> phase."""
        return {step["name"]: step["phase"] for step in self.status(name).get("steps") or ()}

    def job(self, name: str) -> Object | None:
        return self.server.get(kind_of("jobs"), name)

    def jobs(self) -> list[str]:
        return [job["metadata"]["name"] for job in self.server.objects(kind_of("jobs"))]

    def pods(self) -> list[Object]:
        return self.server.objects(kind_of("pods"))

    def events(self) -> list[tuple[str, str]]:
        """(reason, note) of all events, oldest first."""
        found = sorted(self.server.objects(kind_of("events")), key=lambda e: e["eventTime"])
        return [(event["reason"], event["note"]) for event in found]

    def calls(self, verb: str, resource: str) -> int:
        """Calls of the operator that reached the server."""
        return sum(
            (line.client, line.verb, line.resource) == ("operator", verb, resource)
            and line.status > 0
            for line in self.server.requests
        )

    def gauge(self, name: str, **labels: str) -> float:
        """A series of the operator's metrics, summed over the labels that are not given."""
        return sum(
            sample.value
            for metric in self.registry.collect()
            for sample in metric.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    async def until(self, holds: Callable[[], bool], seconds: float = 600.0) -> None:
        """Wait for it, in steps of a fraction of a second; fails when it does not come."""
        end = self.server.clock.now() + seconds
        while not holds():
            assert self.server.clock.now() < end, f"not within {seconds} s: {self._summary()}"
            assert self._life is None or not self._life.task.done() or self._life.line.dead
            await asyncio.sleep(0.01)

    async def ended(self, *names: str, seconds: float = 600.0) -> None:
        """Wait for the end of flows."""
        await self.until(lambda: all(self.phase(name) in ENDED for name in names), seconds)

    def once_each(self, flow: str, *steps: str) -> None:
        """Assert that one Job of each of these steps was made, and that its pod ran once."""
        for step in steps:
            made = {key: n for key, n in self.jobs_made.items() if key[:2] == (flow, step)}
            ran = {key: n for key, n in self.pods_run.items() if key[:2] == (flow, step)}
            assert made == {(flow, step, 1): 1}, made
            assert ran == made, ran

    def _at_gate(self, request: Request) -> Response | None:
        return self.gate(request)

    def _changed(self, change: Change) -> None:
        meta = change.new.metadata
        marks = meta.get("labels") or {}
        if labels.STEP not in marks or change.new.kind.plural not in ("jobs", "pods"):
            return
        key = (marks[labels.FLOW], marks[labels.STEP], int(marks[labels.ATTEMPT]))
        is_job = change.new.kind.plural == "jobs"
        now = self.server.clock.now()
        if change.old is None and is_job:
            self.jobs_made[key] += 1
            self.starts.append((meta["name"], now))
        elif change.deleted and is_job:
            self.ends[meta["name"]] = now
        elif not is_job and change.new.obj.get("status", {}).get("phase") == "Running":
            assert change.old is not None
            if change.old.obj.get("status", {}).get("phase") == "Pending":
                self.pods_run[key] += 1

    def _summary(self) -> str:
        flows = [flow["metadata"]["name"] for flow in self.server.objects(kind_of("jobflows"))]
        return "; ".join(
            f"{name}: {self.phase(name)} {self.status(name).get('message')} {self.phases(name)}"
            for name in flows
        )


def play(
    scenario: Callable[[Stage], Awaitable[None]],
    *,
    seed: int = 0,
    start: bool = True,
    limit_seconds: float = 7 * 86_400.0,
    **settings: Any,
) -> Stage:
    """Run a scenario with an operator at work; returns the stage as it was left."""

    async def main(server: ApiServer) -> Stage:
        stage = Stage(server, seed, **settings)
        if start:
            stage.start()
        try:
            await scenario(stage)
        finally:
            await stage.close()
        return stage

    stage = simulate(main, seed=seed, limit_seconds=limit_seconds)
    assert not stage.bugs, stage.bugs
    return stage
