"""Bugs that zen-flow has, as far as a planner can have them: its manifests run here without them.

The letter in a name is that of the bug, a to o, in a review of zen-flow's controller.
"""

from __future__ import annotations

from engine.flows import flow, step
from engine.outcomes import fail, hang, succeed
from engine.world import World
from jobflows.api.policy import Backoff
from jobflows.engine import FlowPhase, Reason, conditions, write_status


def test_a_a_flow_with_a_failed_step_that_others_depend_on_ends() -> None:
    world = World(flow(step("a"), step("b", "a")), a=fail()).finish()

    assert world.ledger.phase is FlowPhase.FAILED
    assert world.phases["b"] == "Skipped"


def test_b_a_backoff_elapses_however_often_the_flow_is_looked_at() -> None:
    wait = {"type": "Fixed", "duration": "500ms"}
    world = World(flow(step("a", retries=1, backoff=wait)), a=[fail(), succeed()]).run(1)
    for _ in range(10):
        world.now += 0.125
        world.plan()

    assert world.record("a").retries == 1
    assert len(world.starts) == 2
    assert Backoff.model_validate(wait).jitter > 0


def test_c_a_retry_is_another_attempt_with_another_name() -> None:
    world = World(flow(step("a", retries=3)), a=fail()).finish()

    assert [number for _, number, _ in world.starts] == [1, 2, 3, 4]
    assert len({job.name for job in world.jobs}) == 4


def test_d_a_step_that_is_never_wanted_is_skipped_and_the_flow_ends() -> None:
    world = World(flow(step("a", when="never"))).finish()

    assert world.phases == {"a": "Skipped"}
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_e_a_time_to_live_above_zero_ends_however_often_the_flow_is_looked_at() -> None:
    world = World(flow(step("a"), ttlSecondsAfterFinished=1)).finish()
    for _ in range(8):
        world.now += 0.125
        world.plan()

    assert world.flow_deleted == 2


def test_f_a_finished_flow_has_one_status_for_ever() -> None:
    world = World(flow(step("a"), step("b", "a"))).finish()
    status = write_status(world.flow, world.ledger, world.now)
    before = conditions(world.ledger, 1, world.now)
    for _ in range(20):
        world.now += 60
        world.plan()

        assert write_status(world.flow, world.ledger, world.now) == status
        assert conditions(world.ledger, 1, world.now, before) == before


def test_g_exit_codes_of_a_job_that_goes_on_decide_nothing() -> None:
    """A Job of several pods has failed, or succeeded, when the adapter says so of the Job."""
    world = World(flow(step("a"), step("b", "a")), a=hang(code=1)).run(50)
    assert world.phases == {"a": "Running", "b": "Pending"}

    world.jobs[0].outcome = succeed(60)
    world.finish()
    assert world.started_at("b") == [60]


def test_h_a_flow_that_has_succeeded_stays_so_after_its_deadline() -> None:
    world = World(flow(step("a"), activeDeadlineSeconds=5)).finish()
    told = len(world.events)
    for _ in range(20):
        world.now += 5
        world.plan()

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert len(world.events) == told
    assert len(conditions(world.ledger, 1, world.now)) == 2


def test_h_a_flow_past_its_deadline_fails_once_and_sleeps() -> None:
    world = World(flow(step("a"), activeDeadlineSeconds=5), a=hang()).finish()
    told = len(world.events)
    world.run(1000)

    assert len(world.events) == told
    assert world.last is not None
    assert world.last.wake_at == 86_405 + world.now - world.elapsed


def test_i_an_ignored_failure_is_none_and_outputs_are_kept() -> None:
    rules = [{"action": "Ignore", "onExitCodes": {"operator": "In", "values": [2]}}]
    steps = (step("a"), step("b", "a", outputs={"n": "$.n"}))
    world = World(
        flow(*steps, podFailurePolicy={"rules": rules}), a=fail(2), b=succeed(output='{"n": 1}')
    ).finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert world.status["steps"][1]["outputs"] == {"n": "1"}


def test_j_a_job_that_is_garbage_collected_after_success_leaves_the_success() -> None:
    world = World(flow(step("a", job_ttl=0), step("b", "a")), b=succeed(30)).run(10)
    assert [job.name for job in world.jobs] == ["flow-b-1"]
    world.crash()
    world.finish()

    assert world.phases == {"a": "Succeeded", "b": "Succeeded"}


def test_k_a_status_that_was_not_written_after_a_start_does_no_harm() -> None:
    world = World(flow(step("a"), step("b", "a")), a=succeed(10))
    world.writes = lambda: False
    world.run(5)
    world.crash()
    world.writes = lambda: True
    world.finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert len(world.starts) == 2


def test_l_a_job_that_was_just_created_and_is_not_seen_yet_is_not_lost() -> None:
    world = World(flow(step("a")))
    world.plan()
    world.shows = lambda _: False
    for _ in range(5):
        world.plan()
    assert world.phases == {"a": "Pending"}

    world.shows = lambda _: True
    world.finish()
    assert world.record("a").losses == 0
    assert len(world.starts) == 1


def test_m_a_flow_that_was_ended_starts_nothing_and_stops_what_runs() -> None:
    steps = (step("a"), step("b"), step("c", "b"))
    world = World(flow(*steps, activeDeadlineSeconds=5), a=hang(), b=succeed(5)).finish()
    world.run(100)

    assert world.started_at("c") == []
    assert world.jobs[-1].name == "flow-b-1"
    assert ("flow-a-1", 5) in world.stopped


def test_n_a_question_stops_its_own_branch_and_no_other() -> None:
    """zen-flow says Paused and runs on; here Paused means that really nothing else can move."""
    steps = (step("ask", manual=True), step("a"), step("b", "a"), step("c", "ask"))
    world = World(flow(*steps)).run(1)
    assert world.status["phase"] == "Running"

    world.run(10)
    assert world.ledger.phase is FlowPhase.PAUSED
    assert world.ledger.reason == Reason.AWAITING_APPROVAL
    assert world.phases["b"] == "Succeeded"
    assert world.phases["c"] == "Pending"


def test_o_a_plan_does_not_look_at_steps_that_are_final() -> None:
    """Only what changed is touched: records of other steps are the same objects."""
    world = World(flow(*(step(f"s{i}") for i in range(50))), s0=succeed(2)).run(1.5)
    before = world.ledger.steps
    world.run(1)
    after = world.ledger.steps

    assert [i for i in range(50) if before[i] is not after[i]] == [0]
