"""The rules of the ledger, one test each; the properties show them on generated flows."""

from __future__ import annotations

from engine.flows import flow, step
from engine.outcomes import fail, hang, succeed, vanish
from engine.world import World
from jobflows.engine import FlowPhase, StartAttempt, StopAttempt

FLOW = flow(step("a", retries=1), step("b", "a"), step("c", "a"), step("d", "b c"))


def test_1_lost_doubled_and_late_events_come_to_the_same() -> None:
    plain = World(FLOW, a=[fail(), succeed()]).finish()

    doubled = World(FLOW, a=[fail(), succeed()])
    doubled.always_look_at_all = True
    doubled.finish()
    assert doubled.ledger == plain.ledger

    late = World(FLOW, a=[fail(), succeed()])
    for tenth in range(200):
        late.shows = lambda _, shown=tenth % 7 == 0: shown  # type: ignore[misc]
        late.plan()
        late.now += 0.1
    assert late.phases == plain.phases
    assert [(n, k) for n, k, _ in late.starts] == [(n, k) for n, k, _ in plain.starts]


def test_2_an_attempt_has_one_number_and_is_asked_for_under_it_until_it_is_there() -> None:
    world = World(FLOW, a=[fail(), hang()])
    world.run(1.5)
    world.shows = lambda _: False
    world.now += 0.5
    asked = {
        (action.step, action.number)
        for _ in range(5)
        for action in world.plan().actions
        if isinstance(action, StartAttempt)
    }

    assert asked == {(0, 2)}


def test_3_a_final_step_never_runs_again_and_a_vanished_job_is_a_loss() -> None:
    world = World(FLOW, b=[vanish(), succeed(30)]).run(10)
    world.jobs = [job for job in world.jobs if job.step not in ("a", "c")]
    world.run(1)
    world.crash()
    world.finish()

    assert len(world.started_at("a")) == len(world.started_at("c")) == 1
    assert len(world.started_at("b")) == 2
    assert world.record("b").losses == 1
    assert world.record("b").retries == 0


def test_4_an_old_picture_of_the_world_doubles_nothing() -> None:
    """Whether the picture is new enough is the adapter's to know; an older one does no harm."""
    world = World(FLOW, a=hang(stopping=5)).run(1)
    world.shows = lambda _: False
    for _ in range(20):
        world.now += 1
        actions = world.plan().actions
        assert not any(isinstance(action, StartAttempt | StopAttempt) for action in actions)
    assert len(world.starts) == 1


def test_5_a_failed_dependency_skips_what_follows_and_the_flow_ends() -> None:
    world = World(FLOW, a=fail()).finish()

    assert world.phases == {"a": "Failed", "b": "Skipped", "c": "Skipped", "d": "Skipped"}
    assert world.record("d").message == "step a did not succeed"
    assert world.ledger.phase is FlowPhase.FAILED


def test_6_time_is_waited_for_by_one_timer_and_not_by_asking() -> None:
    """Each moment when something happens is planned for; between two of them nothing is."""
    limited = flow(
        step("a", retries=1, timeout=600, backoff={"type": "Fixed", "duration": "10m"}),
        activeDeadlineSeconds=86_400,
        ttlSecondsAfterFinished=3600,
    )
    world = World(limited, a=[hang(), succeed(60)])
    moments = []
    while world.flow_deleted is None:
        world.tick()
        moments.append(round(world.elapsed, -1))
        after = world.next_moment()
        if after is None:
            break
        world.now = after

    # start, timeout, retry (jittered), end, and the end of its time to live
    assert len(moments) <= 7
    assert world.flow_deleted is not None
