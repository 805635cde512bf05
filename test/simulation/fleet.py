"""Several operators in one world, and what keeps each of them from its work.

`Fleet` is a stage with many processes instead of one. Rules about owners are told by it of every
request as it leaves a process, and of every change in who can do anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from jobflows.cluster.transport import Request
from jobflows.controller.operator import Operator
from model import ApiServer
from simulation.clocks import Jumpy, running_at
from simulation.world import Replicas
from unit.controller.processes import Process
from unit.controller.stage import Stage

DRIFT = 0.05
"""How much faster or slower than it should a steady clock may run."""


class Fleet(Stage):
    """`members` are all processes that there ever were; `changes` are told of what befalls them."""

    def __init__(
        self, server: ApiServer, seed: int, plan: Replicas, *, drifts: bool, **settings: Any
    ) -> None:
        lease = {"lease_namespace": "default", "lease_duration": plan.lease}
        super().__init__(server, seed, shards=plan.shards, **lease, **settings)
        self.plan = plan
        self.members: list[Process] = []
        self.clocks: dict[str, Jumpy] = {}
        self.requests: list[Callable[[Process, Request], None]] = []
        self.changes: list[Callable[[str], None]] = []
        self._rng = Random(f"{seed}/fleet")
        self._drifts = drifts

    @property
    def operators(self) -> list[Operator]:
        """Those that work on a shard now."""
        return [one for member in self.running for one in member.replica.operators.values()]

    @property
    def running(self) -> list[Process]:
        """The processes that are there, frozen ones, too."""
        return [member for member in self.members if not member.task.done()]

    def join(self, name: str = "") -> Process:
        """Start a process: a new one, or one in the place of another that was killed."""
        name = name or f"operator-{len(self.clocks)}"
        clock = self.clocks.setdefault(name, Jumpy(self.server.clock))
        speed = 1.0 + self._rng.uniform(-DRIFT, DRIFT) if self._drifts else 1.0
        member = Process(
            self.server,
            name,
            replace(self.settings, identity=name),
            rng=Random(f"{self.seed}/{name}/{len(self.members)}"),
            clock=clock,
            steady=running_at(speed, self.server.clock),
            leaves=self._leaves,
            gate=self._at_gate,
        )
        self.members.append(member)
        self.tell(f"{name} starts")
        return member

    def freeze(self, member: Process) -> None:
        member.freeze()
        self.tell(f"{member.name} stands still")

    def wake(self, member: Process) -> None:
        member.wake()
        self.tell(f"{member.name} goes on")

    def cut_off(self, member: Process, *, silent: bool) -> None:
        member.cut_off(silent=silent)
        self.tell(f"{member.name} is cut off")

    def mend(self, member: Process) -> None:
        member.line.mend()
        self.tell(f"{member.name} is no more cut off")

    async def kill(self, member: Process) -> None:
        self.tell(f"{member.name} is killed")
        await member.kill()
        self.tell("")

    async def leave(self, member: Process) -> None:
        """Tell a process to end, and wait until it has."""
        self.tell(f"{member.name} is told to end")
        await member.stop()
        self.tell(f"{member.name} has ended")

    def tell(self, words: str) -> None:
        """Something has changed that may keep a process from its work, or does no more."""
        for change in self.changes:
            change(words)

    async def close(self) -> None:
        await asyncio.gather(*(member.kill() for member in self.running))
        await super().close()

    def _leaves(self, member: Process, request: Request) -> None:
        for listener in self.requests:
            listener(member, request)
