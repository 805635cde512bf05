"""Faults strike where the rule says, and the log tells what reached the server."""

from __future__ import annotations

from random import Random

import msgspec
import pytest

from jobflows.cluster.transport import Request, TransportError, WatchRefused
from model import ApiServer, Call, Delivery, Fault, RandomFaults, Rules, WatchFault, simulate
from model.kinds import CONFIGMAPS

from .asking import MAPS_PATH, Follower, configmap, send


def test_a_refused_call_has_no_effect_and_says_when_to_retry() -> None:
    async def scenario(server: ApiServer) -> None:
        fault = Fault(status=429, retry_after=2.0)
        server.faults = Rules().on(fault, verb="create", resource="configmaps", nth=[1])
        transport = server.transport()
        refused = await send(transport, "POST", MAPS_PATH, configmap("a"))
        assert (refused.status, refused.retry_after) == (429, 2.0)
        assert msgspec.json.decode(refused.body)["reason"] == "TooManyRequests"
        assert server.get(CONFIGMAPS, "a") is None
        assert (await send(transport, "POST", MAPS_PATH, configmap("a"))).status == 201

    simulate(scenario)


@pytest.mark.parametrize(("lost", "there"), [("before", False), ("after", True)])
def test_a_lost_call_may_have_had_its_effect(lost: str, there: bool) -> None:
    async def scenario(server: ApiServer) -> None:
        server.faults = Rules().on(Fault(lost="before" if lost == "before" else "after"))
        with pytest.raises(TransportError):
            await send(server.transport(), "POST", MAPS_PATH, configmap("a"))
        assert (server.get(CONFIGMAPS, "a") is not None) is there
        assert server.writes() == int(there)

    simulate(scenario)


def test_a_delay_is_virtual_time_before_or_after_the_effect() -> None:
    async def scenario(server: ApiServer) -> None:
        server.faults = Rules().on(Fault(delay=3.0, delay_answer=4.0))
        start = server.clock.now()
        await send(server.transport(), "POST", MAPS_PATH, configmap("a"))
        assert server.clock.now() - start == pytest.approx(7.0, abs=0.01)
        assert server.requests[0].time - start == pytest.approx(3.0, abs=0.01)

    simulate(scenario)


def test_a_rule_counts_only_what_fits_it() -> None:
    rules = Rules().on(Fault(status=500), client="a", verb="create", nth=[2])
    calls = [Call(client, "create", "jobs", "default", "", 0) for client in ("a", "b", "a", "a")]
    hits = [rules.on_call(call) is not None for call in calls]
    assert hits == [False, False, True, False]


@pytest.mark.parametrize(
    ("fault", "names", "ended"),
    [
        (WatchFault(cut="error"), ["a"], "TransportError"),
        (WatchFault(cut="end"), ["a"], "str"),
        (WatchFault(duplicate=True), ["a", "b", "b", "c"], "str"),
        (WatchFault(delay=30.0), ["a", "b", "c"], "str"),
    ],
)
def test_a_watch_suffers_at_the_event_of_the_rule(
    fault: WatchFault, names: list[str], ended: str
) -> None:
    async def scenario(server: ApiServer) -> None:
        server.faults = Rules().on(fault, verb="ADDED", resource="configmaps", nth=[2])
        follower = Follower(server.transport("f"), MAPS_PATH, resourceVersion="3")
        await server.clock.sleep(1.0)
        for name in "abc":
            server.create(CONFIGMAPS, configmap(name), "default")
        await server.clock.sleep(1.0)
        if fault.delay:
            assert [name for _, name in follower.seen] == ["a"]
        await server.clock.sleep(60.0)
        assert [name for _, name in follower.seen] == names
        assert type(follower.ended).__name__ == ended

    simulate(scenario)


def test_a_watch_dropped_with_410_says_so_in_the_stream() -> None:
    async def scenario(server: ApiServer) -> None:
        follower = Follower(server.transport(), MAPS_PATH)
        server.faults = Rules().on(WatchFault(gone=True), verb="ADDED")
        await server.clock.sleep(1.0)
        server.create(CONFIGMAPS, configmap("a"), "default")
        await server.clock.sleep(1.0)
        assert [event["type"] for event in follower.events] == ["ERROR"]
        assert follower.events[0]["object"]["code"] == 410
        assert follower.ended == "in order"

    simulate(scenario)


def test_a_watch_may_be_refused_outright() -> None:
    async def scenario(server: ApiServer) -> None:
        server.faults = Rules().on(Fault(status=503), verb="watch")
        with pytest.raises(WatchRefused) as refused:
            async for _ in server.transport().watch(Request("GET", MAPS_PATH, {"watch": "true"})):
                pass
        assert refused.value.response.status == 503

    simulate(scenario)


def test_while_the_server_is_down_calls_fail_and_watches_break() -> None:
    async def scenario(server: ApiServer) -> None:
        transport = server.transport()
        follower = Follower(transport, MAPS_PATH)
        await server.clock.sleep(1.0)
        server.down()
        with pytest.raises(TransportError):
            await send(transport, "GET", MAPS_PATH)
        assert isinstance(follower.ended, TransportError)
        server.up()
        assert (await send(transport, "GET", MAPS_PATH)).status == 200
        assert [line.status for line in server.requests] == [200, 0, 200]

    simulate(scenario)


def test_random_faults_repeat_with_their_seed() -> None:
    call = Call("a", "get", "jobs", "default", "x", 1)
    delivery = Delivery("a", "jobs", "ADDED", "default", "x", 1)

    def drawn(seed: int) -> list[object]:
        faults = RandomFaults(Random(seed), rate=0.5)
        return [faults.on_call(call) for _ in range(20)] + [
            faults.on_event(delivery) for _ in range(20)
        ]

    assert drawn(1) == drawn(1) != drawn(2)
