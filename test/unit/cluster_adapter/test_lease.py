"""Leases on the API server model: one holder at a time, whatever the network does."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from jobflows.cluster import Client, Limiter
from jobflows.cluster.lease import Leases, lease_name
from jobflows.cluster.tenure import Tenure
from model import ApiServer, Fault, RandomFaults, Rules, kind_of, simulate

GROUP = {"group": "x"}
DURATION = 5
Scenario = Callable[[ApiServer], Awaitable[None]]


def play(scenario: Scenario, seed: int = 0) -> None:
    async def main(server: ApiServer) -> None:
        await scenario(server)

    simulate(main, seed=seed, controllers=False)


class Party:
    """One process that wants the Lease `l`."""

    def __init__(self, server: ApiServer, who: str, seed: int = 0, identity: str = "") -> None:
        rng = random.Random(seed)
        self.leases = Leases(
            Client(server.transport(who), Limiter(), rng=rng),
            "default",
            group=GROUP,
            identity=identity or who,
            duration=DURATION,
            clock=server.clock,
            steady=server.clock.now,
            rng=rng,
        )
        self.copying = asyncio.create_task(self.leases.run())
        self.tenure: Tenure | None = None
        self.keeping: asyncio.Task[None] | None = None

    async def take(self) -> Tenure | None:
        await self.leases.synced.wait()
        self.tenure = await Tenure.take(self.leases, "l", {"a": "b"})
        if self.tenure is not None:
            self.keeping = asyncio.create_task(self.tenure.keep())
        return self.tenure

    async def comes_to_hold(self) -> float:
        """Wait as an operator does, and take the Lease as soon as it is over; the moment."""
        await self.leases.synced.wait()
        while True:
            changes, known = self.leases.changes, self.leases.get("l")
            if known is None or self.leases.is_over(known):
                if await self.take() is not None:
                    return self.leases.steady()
            else:
                await self.leases.news(changes, self.leases.ends(known))

    def die(self) -> None:
        for task in (self.copying, self.keeping):
            if task is not None:
                task.cancel()


def stored(server: ApiServer) -> dict[str, object]:
    found = server.get(kind_of("leases"), "l")
    assert found is not None
    spec: dict[str, object] = found["spec"]
    return spec


def test_of_two_that_take_a_lease_at_once_one_holds_it() -> None:
    async def scenario(server: ApiServer) -> None:
        parties = [Party(server, name) for name in "ab"]
        tenures = await asyncio.gather(*(party.take() for party in parties))
        assert sum(tenure is not None for tenure in tenures) == 1
        found = server.get(kind_of("leases"), "l")
        assert found is not None
        assert found["metadata"]["labels"] == {"group": "x", "a": "b"}
        assert stored(server)["leaseDurationSeconds"] == DURATION

    play(scenario)


def test_a_lease_that_is_held_is_not_taken_however_one_asks() -> None:
    async def scenario(server: ApiServer) -> None:
        first, second = Party(server, "a"), Party(server, "b")
        assert await first.take() is not None
        await second.leases.look()
        assert await second.take() is None
        assert stored(server)["holderIdentity"] == "a"

    play(scenario)


def test_a_dead_holder_is_followed_when_its_lease_is_over_and_never_before() -> None:
    async def scenario(server: ApiServer) -> None:
        first, second = Party(server, "a"), Party(server, "b")
        tenure = await first.take()
        assert tenure is not None
        waiting = asyncio.create_task(second.comes_to_hold())
        await asyncio.sleep(60)
        assert tenure.holds()
        assert not waiting.done()
        died = server.clock.now()
        first.die()
        taken = await waiting
        assert not tenure.holds()
        assert taken - died <= DURATION + 0.1
        assert stored(server)["leaseTransitions"] == 1

    play(scenario)


def test_a_lease_given_back_is_taken_at_once() -> None:
    async def scenario(server: ApiServer) -> None:
        first, second = Party(server, "a"), Party(server, "b")
        tenure = await first.take()
        assert tenure is not None
        waiting = asyncio.create_task(second.comes_to_hold())
        await asyncio.sleep(20)
        before = server.clock.now()
        await tenure.release()
        assert not tenure.holds()
        assert await waiting - before < 0.1

    play(scenario)


def test_a_holder_that_hears_nothing_stops_before_its_lease_is_over() -> None:
    async def scenario(server: ApiServer) -> None:
        first = Party(server, "a")
        tenure = await first.take()
        assert tenure is not None
        await asyncio.sleep(20)
        server.down()
        await asyncio.sleep(DURATION)
        assert not tenure.holds()
        server.up()
        await asyncio.sleep(DURATION)
        assert tenure.holds()  # nobody was there to take it
        assert first.keeping is not None
        assert not first.keeping.done()

    play(scenario)


def test_a_holder_that_was_followed_learns_it_and_ends() -> None:
    async def scenario(server: ApiServer) -> None:
        cut = Rules().on(Fault(lost="before"), client="a")
        first, second = Party(server, "a"), Party(server, "b")
        assert await first.take() is not None
        server.faults = cut
        await second.comes_to_hold()
        server.faults = Rules()
        assert first.keeping is not None
        await asyncio.wait_for(first.keeping, 20)
        assert first.tenure is not None
        assert not first.tenure.holds()
        assert second.tenure is not None
        assert second.tenure.holds()

    play(scenario)


def test_a_renewal_whose_answer_was_lost_costs_nothing() -> None:
    async def scenario(server: ApiServer) -> None:
        first = Party(server, "a")
        tenure = await first.take()
        assert tenure is not None
        server.faults = Rules().on(Fault(lost="after"), verb="patch", resource="leases", nth=[2])
        for _ in range(200):
            await asyncio.sleep(0.1)
            assert tenure.holds()
        await tenure.release()
        assert "holderIdentity" not in stored(server)

    play(scenario)


def test_a_release_after_a_renewal_whose_answer_was_lost_is_a_release() -> None:
    async def scenario(server: ApiServer) -> None:
        first = Party(server, "a")
        tenure = await first.take()
        assert tenure is not None
        server.faults = Rules().on(Fault(lost="after"), verb="patch", resource="leases", nth=[1])
        await asyncio.sleep(1.6)
        assert first.keeping is not None
        first.keeping.cancel()
        await tenure.release()
        assert "holderIdentity" not in stored(server)

    play(scenario)


def test_who_takes_its_own_lease_anew_ends_its_former_tenure() -> None:
    async def scenario(server: ApiServer) -> None:
        first, again = Party(server, "a"), Party(server, "a2", identity="a")
        before = await first.take()
        await again.leases.look()
        now = await again.take()
        assert before is not None
        assert now is not None
        assert first.keeping is not None
        await asyncio.wait_for(first.keeping, 20)
        assert not before.holds()
        assert now.holds()

    play(scenario)


def test_a_lease_that_somebody_deletes_is_lost() -> None:
    async def scenario(server: ApiServer) -> None:
        first = Party(server, "a")
        tenure = await first.take()
        assert tenure is not None
        record = first.leases.get("l")
        assert record is not None
        await first.leases.remove(record)
        assert first.keeping is not None
        await asyncio.wait_for(first.keeping, 20)
        assert not tenure.holds()

    play(scenario)


@pytest.mark.parametrize("seed", range(6))
def test_no_two_hold_a_lease_at_a_time_whatever_goes_wrong(seed: int) -> None:
    async def scenario(server: ApiServer) -> None:
        rng = random.Random(seed)
        server.faults = RandomFaults(random.Random(seed), rate=0.3, longest_delay=9.0)
        parties = [Party(server, name, seed) for name in "abc"]
        tenures: list[Tenure] = []
        held = 0

        async def live(party: Party) -> None:
            while True:
                await party.comes_to_hold()
                assert party.tenure is not None
                assert party.keeping is not None
                tenures.append(party.tenure)
                done, _ = await asyncio.wait({party.keeping}, timeout=rng.uniform(1, 60))
                if not done:
                    party.keeping.cancel()
                    if rng.random() < 0.5:
                        await party.tenure.release()

        async def forever(party: Party) -> None:
            while True:
                try:
                    await live(party)
                except Exception:  # noqa: BLE001 - a refused call: it tries again
                    await asyncio.sleep(1)

        lives = [asyncio.create_task(forever(party)) for party in parties]
        for _ in range(6000):
            await asyncio.sleep(0.1)
            holders = sum(tenure.holds() for tenure in tenures)
            assert holders <= 1
            held += holders
        for task in lives:
            task.cancel()
        assert len(tenures) > 10
        assert held > 1000

    play(scenario, seed)


def test_names_of_leases_are_valid_whatever_they_are_about() -> None:
    assert lease_name("x-member", "My_Host_12") != lease_name("x-member", "my-host-12")
    assert lease_name("x", "A_1").islower()
