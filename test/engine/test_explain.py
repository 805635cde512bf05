"""Why a step is where it is: each answer, and that there always is one."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, given, settings

from engine.array_world import ArrayWorld, End
from engine.flows import flow, step
from engine.outcomes import blocked, fail, hang, succeed
from engine.random_flows import Case, cases
from engine.world import World
from jobflows.engine import (
    AttemptState,
    Explanation,
    FlowPhase,
    Observations,
    Peer,
    Reason,
    StepPhase,
    explain,
    read_status,
)


def told(world: World, name: str, seen: Observations | None = None) -> Explanation:
    """What is said of one step; an operator's restart must not change a word."""
    answer = explain(world.flow, world.ledger, world.now, seen)
    again = explain(world.flow, read_status(world.flow, world.status), world.now, seen)
    assert answer == again
    return answer[world.flow.graph.index[name]]


def test_a_step_names_the_steps_that_it_waits_for() -> None:
    world = World(flow(step("a"), step("b", "a"), step("c", "a b")), a=hang())
    world.run(5)
    said = told(world, "c")
    assert (said.reason, said.blocked_by) == (Reason.WAITING_FOR_STEPS, ("a", "b"))
    assert said.message == "waits for a (Running), b (Pending)"
    assert told(world, "a").reason == ""


def test_many_dependencies_are_counted() -> None:
    names = "abcdefgh"
    world = World(flow(*map(step, names), step("z", " ".join(names))), **{n: hang() for n in names})
    world.run(5)
    said = told(world, "z")
    assert said.message == "waits for a (Running), b (Running), c (Running) and 5 more"
    assert len(said.blocked_by) == 8


def test_a_retry_says_when_and_why() -> None:
    wait = {"type": "Fixed", "duration": "30s", "jitter": 0.0}
    world = World(flow(step("a", retries=1, backoff=wait)), a=[fail(3), succeed()])
    world.run(10)
    said = told(world, "a")
    assert (said.reason, said.until) == (Reason.BACKING_OFF, world.record("a").retry_at)
    assert "exited with 3" in said.message


def test_a_suspended_flow_holds_back_what_could_start_and_only_that() -> None:
    world = World(flow(step("a"), step("b", "a"), suspend=True)).run(1)
    assert told(world, "a").reason == Reason.SUSPENDED
    assert told(world, "b").reason == Reason.WAITING_FOR_STEPS


def test_a_flow_of_the_same_group_is_named() -> None:
    world = World(flow(step("a"), concurrencyGroup="g", concurrencyPolicy="Forbid"))
    world.peers = [Peer("uid-0", "older", 0.0, FlowPhase.RUNNING, replaces=False, started=True)]
    world.run(1)
    said = told(world, "a")
    assert (said.reason, "older" in said.message) == (Reason.WAITING_FOR_FLOW, True)


def test_resources_come_first() -> None:
    world = World(flow(step("a"), volumes=("data",)))
    world.creates_resources = False
    world.plan()
    said = told(world, "a", Observations(resources_ready=False))
    assert said.reason == Reason.WAITING_FOR_RESOURCES
    problem = Observations(resources_problem="PersistentVolumeClaim data is not ours")
    assert told(world, "a", problem).reason == Reason.RESOURCE_CONFLICT


def test_a_refused_job_says_what_the_api_server_said() -> None:
    world = World(flow(step("a")), a=blocked(100, "exceeded quota: pods")).run(3)
    said = told(world, "a")
    assert said.phase is StepPhase.PENDING
    assert said.message == "tried again soon; exceeded quota: pods"


def test_a_person_is_waited_for_until_the_timeout() -> None:
    world = World(flow(step("a", manual=True, timeout=60, message="Look first"))).run(1)
    said = told(world, "a")
    assert (said.reason, said.message) == (Reason.AWAITING_APPROVAL, "Look first")
    assert said.until == world.record("a").started + 60  # type: ignore[operator]


def test_an_attempt_that_is_being_stopped_holds_up_the_next_one() -> None:
    world = World(flow(step("a", retries=1, timeout=5)), a=[hang(stopping=60), succeed()]).run(20)
    seen = Observations(attempts={0: world.shown["a"]})
    assert world.shown["a"][-1].state is AttemptState.STOPPING
    assert told(world, "a", seen).reason == Reason.STOPPING


def test_what_is_seen_of_the_pod_wins_over_the_ledger() -> None:
    world = World(flow(step("a")), a=hang()).run(1)
    (attempt,) = world.shown["a"]
    stuck = replace(attempt, reason="ImagePullBackOff", message="container main waits")
    said = told(world, "a", Observations(attempts={0: (stuck,)}))
    assert (said.reason, said.message) == ("ImagePullBackOff", "container main waits")


