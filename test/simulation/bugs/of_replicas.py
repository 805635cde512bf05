"""Bugs of several operators: two that act on one flow, none that does, and who disturbs others."""

from __future__ import annotations

import asyncio
from typing import Any

from jobflows.cluster import tenure
from jobflows.cluster.client import Client
from jobflows.cluster.fence import Fence
from jobflows.cluster.lease import LeaseRecord, Leases
from jobflows.cluster.resources import JOBS
from jobflows.cluster.tenure import Tenure
from jobflows.controller import status_writer
from jobflows.controller.replica import Replica
from jobflows.controller.roll import Roll
from jobflows.engine import attempts
from simulation.bugs.bug import Bug, Patch


def _open_fence() -> list[Patch]:
    return [(Fence, "send", lambda self, request: self._inner.send(request))]


def _late_fence() -> list[Patch]:
    return [(tenure, "MARGIN", -0.5)]


def _renewed_anyway() -> list[Patch]:
    async def renewed(self: Leases, record: LeaseRecord) -> LeaseRecord:
        return self._wrote(await self._write(record.name, {"spec": self._terms("")}))

    return [(Leases, "renewed", renewed)]


def _given_back_too_soon() -> list[Patch]:
    leave = Replica._leave

    def at_once(self: Replica, seat: Any) -> None:
        leave(self, seat)
        self._group.create_task(self._leases.clear(seat.tenure._record))

    return [(Replica, "_leave", at_once)]


def _believes_the_dead() -> list[Patch]:
    return [(Leases, "is_over", lambda self, record: not record.holder)]


def _newcomers_wait() -> list[Patch]:
    async def nothing(self: Roll, seats: Any) -> None:
        return None

    return [(Roll, "vacate", nothing)]


def _starts_anew() -> list[Patch]:
    share = Replica._share

    async def anew(self: Replica) -> bool:
        staying = sum(not seat.leave.is_set() for seat in self._seats.values())
        if staying > self._roll.target(staying):
            for seat in self._seats.values():
                self._leave(seat)
        return await share(self)

    return [(Replica, "_share", anew)]


def _stands_still_for_others() -> list[Patch]:
    tell, holds = Leases.tell, Tenure.holds

    def noted(self: Leases) -> None:
        self.__dict__["news_at"] = self.steady()
        tell(self)

    def careful(self: Tenure) -> bool:
        quiet = self._leases.steady() - self._leases.__dict__.get("news_at", 0.0)
        return holds(self) and quiet > self._leases.duration

    return [(Leases, "tell", noted), (Tenure, "holds", careful)]


def _whatever_was_written() -> list[Patch]:
    make = status_writer._json_patch

    def blind(*args: Any) -> list[dict[str, Any]]:
        return [op for op in make(*args) if not op["path"].endswith("Version")]

    return [(status_writer, "_json_patch", blind)]


def _late_is_welcome() -> list[Patch]:
    create = Client.create

    async def twice(self: Client, resource: Any, *args: Any, **more: Any) -> bytes:
        answer = await create(self, resource, *args, **more)
        if resource is JOBS:
            later = asyncio.get_running_loop().create_task(again(self, *args))
            later.add_done_callback(lambda done: done.cancelled() or done.exception())
        return answer

    async def again(self: Client, *args: Any) -> None:
        await asyncio.sleep(10.0)
        await create(self, JOBS, *args, attempts=1)

    def welcome(record: Any, attempt: Any) -> bool:
        return True

    return [(Client, "create", twice), (attempts, "_may_have_succeeded", welcome)]


OF_REPLICAS = (
    Bug("one-owner", "the fence lets everything pass", _open_fence, 222),
    Bug("one-owner", "a holder stops when others have long begun", _late_fence, 257),
    Bug("one-owner", "a Lease is renewed though somebody else has it", _renewed_anyway, 1),
    Bug("one-owner", "a shard is given back while its operator works", _given_back_too_soon, 31),
    Bug("shards-are-owned", "a Lease ends only when it is given back", _believes_the_dead, 5),
    Bug("shards-are-owned", "a newcomer has to see a Lease end", _newcomers_wait, 75),
    Bug("no-pause", "who has too many shards gives all back", _starts_anew, 28),
    Bug("no-pause", "nobody writes while Leases change hands", _stands_still_for_others, 622),
    Bug("terminal-stays", "a status that is late counts, too", _whatever_was_written, 746),
    Bug("late-jobs-go", "a Job that comes when all is over runs to its end", _late_is_welcome, 6),
)
