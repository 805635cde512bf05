"""One replica works and the others stand by: whatever becomes of it, one goes on, and only one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cluster_suite.flows import chain, diamond, flow, runs, sim, step
from model import Fault, Rules, WatchFault, kind_of
from unit.controller.replicas import Stage, play

LEASE = 5.0


def test_one_of_two_works_and_the_other_only_watches() -> None:
    async def scenario(stage: Stage) -> None:
        stage.run("a")
        await asyncio.sleep(1)
        stage.run("b")
        await stage.apply(chain("f", 3), diamond("g"))
        await stage.ended("f", "g")
        assert set(stage.written) == {"a"}
        assert stage.holders() == ["a"]
        for process in stage.processes:
            assert all(process.replica.checks().values()), process.name
            assert all(process.replica.alive().values()), process.name
        assert [process.shards for process in stage.processes] == [[0], []]

    play(scenario)


def test_a_start_costs_a_list_and_a_create_before_anything_is_watched() -> None:
    async def scenario(stage: Stage) -> None:
        stage.run("a")
        await asyncio.sleep(1)
        before = []
        for line in stage.server.requests:
            if (line.verb, line.resource) == ("list", "jobflows"):
                break
            before.append((line.verb, line.resource))
        assert sorted(before) in (
            [("create", "leases"), ("list", "leases"), ("watch", "leases")],
            [("create", "leases"), ("list", "leases"), ("list", "leases"), ("watch", "leases")],
        )

    play(scenario)


def test_after_a_kill_the_other_goes_on_within_the_lease() -> None:
    async def scenario(stage: Stage) -> None:
        (first,) = stage.run("a")
        await asyncio.sleep(1)
        (second,) = stage.run("b")
        flows = [chain(f"f{i}", 4, runs("2s")) for i in range(8)]
        await stage.apply(*flows)
        await asyncio.sleep(5)
        killed = stage.server.clock.now()
        first.freeze()
        await stage.until(lambda: stage.written.get("b", 0) > 0)
        assert stage.server.clock.now() - killed <= LEASE + 1
        await stage.ended(*(f"f{i}" for i in range(8)))
        assert second.shards == [0]
        assert set(stage.jobs_made.values()) == {1}
        assert set(stage.pods_run.values()) == {1}

    play(scenario)


def test_after_a_stop_in_order_the_other_goes_on_at_once() -> None:
    async def scenario(stage: Stage) -> None:
        (first,) = stage.run("a")
        await asyncio.sleep(1)
        stage.run("b")
        await stage.apply(*(chain(f"f{i}", 3, runs("3s")) for i in range(8)))
        await stage.until(lambda: len(stage.starts) == 16)
        stopped = stage.server.clock.now()
        await first.stop()
        await stage.until(lambda: stage.holders() == ["b"])
        assert stage.server.clock.now() - stopped < 1
        await stage.ended(*(f"f{i}" for i in range(8)))
        assert set(stage.jobs_made.values()) == {1}

    play(scenario, status_batch_period=3)


@pytest.mark.parametrize("seed", range(2))
def test_a_process_that_wakes_up_after_its_lease_writes_nothing(seed: int) -> None:
    """It was in the middle of everything: plans, writes held back, timers long overdue."""

    async def scenario(stage: Stage) -> None:
        (first,) = stage.run("a")
        await asyncio.sleep(1)
        stage.run("b")
        await stage.apply(*(chain(f"f{i}", 6, runs("2s")) for i in range(5)))
        await asyncio.sleep(3 + seed * 0.0017)
        first.freeze()
        await stage.until(lambda: stage.written.get("b", 0) > 10)
        before = stage.written["a"]
        first.wake()
        await stage.ended(*(f"f{i}" for i in range(5)))
        await asyncio.sleep(10)
        assert stage.written["a"] == before
        assert first.shards == []
        assert all(first.replica.checks().values())  # and stands by from now on
        assert set(stage.jobs_made.values()) == {1}
        await stage.processes[1].stop()
        await stage.apply(chain("more", 1))
        await stage.ended("more")
        assert stage.written["a"] > before

    play(scenario, seed=seed, status_batch_period=1)


def test_a_leader_that_is_cut_off_is_followed_and_ends_its_work() -> None:
    async def scenario(stage: Stage) -> None:
        (first,) = stage.run("a")
        await asyncio.sleep(1)
        stage.run("b")
        await stage.apply(*(chain(f"f{i}", 5, runs("4s")) for i in range(6)))
        await stage.until(lambda: len(stage.starts) >= 6)
        stage.server.faults = Rules().on(Fault(lost="before"), client="a")
        stage.server.cut_watches(client="a")
        await stage.until(lambda: stage.written.get("b", 0) > 0)
        stage.server.faults = Rules()
        await stage.ended(*(f"f{i}" for i in range(6)))
        await stage.until(lambda: first.shards == [])
        assert set(stage.jobs_made.values()) == {1}

    play(scenario)


def test_a_status_that_the_network_held_up_does_not_undo_what_came_after() -> None:
    """It left in time, and arrives when another one has long gone on."""

    async def scenario(stage: Stage) -> None:
        (first,) = stage.run("a")
        await asyncio.sleep(1)
        stage.run("b")
        await stage.apply(chain("f", 3, runs("2s")))
        await stage.until(lambda: len(stage.starts) == 2)
        first.cut_off(silent=True)  # before what it says of the second step is on record
        await asyncio.sleep(1)
        first.freeze()
        await stage.ended("f")
        before = stage.status("f")
        first.line.mend()
        await asyncio.sleep(1)
        late = [words for words in stage.trespasses if "a: patch f" in words]
        assert stage.trespasses == late, "it does arrive"
        assert len(late) == 1
        stage.trespasses.clear()
        assert stage.status("f") == before
        assert set(stage.jobs_made.values()) == {1}

    play(scenario)


def test_while_the_server_is_away_nobody_is_abandoned() -> None:
    """The one that works goes on from its memory: nobody can have taken its Lease."""

    async def scenario(stage: Stage) -> None:
        (first,) = stage.run("a")
        await asyncio.sleep(1)
        await stage.apply(flow("f", step("a", pod=runs("30s")), step("b", "a")))
        await stage.until(lambda: stage.phase("f") == "Running")
        operator = first.replica.operators[0]
        stage.server.down()
        await asyncio.sleep(120)
        stage.server.up()
        await stage.ended("f")
        assert first.replica.operators[0] is operator
        stage.once_each("f", "a", "b")

    play(scenario)


def test_an_idle_cluster_costs_no_write_but_renewals() -> None:
    async def scenario(stage: Stage) -> None:
        stage.run("a", "b")
        await stage.apply(flow("f", step("a", pod=sim("never"))))
        await stage.until(lambda: stage.phase("f") == "Running")
        await asyncio.sleep(10)
        since = len(stage.server.requests)
        await asyncio.sleep(600)
        wrote = [r for r in stage.server.requests[since:] if r.verb not in ("list", "watch", "get")]
        assert {(r.verb, r.resource, r.name) for r in wrote} == {
            ("patch", "leases", "jobflow-operator-0-of-1")
        }
        assert len(wrote) <= 600 / (LEASE * 0.3) + 1

    play(scenario)


def test_the_longest_name_of_a_namespace_is_not_too_long_for_a_label() -> None:
    async def scenario(stage: Stage) -> None:
        (process,) = stage.run("a", watch_namespace="n" * 63)
        await stage.until(lambda: process.shards == [0])
        (lease,) = stage.server.objects(kind_of("leases"))
        assert lease["metadata"]["name"] == f"jobflow-operator-{'n' * 63}-0-of-1"
        assert all(len(value) <= 63 for value in lease["metadata"]["labels"].values())

    play(scenario)


def test_a_container_that_starts_again_takes_its_lease_back_at_once() -> None:
    async def scenario(stage: Stage) -> None:
        (first,) = stage.run("a")
        await stage.apply(chain("f", 3, runs("2s")))
        await stage.until(lambda: len(stage.starts) == 1)
        first.freeze()
        killed = stage.server.clock.now()
        (again,) = stage.run("a")
        await stage.until(lambda: again.shards == [0])
        assert stage.server.clock.now() - killed < 1
        await stage.ended("f")
        stage.once_each("f", "s0", "s1", "s2")

    play(scenario)


def test_a_standby_acts_on_what_is_and_not_on_what_it_last_heard() -> None:
    """News reach it late: a step that has long ended must not run again."""

    async def scenario(stage: Stage) -> None:
        (first,) = stage.run("a")
        await asyncio.sleep(1)
        stage.run("b")
        await asyncio.sleep(1)
        await stage.apply(*(chain(f"f{i}", 3, runs("1s")) for i in range(5)))
        await stage.until(lambda: len(stage.starts) >= 5)
        lines = Rules().on(Fault(lost="before"), client="b", verb="watch", resource="jobflows")
        stage.server.faults = lines
        stage.server.cut_watches(kind_of("jobflows"), client="b")
        await asyncio.sleep(2.5)
        await first.stop()
        await stage.until(lambda: stage.holders() == ["b"])
        await asyncio.sleep(1)
        reads = [r for r in stage.server.requests if (r.client, r.verb) == ("b", "list")]
        assert len([r for r in reads if r.resource == "jobflows"]) == 6
        stage.server.faults = Rules()
        await stage.ended(*(f"f{i}" for i in range(5)))
        assert set(stage.jobs_made.values()) == {1}

    play(scenario)


@pytest.mark.parametrize("how", ["operator", "namespace", "lock"])
def test_a_standby_counts_what_runs_and_not_what_it_last_heard(how: str) -> None:
    """Seed 9198: it had not heard of the last Jobs, and gave their slots to others."""
    locks: dict[str, Any] = {"locks": [{"name": "gpu", "limit": 1}]} if how == "lock" else {}

    async def scenario(stage: Stage) -> None:
        (first,) = stage.run("a")
        await asyncio.sleep(1)
        stage.run("b")
        await asyncio.sleep(1)
        one = step("a", pod=runs("30s"), **locks)
        late = Rules().on(WatchFault(delay=10), client="b", resource="jobs")
        stage.server.faults = late.on(WatchFault(delay=10), client="b", resource="pods")
        await stage.apply(flow("waits", one, suspend=True), flow("works", one))
        await stage.until(lambda: len(stage.starts) == 1)
        await stage.edit("waits", suspend=False)
        await asyncio.sleep(1)
        await first.stop()
        await stage.until(lambda: stage.holders() == ["b"])
        await stage.ended("waits", "works")
        (_, begun), (_, next_begun) = stage.starts
        assert next_begun - begun >= 30

    flags = {"operator": "max_concurrent_jobs", "namespace": "max_concurrent_jobs_per_namespace"}
    play(scenario, **{flags[how]: 1} if how in flags else {})


def test_a_lease_that_is_refused_and_then_not_there_is_asked_for_again() -> None:
    async def scenario(stage: Stage) -> None:
        stage.server.faults = Rules().on(
            Fault(status=409), verb="create", resource="leases", nth=[1]
        )
        stage.run("a")
        await stage.apply(chain("f", 2))
        await stage.ended("f", seconds=30)

    play(scenario)


def test_a_standby_starts_nothing_of_a_flow_that_is_gone() -> None:
    """It knows the flow as new, and nobody has told it yet that it has ended and was deleted."""

    async def scenario(stage: Stage) -> None:
        (first,) = stage.run("a")
        await asyncio.sleep(1)
        (second,) = stage.run("b")
        await asyncio.sleep(1)
        await stage.apply(flow("f", step("a", pod=runs("1s")), step("b", "a")))
        await stage.until(lambda: stage.flow("f") is not None)
        await asyncio.sleep(0.01)
        lines = Rules().on(Fault(lost="before"), client="b", verb="watch", resource="jobflows")
        stage.server.faults = lines
        stage.server.cut_watches(kind_of("jobflows"), client="b")
        await stage.ended("f")
        await stage.delete("f")
        await asyncio.sleep(1)
        await first.stop()
        await stage.until(lambda: second.shards == [0])
        await asyncio.sleep(1)
        stage.server.faults = Rules()
        await asyncio.sleep(60)
        stage.once_each("f", "a", "b")

    play(scenario)
