"""A spec that is edited while it runs: what has not started follows, what is done stays done."""

from __future__ import annotations

from typing import Any

from engine.flows import flow, step
from engine.outcomes import fail, hang, succeed
from engine.world import World
from jobflows.engine import CompiledFlow, Event, FlowPhase, Reason


def told(events: list[Event]) -> list[tuple[str, str, str]]:
    return [(event.reason, event.step, event.message) for event in events]


def test_a_new_step_runs() -> None:
    world = World(flow(step("a"), step("b", "a")), b=succeed(10)).run(5)
    events = world.edit(flow(step("c", "a"), step("a"), step("b", "a")))
    world.finish()

    assert told(events) == [("SpecChangeApplied", "", "new steps: c")]
    assert world.started_at("c") == [5]
    assert world.started_at("b") == [1]
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_a_removed_step_that_runs_is_stopped() -> None:
    world = World(flow(step("a"), step("b")), a=hang(), b=succeed(10)).run(5)
    events = world.edit(flow(step("b")))
    world.finish()

    assert told(events)[0][1:] == ("a", "removed; what runs of it is stopped")
    assert world.stopped == [("flow-a-1", 5)]
    assert world.phases == {"b": "Succeeded"}


def test_a_removed_step_that_has_not_started_is_just_gone() -> None:
    world = World(flow(step("a"), step("b", "a"), step("c", "b"))).run(0.5)
    events = world.edit(flow(step("a"), step("c", "a")))
    world.finish()

    assert ("SpecChangeApplied", "b", "removed before it started") in told(events)
    assert [name for name, _, _ in world.starts] == ["a", "c"]


def test_a_change_of_a_finished_step_is_ignored_and_said_so() -> None:
    world = World(flow(step("a"), step("b", "a")), b=hang()).run(5)
    events = world.edit(flow(step("a", timeout=9), step("b", "a")))
    world.run(100)

    assert [(e.reason, e.step, e.warning) for e in events] == [("SpecChangeIgnored", "a", True)]
    assert len(world.started_at("a")) == 1


def test_a_change_of_a_running_step_waits_for_its_next_attempt() -> None:
    world = World(flow(step("a", retries=1)), a=[fail(after=10), succeed()]).run(5)
    events = world.edit(flow(step("a", retries=1, inputs={"x": "new"})))
    world.finish()

    assert "next attempt" in events[0].message
    assert world.parameters["a"] == {"x": "new"}


def test_a_change_of_a_step_between_two_attempts_says_so() -> None:
    wait = {"duration": "1m", "jitter": 0.0}
    world = World(flow(step("a", retries=1, backoff=wait)), a=[fail(), succeed()]).run(5)
    events = world.edit(flow(step("a", retries=2, backoff=wait)))
    world.finish()

    assert told(events) == [("SpecChangeApplied", "a", "changed before its next attempt")]
    assert world.started_at("a") == [0, 61]


def test_a_running_step_gets_a_dependency_and_only_its_next_attempt_waits_for_it() -> None:
    world = World(flow(step("b", retries=1)), b=[fail(after=10), succeed()]).run(5)
    world.edit(flow(step("b", "slow", retries=1), step("slow")))
    world.scripts["slow"] = [succeed(30)]
    world.finish()

    assert world.started_at("b") == [0, 35]


def test_a_running_step_gets_a_dependency_that_fails() -> None:
    world = World(flow(step("b", retries=1)), b=fail(after=10), bad=fail()).run(5)
    world.edit(flow(step("b", "bad", retries=1), step("bad")))
    world.finish()

    assert world.phases == {"b": "Skipped", "bad": "Failed"}
    assert len(world.started_at("b")) == 1


def test_a_new_step_below_a_failed_one_is_skipped_and_names_it() -> None:
    steps = (step("bad"), step("skipped", when="never"), step("slow"))
    world = World(flow(*steps), bad=fail(), slow=succeed(10)).run(5)
    world.edit(flow(*steps, step("new", "skipped bad")))
    world.finish()

    assert world.phases["new"] == "Skipped"
    assert world.record("new").message == "step bad did not succeed"


def test_new_steps_below_a_failure_and_below_each_other_are_skipped_once_each() -> None:
    steps = (step("bad"), step("slow"), step("tail", "slow"))
    world = World(flow(*steps), bad=fail(), slow=succeed(10)).run(5)
    world.edit(flow(*steps, step("x", "bad"), step("y", "bad x"), step("z", "x y slow")))
    world.finish()

    assert [world.phases[n] for n in "xyz"] == ["Skipped"] * 3
    assert world.phases["tail"] == "Succeeded"
    assert world.elapsed == 11


def test_a_job_created_in_the_moment_its_step_gets_a_failed_dependency_goes_on() -> None:
    world = World(flow(step("bad"), step("gate"), step("b", "gate")), bad=fail(), gate=succeed(2))
    world.run(1.5)
    world.shows = lambda name: name != "b"
    world.run(0.5)
    assert world.started_at("b") == [2]
    world.shows = lambda _: True
    world.edit(flow(step("bad"), step("gate"), step("b", "gate bad")))
    world.finish()

    assert world.phases["b"] == "Succeeded"


def test_edits_of_a_finished_flow_start_nothing() -> None:
    world = World(flow(step("a"))).finish()
    events = world.edit(flow(step("a"), step("b", "a")))
    world.run(100)

    assert [event.reason for event in events] == ["SpecChangeIgnored"]
    assert world.phases == {"a": "Succeeded", "b": "Skipped"}
    assert world.record("b").reason == Reason.FLOW_FINISHED
    assert world.started_at("b") == []
    assert world.status["progress"]["summary"] == "2/2"


def test_an_edit_while_no_operator_was_there_is_taken_in_after_the_restart() -> None:
    world = World(flow(step("a"), step("b", "a")), a=succeed(10)).run(5)
    world.flow = flow(step("c", "a"), step("a"), generation=2)
    world.crash()
    world.finish()

    assert world.phases == {"c": "Succeeded", "a": "Succeeded"}
    assert world.started_at("c") == [10]


def test_suspending_and_policies_are_told() -> None:
    world = World(flow(step("a")), a=hang()).run(1)
    events = world.edit(flow(step("a"), suspend=True, backoffLimit=1))

    assert [event.message for event in events] == [
        "suspended: no new step starts",
        "executionPolicy changed",
    ]


def test_many_new_steps_make_one_short_event() -> None:
    world = World(flow(step("a")), a=hang()).run(1)
    events = world.edit(flow(step("a"), *(step(f"n{i}", "a") for i in range(50))))

    assert len(events) == 1
    assert events[0].message.endswith("and 40 more")


def test_a_changed_template_is_told_once_and_followed_by_what_starts_later() -> None:
    def user(name: str, needs: str = "") -> dict[str, Any]:
        made = step(name, needs, templateRef="work")
        del made["template"]
        return made

    def version(image: str) -> CompiledFlow:
        work = {"name": "work", "template": step(image)["template"]}
        work["template"]["spec"]["template"]["spec"]["containers"][0]["image"] = image
        return flow(user("a"), user("b", "a"), user("c", "b"), templates=[work])

    world = World(version("old"), b=succeed(10)).run(5)
    events = world.edit(version("new"))
    world.finish()

    assert [event.step for event in events] == [""]
    assert events[0].message.startswith("changed templates: work;")
    assert (
        world.flow.steps[2].template["spec"]["template"]["spec"]["containers"][0]["image"] == "new"
    )
    assert [name for name, _, _ in world.starts] == ["a", "b", "c"]