def test_a_skipped_step_names_the_failure() -> None:
    world = World(flow(step("a"), step("b", "a"), step("c", "b")), a=fail()).finish()
    assert told(world, "b").blocked_by == ("a",)
    assert (told(world, "c").reason, told(world, "c").blocked_by) == ("DependencyFailed", ("b",))


def test_a_step_without_an_operator_is_ready() -> None:
    world = World(flow(step("a")))
    (said,) = explain(world.flow, world.ledger, world.now)
    assert (said.phase, said.reason) == (StepPhase.PENDING, Reason.READY)


@settings(
    max_examples=60,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(cases())
def test_whatever_does_not_run_says_why(case: Case) -> None:
    world = World(case.flow, **case.scripts)
    while not world.ledger.phase.terminal:
        world.tick()
        seen = Observations(
            attempts={world.flow.graph.index[name]: group for name, group in world.shown.items()},
            resources_ready=world.resources_ready,
        )
        for looked in (None, seen):
            for said in explain(world.flow, world.ledger, world.now, looked):
                if said.phase not in (StepPhase.RUNNING, StepPhase.SUCCEEDED):
                    assert said.reason, said
                    assert said.message, said
        world.now = world.next_moment() or world.now


def test_a_step_that_waits_for_room_says_which_limit_or_lock() -> None:
    steps = [step(name, locks=[{"name": "db"}]) for name in ("a", "b")]
    world = World(flow(*steps, step("c"), parallelism=2), a=hang(), c=hang())
    world.run(1)
    seen = Observations(attempts={0: world.shown["a"], 2: world.shown["c"]})
    said = told(world, "b", seen)
    assert (said.reason, said.message) == (
        Reason.PARALLELISM,
        "executionPolicy.parallelism lets 2 tasks run at once",
    )
    world.edit(flow(*steps, step("c")))
    world.run(1)
    said = told(world, "b", seen)
    assert (said.reason, said.message) == (Reason.LOCK, "waits for lock db of limit 1")


def test_a_flow_that_waits_for_the_operator_says_so_of_its_steps() -> None:
    world = World(flow(step("a")))
    world.quota = 0
    world.run(1)
    assert told(world, "a").reason == Reason.QUOTA


def waiting_tasks(world: ArrayWorld, name: str) -> dict[str, str]:
    """Which tasks of an array wait, and for what; an operator's restart must not change a word."""
    seen = Observations(attempts=world.shown)
    answer = explain(world.flow, world.ledger, world.now, seen)
    again = explain(world.flow, read_status(world.flow, world.status), world.now, seen)
    assert answer == again
    said = answer[world.flow.graph.index[name]]
    return {str(wait.tasks): f"{wait.reason}: {wait.message}" for wait in said.tasks}


def test_tasks_of_an_array_say_which_of_them_wait_for_what() -> None:
    def script(step: str, task: int, ran: int) -> tuple[End, float]:
        if step == "b" and task == 1 and ran == 0:
            return "fail", 1.0
        return "ok", 1.0 if step == "a" and task < 5 else 100.0

    slow = {"type": "Fixed", "duration": "30s", "jitter": 0.0}
    follows = {"count": 8, "parallelism": 3, "dependencyMode": "Index"}
    first = step("a", array={"count": 8})
    world = ArrayWorld(
        flow(first, step("b", "a", array=follows, retries=1, backoff=slow)), script
    ).run(4)
    assert str(world.tasks("b").running) == "0,2-3"
    assert waiting_tasks(world, "b") == {
        "5-7": "WaitingForSteps: each waits for the task of a with its index",
        "1": "BackingOff: tried again at 1970-01-12T13:47:12Z",
        "4": "Parallelism: array.parallelism lets 3 tasks run at once",
    }
    assert waiting_tasks(world, "a") == {}


def test_tasks_that_wait_for_a_limit_of_the_flow_or_its_suspension_say_so() -> None:
    def script(_step: str, _task: int, _ran: int) -> tuple[End, float]:
        return "ok", 100.0

    world = ArrayWorld(flow(step("a", array={"count": 8}), parallelism=2), script).run(3)
    words = "Parallelism: executionPolicy.parallelism lets 2 tasks run at once"
    assert waiting_tasks(world, "a") == {"2-7": words}
    world.flow = flow(step("a", array={"count": 8}), suspend=True)
    assert waiting_tasks(world, "a") == {"2-7": "Suspended: spec.suspend is true"}
