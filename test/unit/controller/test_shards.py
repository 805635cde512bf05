"""Replicas share the flows: by buckets, fairly, and with nobody's flow left or worked on twice."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from itertools import combinations, groupby
from typing import Any

import pytest

from cluster_suite.flows import chain, diamond, flow, runs, sim, step
from jobflows.controller.shards import BUCKETS, Shard, targets
from jobflows.manifests import labels
from model import kind_of
from unit.controller.objects import flow_record
from unit.controller.processes import Process
from unit.controller.replicas import Stage, play

LEASE = 5.0


def uids(count: int) -> list[str]:
    return [f"0000-{i}" for i in range(count)]


def test_every_flow_belongs_to_one_shard_and_shards_are_alike() -> None:
    records = [flow_record(f"f{i}", uid=uid) for i, uid in enumerate(uids(3000))]
    for count in (1, 2, 3, 5, 64):
        sizes = [sum(Shard(n, count).has(record) for record in records) for n in range(count)]
        assert sum(sizes) == len(records)
        assert max(sizes) < 2.2 * len(records) / count


def test_flows_that_share_something_of_their_namespace_are_together() -> None:
    lock = {"steps": [{"name": "a", "locks": [{"name": "db"}]}]}
    group = {"executionPolicy": {"concurrencyGroup": "g"}}
    together = [flow_record(uid=uid, spec=spec) for uid in uids(20) for spec in (lock, group)]
    together += [flow_record(uid=uid, generateName="f-") for uid in uids(20)]
    assert len({Shard().bucket(record) for record in together}) == 1
    alone = [flow_record(uid=uid, spec={"steps": [{"name": "locks"}]}) for uid in uids(20)]
    assert len({Shard().bucket(record) for record in alone}) > 5
    assert len({Shard(by_namespace=True).bucket(record) for record in alone}) == 1


def test_a_stamp_counts_more_than_anything_and_a_flow_from_before_has_the_first() -> None:
    stamped = flow_record(uid="x", status={"shard": 7, "phase": "Running"})
    assert Shard(by_namespace=True).bucket(stamped) == 7
    assert Shard().bucket(flow_record(uid="x", status={"phase": "Running"})) == 0
    assert Shard().bucket(flow_record(uid="x", status={"shard": "spoilt"})) < BUCKETS


@pytest.mark.parametrize("count", [2, 3, 7, 64])
def test_selectors_leave_out_no_bucket_and_take_none_twice(count: int) -> None:
    taken: Counter[int] = Counter()
    for number in range(count):
        key, word, values = Shard(number, count).selector.split(" ", 2)
        buckets = {int(value) for value in values.strip("()").split(",")}
        assert key == labels.SHARD
        taken.update(buckets if word == "in" else set(range(BUCKETS)) - buckets)
        assert (word == "notin") == (number == 0)  # which takes what has no label, too
    assert taken == dict.fromkeys(range(BUCKETS), 1)


def test_limits_of_all_flows_are_divided() -> None:
    assert [Shard(n, 3).share(10) for n in range(3)] == [4, 3, 3]
    assert Shard(1, 3).share(0) == 0


def test_shards_are_dealt_out_fairly_and_few_change_hands() -> None:
    assert targets({"a": 3, "b": 0}, 3) == {"a": 2, "b": 1}
    assert targets({"a": 1, "b": 2}, 3) == {"a": 1, "b": 2}
    assert targets({"a": 2, "b": 2, "c": 0}, 4) == {"a": 2, "b": 1, "c": 1}
    assert targets({"a": 0, "b": 0, "c": 0, "d": 1}, 1) == {"a": 0, "b": 0, "c": 0, "d": 1}


def flows(count: int, length: int = 3) -> list[dict[str, object]]:
    return [chain(f"f{i}", length, runs("2s")) for i in range(count)]


def names(count: int) -> list[str]:
    return [f"f{i}" for i in range(count)]


def shares(stage: Stage) -> list[int]:
    """How many shards each process that is alive works on."""
    return [len(process.shards) for process in stage.processes if not process.frozen]


def test_three_replicas_share_three_shards() -> None:
    async def scenario(stage: Stage) -> None:
        processes = stage.run("a", "b", "c")
        await stage.until(lambda: shares(stage) == [1, 1, 1])
        await stage.apply(*flows(12))
        await stage.ended(*names(12))
        assert set(stage.written) == {"a", "b", "c"}
        assert set(stage.jobs_made.values()) == {1}
        counted = 0.0
        for process in processes:
            stage.registry = process.registry
            counted += stage.gauge("zen_flow_jobflows", phase="Succeeded")
            assert all(process.replica.checks().values())
        assert counted == 12
        buckets = {stage.status(name)["shard"] for name in names(12)}
        assert len(buckets) > 5

    play(scenario, shards=3)


def test_who_joins_gets_a_share_and_the_others_work_on_without_a_pause() -> None:
    async def scenario(stage: Stage) -> None:
        (first,) = stage.run("a")
        await stage.until(lambda: shares(stage) == [3])
        stage.registry = first.registry
        before = first.replica.operators
        await stage.apply(*flows(9, 5))
        await asyncio.sleep(3)
        stage.run("b")
        await stage.until(lambda: shares(stage) == [2, 1], seconds=3)
        stage.run("c")
        await stage.until(lambda: shares(stage) == [1, 1, 1], seconds=3)
        ((number, kept),) = first.replica.operators.items()
        assert before[number] is kept
        assert kept.alive()
        await stage.ended(*names(9))
        assert set(stage.jobs_made.values()) == {1}
        assert stage.gauge("workqueue_depth") == 0

    play(scenario, shards=3)


def test_what_a_replica_leaves_goes_to_the_others() -> None:
    async def scenario(stage: Stage) -> None:
        first, second, third = stage.run("a", "b", "c")
        await stage.until(lambda: shares(stage) == [1, 1, 1])
        await stage.apply(*flows(9, 5))
        await asyncio.sleep(3)
        await first.stop()
        stage.processes.remove(first)
        await stage.until(lambda: sorted(shares(stage)) == [1, 2], seconds=1)
        await asyncio.sleep(2)
        second.freeze()
        await stage.until(lambda: shares(stage) == [3], seconds=LEASE + 1)
        await stage.ended(*names(9))
        second.wake()
        await stage.until(lambda: sorted(shares(stage)) == [1, 2], seconds=20)
        assert third.shards
        assert set(stage.jobs_made.values()) == {1}
        stage.processes.append(first)

    play(scenario, shards=3)


def test_who_comes_while_a_shard_is_orphaned_need_not_see_its_lease_end() -> None:
    """It would have to wait for a whole Lease from its own first sight, though others know."""

    async def scenario(stage: Stage) -> None:
        _, second = stage.run("a", "b")
        await stage.until(lambda: shares(stage) == [1, 1])
        second.freeze()
        await asyncio.sleep(LEASE - 1)
        (third,) = stage.run("c")
        await stage.until(lambda: len(third.shards) == 1, seconds=2)
        assert sorted(stage.holders(2)) == ["a", "c"]

    play(scenario, shards=2)


@pytest.mark.parametrize("cause", ["pause", "partition"])
def test_who_has_heard_nothing_for_long_takes_nobody_for_dead(cause: str) -> None:
    """To it all Leases look as if they were over, its own, too, when it goes on."""

    async def scenario(stage: Stage) -> None:
        _, second = stage.run("a", "b")
        await stage.until(lambda: shares(stage) == [1, 1])
        if cause == "pause":
            second.freeze()
        else:
            second.cut_off(silent=False)
        await asyncio.sleep(3 * LEASE)
        since = len(stage.server.requests)
        second.wake()
        second.line.mend()
        await stage.until(lambda: shares(stage) == [1, 1], seconds=2 * LEASE)
        removed = [
            line.name
            for line in stage.server.requests[since:]
            if (line.resource, line.verb, line.status) == ("leases", "delete", 200)
        ]
        assert not removed

    play(scenario, shards=2)


def test_a_flow_that_is_edited_before_its_stamp_stays_where_its_jobs_are() -> None:
    async def scenario(stage: Stage) -> None:
        stage.run("a", "b", "c")
        await stage.until(lambda: shares(stage) == [1, 1, 1])
        await stage.apply(*flows(6))
        await stage.until(lambda: len(stage.starts) == 6)
        for name in names(6):
            steps = chain(name, 3, runs("2s"))["spec"]["steps"]
            steps[2]["locks"] = [{"name": "db"}]  # from now on it would go by its namespace
            await stage.edit(name, steps=steps)
        await stage.ended(*names(6), seconds=60)
        assert len({stage.status(name)["shard"] for name in names(6)}) > 2
        assert set(stage.jobs_made.values()) == {1}
        for job in stage.server.objects(kind_of("jobs")):
            marks = job["metadata"]["labels"]
            assert int(marks[labels.SHARD]) == stage.status(marks[labels.FLOW])["shard"]
        handed_back = [words for words in stage.trespasses if ": patch f" in words]
        assert 0 < len(handed_back) <= 6, "one write each, of who had it between the two"
        stage.trespasses = [words for words in stage.trespasses if words not in handed_back]

    play(scenario, shards=3, status_batch_period=3)


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 1)])
def test_another_number_of_shards_waits_for_the_end_of_the_last(before: int, after: int) -> None:
    async def scenario(stage: Stage) -> None:
        old = stage.run("a", "b", shards=before)
        await stage.until(lambda: sum(shares(stage)) == before)
        await stage.apply(*flows(8, 6))
        await asyncio.sleep(3)
        new = stage.run("c", "d", shards=after)
        await asyncio.sleep(20)
        assert sum(len(process.shards) for process in new) == 0
        assert all(all(process.replica.checks().values()) for process in new)
        await old[0].stop()
        await asyncio.sleep(1)
        await old[1].stop()
        await stage.until(lambda: sum(len(process.shards) for process in new) == after, seconds=3)
        await stage.apply(chain("late", 2))
        await stage.ended("late", *names(8))
        assert set(stage.jobs_made.values()) == {1}
        turns = [who for who, _ in groupby(who not in ("c", "d") for who in stage.writers)]
        assert turns == [True, False], "the one number of shards, then the other"

    play(scenario)


def test_of_two_numbers_that_start_at_once_one_comes_to_work() -> None:
    async def scenario(stage: Stage) -> None:
        (one,) = stage.run("a", shards=1)
        (three,) = stage.run("b", shards=3)
        await stage.apply(chain("f", 3))
        await stage.ended("f", seconds=60)
        await asyncio.sleep(10)
        assert sorted((len(one.shards) > 0, len(three.shards) > 0)) == [False, True]

    for seed in range(4):
        play(scenario, seed=seed)


def test_the_dead_of_another_number_are_waited_for_once() -> None:
    async def scenario(stage: Stage) -> None:
        (old,) = stage.run("a", shards=3)
        await stage.until(lambda: len(old.shards) == 3)
        old.freeze()
        (new,) = stage.run("b", shards=1)
        await stage.until(lambda: new.shards == [0], seconds=2 * LEASE)
        await new.stop()
        begun = stage.server.clock.now()
        (again,) = stage.run("c", shards=1)
        await stage.until(lambda: again.shards == [0])
        assert stage.server.clock.now() - begun < 1

    play(scenario)


def mixture(rng: random.Random) -> list[dict[str, object]]:
    """Flows with locks, in groups, and with arrays."""
    made: list[dict[str, object]] = []
    lock: dict[str, Any] = {"locks": [{"name": "db"}]}
    for i in range(3):
        made.append(flow(f"lock{i}", step("a", pod=runs("3s"), **lock), step("b", "a", **lock)))
        policy = {"concurrencyGroup": "g"}
        made.append(flow(f"group{i}", step("a"), step("b", "a"), executionPolicy=policy))
        made.append(flow(f"array{i}", step("a", array={"count": 4}), step("b", "a")))
        made.append(diamond(f"plain{i}"))
    rng.shuffle(made)
    return made


@pytest.mark.parametrize("seed", range(2))
def test_replicas_that_come_and_go_at_random_lose_and_double_nothing(seed: int) -> None:
    async def scenario(stage: Stage) -> None:
        rng = random.Random(seed)
        stage.run("a", "b", "c")
        made = mixture(rng)
        ends = [str(one["metadata"]["name"]) for one in made]  # type: ignore[index] # a flow
        for i in range(0, len(made), 2):
            await stage.apply(*made[i : i + 2])
            await asyncio.sleep(rng.uniform(0, 3))
            await _disturb(stage, rng, i)
        for process in stage.processes:
            process.wake()
        await stage.ended(*ends, seconds=300)
        assert {stage.phase(name) for name in ends} == {"Succeeded"}
        assert set(stage.jobs_made.values()) == {1}
        locked = sorted(
            (at, stage.ends.get(job, at)) for job, at in stage.starts if job.startswith("lock")
        )
        assert locked

    play(scenario, seed=seed, shards=4)


async def _disturb(stage: Stage, rng: random.Random, turn: int) -> None:
    """One replica is killed, stopped, frozen for a while or woken; one at least stays."""
    alive = [p for p in stage.processes if not p.frozen and not p.task.done()]
    frozen = [p for p in stage.processes if p.frozen]
    what = rng.choice(("kill", "stop", "freeze", "wake"))
    if what == "wake" and frozen:
        rng.choice(frozen).wake()
    elif what in ("kill", "freeze") and len(alive) > 1:
        rng.choice(alive).freeze()
    elif what == "stop" and len(alive) > 1:
        leaving: Process = rng.choice(alive)
        await leaving.stop()
    if what in ("kill", "stop"):
        stage.run(f"new{turn}")


def test_locks_keep_flows_apart_whatever_shard_has_the_rest() -> None:
    """All flows with locks of a namespace are one shard's, so no two replicas give one away."""

    async def scenario(stage: Stage) -> None:
        stage.run("a", "b", "c")
        await stage.until(lambda: shares(stage) == [1, 1, 1])
        lock = {"locks": [{"name": "db"}]}
        names = [f"l{i}" for i in range(5)]
        await stage.apply(*(flow(name, step("a", pod=sim(run_for="2s"), **lock)) for name in names))
        await stage.ended(*names)
        begins = sorted(at for _, at in stage.starts)
        assert all(later - sooner >= 2 for sooner, later in combinations(begins, 2))
        assert len({stage.status(name)["shard"] for name in names}) == 1

    play(scenario, shards=3)
