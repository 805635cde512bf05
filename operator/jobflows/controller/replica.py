"""One process among several: which shards it takes, and when it begins and ends to work on them.

Each shard is a Lease, and for each that a replica holds it runs an operator of its own. With one
shard this is a plain election: one replica works, and the others see everything and wait. With
more, each replica also has a Lease as a member, so that all know how many share; who has too many
gives some back. Rules:
- every write of an operator passes a fence that is open only while its Lease is surely held. While
  the API server is away, the operator waits behind it; it is abandoned only once another one has
  the Lease;
- what ends in good order writes all that is decided, and only then gives its Lease back;
- take, look, work: two numbers of shards must not be at work at once, or two replicas would have
  one flow. So a Lease is taken first, then all are read anew, and work begins only if nobody holds
  one of another number. Of two that meet, the greater number gives way.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from jobflows.cluster.client import Client
from jobflows.cluster.clock import Clock, steady
from jobflows.cluster.errors import ApiError
from jobflows.cluster.fence import Fence
from jobflows.cluster.lease import Leases
from jobflows.cluster.limiter import Limiter
from jobflows.cluster.tenure import RETRIES, Tenure
from jobflows.cluster.transport import Transport, TransportError
from jobflows.controller.metrics import Metrics
from jobflows.controller.operator import Operator, limiter_of
from jobflows.controller.roll import LEASE, Roll
from jobflows.controller.settings import Settings
from jobflows.controller.shards import Shard
from jobflows.controller.views import either
from jobflows.manifests.labels import label_value

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Core:
    """An operator behind its fence, and the task that runs it."""

    operator: Operator
    fence: Fence
    task: asyncio.Task[None]


@dataclass(slots=True)
class _Seat:
    """A shard that this process holds. `leave` asks it to give the shard back.

    One that is `lost` stays so, whoever has its Lease by now: its work is being abandoned.
    """

    shard: Shard
    tenure: Tenure
    leave: asyncio.Event = field(default_factory=asyncio.Event)
    core: _Core | None = None
    lost: bool = False


class Replica:
    """`run` until cancelled, or until `stop` has ended it in good order."""

    def __init__(
        self,
        transport: Transport,
        *,
        settings: Settings,
        metrics: Metrics,
        clock: Clock,
        rng: random.Random,
        steady: Callable[[], float] = steady,
    ) -> None:
        self._transport = transport
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._rng = rng
        self._count = settings.shards
        self._limiter = limiter_of(settings)
        self._leases = Leases(
            Client(transport, Limiter(), rng=rng, observe=metrics.api_call),
            settings.lease_namespace or "default",
            group={LEASE: label_value(settings.lease)},
            identity=settings.identity,
            duration=int(settings.lease_duration),
            clock=clock,
            steady=steady,
            rng=rng,
        )
        self._roll = Roll(self._leases, settings.lease, settings.shards)
        self._seats: dict[int, _Seat] = {}
        self._spare: _Core | None = None
        self._member: Tenure | None = None
        self._group = asyncio.TaskGroup()
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        metrics.watch_limiter(self._limiter)
        metrics.expect_shards(self._count)

    async def run(self) -> None:
        """Take part until cancelled or stopped; raises what no retry can cure."""
        async with self._group as group:
            self._tasks.append(group.create_task(self._leases.run(), name="leases"))
            await either(self._leases.synced, self._stopping)
            if self._count > 1:
                self._tasks.append(group.create_task(self._join(), name="member"))
            self._tasks.append(group.create_task(self._elect(), name="election"))
            await self._stopping.wait()
            await self._wind_down()

    async def stop(self) -> None:
        """Ask `run` to finish what is under way, give all shards back, and return."""
        self._stopping.set()

    @property
    def operators(self) -> dict[int, Operator]:
        """Those at work, by their shard."""
        cores = {number: seat.core for number, seat in self._seats.items()}
        return {number: core.operator for number, core in cores.items() if core is not None}

    def checks(self) -> Mapping[str, bool]:
        """What has to be true before the replica can be relied on, be it to stand by."""
        checks = {"leases": self._leases.synced.is_set()}
        cores = self._cores()
        if self._count == 1 and not cores:
            checks["core"] = False
        return _all([checks, *(core.operator.checks() for core in cores)])

    def alive(self) -> Mapping[str, bool]:
        """What must not have died."""
        alive = {task.get_name(): not task.done() for task in self._tasks}
        return _all([alive, *(core.operator.alive() for core in self._cores())])

    def _cores(self) -> list[_Core]:
        cores = [seat.core for seat in self._seats.values()] + [self._spare]
        return [core for core in cores if core is not None]

    # who has what -------------------------------------------------------------------------------

    async def _elect(self) -> None:
        """Take and give back shards, whenever a Lease has changed or is over."""
        while True:
            known = self._leases.changes
            try:
                await self._roll.tidy()
                shared = await self._share()
            except (ApiError, TransportError) as error:
                log.warning("cannot take a Lease: %s%s", error, _cure(error))
                shared = False
            soon = self._leases.steady() + self._leases.duration * RETRIES
            await self._leases.news(known, self._leases.next_end() if shared else soon)

    async def _share(self) -> bool:
        """Have the number of shards that is due; False if one was not to be had."""
        seats = self._seats.items()
        for number, seat in seats:
            seat.lost |= self._roll.lost(number)
        staying = sorted(n for n, seat in seats if not (seat.lost or seat.leave.is_set()))
        target = self._roll.target(len(staying))
        for number in staying[target:]:
            log.info("shard %d goes to another replica", number)
            self._leave(self._seats[number])
        wanted: list[int] = []
        if target > len(staying) and not self._roll.gives_way():
            # Each looks at them in an order of its own.
            free = self._roll.free(self._rng.randrange(self._count), self._seats)
            wanted = free[: target - len(staying)]
        taken = [await self._take(number) for number in wanted]
        await self._roll.vacate(self._seats)
        if self._count == 1 and not (self._seats or self._cores()):
            log.info("another replica works; this one stands by")
            self._spare = self._core(Shard.of(self._settings, 0))
        return all(taken)

    # a shard from its Lease to its end ------------------------------------------------------------

    async def _take(self, number: int) -> bool:
        place, marks = self._roll.place(number), self._roll.marks("shard")
        tenure = await Tenure.take(self._leases, place, marks)
        if tenure is None:
            return False
        seat = self._seats[number] = _Seat(Shard.of(self._settings, number), tenure)
        self._group.create_task(self._serve(seat), name=f"shard-{number}")
        return True

    async def _serve(self, seat: _Seat) -> None:
        """Work on a shard until it is lost or left."""
        number = seat.shard.number
        keeper = self._group.create_task(seat.tenure.keep(), name=f"lease-{number}")
        seat.core, self._spare = self._spare or self._core(seat.shard), None
        seat.core.fence.holds = seat.tenure.holds
        leave = asyncio.ensure_future(seat.leave.wait())
        try:
            version = await self._alone(seat, keeper)
            if version is not None:
                log.info("works on shard %d of %d", number, self._count)
                self._metrics.leads(number, yes=True)
                seat.core.operator.take_over(version)
                ends = {keeper, leave, seat.core.task}
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if keeper.done():
                log.warning("shard %d is another replica's by now", number)
                await self._abandon(seat.core)
                return
            if seat.core.task.done():
                raise RuntimeError("an operator ended without being asked to")
            await seat.core.operator.stop()
            await asyncio.wait({seat.core.task})
            keeper.cancel()
            await asyncio.wait({keeper})
            await seat.tenure.release()
        finally:
            keeper.cancel()
            leave.cancel()
            self._metrics.leads(number, yes=False)
            del self._seats[number]
            self._leases.tell()

    async def _alone(self, seat: _Seat, keeper: asyncio.Task[None]) -> int | None:
        """Wait until nobody works with another number; None to leave it to them.

        Returns a version that is newer than all that was written by whoever worked before.
        """
        version = 0
        while not seat.leave.is_set() and not keeper.done():
            known = self._leases.changes
            until: float | None = self._leases.steady() + self._leases.duration * RETRIES
            try:
                looked = await self._leases.look()
                if not self._roll.others():
                    return max(version and looked, seat.tenure.version)
                if self._roll.gives_way():
                    return None
                version, until = looked, self._leases.next_end()
                log.info("waits for replicas with another number of shards")
            except (ApiError, TransportError) as error:
                log.warning("cannot read Leases: %s", error)
            await self._leases.news(known, until)
        return None

    def _leave(self, seat: _Seat) -> None:
        seat.leave.set()
        self._leases.tell()

    def _core(self, shard: Shard) -> _Core:
        fence = Fence(self._transport)
        operator = Operator(
            fence,
            settings=self._settings,
            metrics=self._metrics,
            clock=self._clock,
            rng=self._rng,
            shard=shard,
            limiter=self._limiter,
            standby=True,
        )
        task = self._group.create_task(operator.run(), name=f"operator-{shard.number}")
        return _Core(operator, fence, task)

    async def _abandon(self, core: _Core) -> None:
        """End an operator at once, and write nothing more."""
        core.fence.holds = lambda: False
        core.task.cancel()
        await asyncio.wait({core.task})

    # the process ----------------------------------------------------------------------------------

    async def _join(self) -> None:
        """Be counted among those who share the shards."""
        place, marks = self._roll.seat, self._roll.marks("member")
        while True:
            try:
                self._member = await Tenure.take(self._leases, place, marks)
                if self._member is not None:
                    await self._member.keep()
            except (ApiError, TransportError) as error:
                log.warning("cannot take a Lease: %s%s", error, _cure(error))
            await asyncio.sleep(self._leases.duration * RETRIES)

    async def _wind_down(self) -> None:
        for task in self._tasks[1:]:
            task.cancel()
        await asyncio.gather(*self._tasks[1:], return_exceptions=True)
        for seat in self._seats.values():
            self._leave(seat)
        if self._spare is not None:
            await self._spare.operator.stop()
        while self._seats:
            await self._leases.news(self._leases.changes, None)
        if self._member is not None:
            await self._member.remove()
        self._tasks[0].cancel()


def _all(answers: Iterable[Mapping[str, bool]]) -> dict[str, bool]:
    """What is true of each name in every answer that has it."""
    together: dict[str, bool] = {}
    for answer in answers:
        for name, holds in answer.items():
            together[name] = together.get(name, True) and holds
    return together


def _cure(error: Exception) -> str:
    if isinstance(error, ApiError) and error.forbidden:
        return "; grant the rights on Leases, or run one replica with --no-leader-elect"
    return ""
