"""Several operators as processes on virtual time, each of which can be killed, stopped and woken.

After every write that reaches the server, the `Stage` here checks that it came from the process
that holds the Lease of that flow's shard at this very moment.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from jobflows.controller.settings import Settings
from jobflows.manifests import labels
from model import ApiServer, Call, kind_of, simulate
from model.storage import Change
from unit.controller.processes import Loop, Process
from unit.controller.stage import Stage as OneOperator

READS = ("get", "list", "watch")


class Stage(OneOperator):
    """A stage without an operator of its own; `shared` are the settings of all processes."""

    def __init__(self, server: ApiServer, seed: int, **settings: Any) -> None:
        super().__init__(server, seed)
        self.shared = settings
        self.processes: list[Process] = []
        self.trespasses: list[str] = []
        self.written: Counter[str] = Counter()
        self.writers: list[str] = []
        self._buckets: dict[str, int] = {}
        self._note = server.log
        server.log = self._logged  # type: ignore[method-assign] # right after its effect
        server.storage.listeners.append(self._stamped)

    def run(self, *names: str, **settings: Any) -> list[Process]:
        """Start processes."""
        started = [self._process(name, settings) for name in names]
        self.processes += started
        return started

    def _process(self, name: str, settings: dict[str, Any]) -> Process:
        said = {"metrics_address": ":0", "identity": name, "lease_namespace": "default"}
        rng = random.Random(f"{self.seed} {name}")
        return Process(self.server, name, Settings(**{**said, **self.shared, **settings}), rng=rng)

    def holder(self, name: str) -> str:
        """Who holds a Lease now."""
        found = self.server.get(kind_of("leases"), name)
        return str(found["spec"].get("holderIdentity") or "") if found else ""

    def holders(self, count: int = 1) -> list[str]:
        return [self.holder(f"jobflow-operator-{n}-of-{count}") for n in range(count)]

    async def close(self) -> None:
        for process in self.processes:
            process.task.cancel()
            process.wake()
        await asyncio.gather(*(p.task for p in self.processes), return_exceptions=True)
        await super().close()

    def _stamped(self, change: Change) -> None:
        """Remember where a Job belongs, for the time when it is gone."""
        marks = change.new.metadata.get("labels") or {}
        if change.new.kind.plural == "jobs" and labels.SHARD in marks:
            self._buckets[change.new.metadata["name"]] = int(marks[labels.SHARD])

    def _logged(self, call: Call, status: int) -> None:
        self._note(call, status)
        ours = any(process.name == call.client for process in self.processes)
        resource = call.resource.partition("/")[0]
        if not ours or status == 0 or call.verb in READS or resource not in ("jobs", "jobflows"):
            return
        self.written[call.client] += 1
        self.writers.append(call.client)
        bucket = self._bucket(resource, call)
        if bucket is None:
            return
        held = {
            lease["metadata"]["name"]: lease["spec"].get("holderIdentity")
            for lease in self.server.objects(kind_of("leases"))
        }
        counts = {int(name.rpartition("-of-")[2]) for name in held if "-of-" in name}
        if not any(
            held.get(f"jobflow-operator-{bucket % count}-of-{count}") == call.client
            for count in counts
        ):
            now = self.server.clock.now()
            self.trespasses.append(f"{now:.3f} {call.client}: {call.verb} {call.name}; {held}")

    def _bucket(self, resource: str, call: Call) -> int | None:
        if resource == "jobflows":
            stamped = self.status(call.name).get("shard")
            return None if stamped is None else int(stamped)
        return self._buckets.get(call.name)


def play(
    scenario: Callable[[Stage], Awaitable[None]],
    *,
    seed: int = 0,
    limit_seconds: float = 7 * 86_400.0,
    **settings: Any,
) -> Stage:
    """Run a scenario in which it starts the processes; returns the stage as it was left."""

    async def main(server: ApiServer) -> Stage:
        stage = Stage(server, seed, **settings)
        try:
            await scenario(stage)
        finally:
            await stage.close()
        return stage

    stage = simulate(main, seed=seed, limit_seconds=limit_seconds, make_loop=Loop)
    assert not stage.bugs, stage.bugs
    assert not stage.trespasses, stage.trespasses
    return stage
