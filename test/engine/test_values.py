"""Inputs and outputs: values on their way through a flow."""

from __future__ import annotations

import pytest

from engine.flows import flow, step
from engine.outcomes import fail, succeed
from engine.world import World
from jobflows.engine import FlowPhase, Reason


def path(text: str) -> dict[str, str]:
    return {"jsonPath": text}


def test_the_parameters_of_the_flow_reach_every_step() -> None:
    world = World(flow(step("a"), parameters={"x": "1"})).finish()

    assert world.parameters["a"] == {"x": "1"}


def test_an_input_of_the_step_hides_the_flows() -> None:
    steps = (step("a", inputs={"x": "mine"}), step("b"))
    world = World(flow(*steps, parameters={"x": "flow", "y": "2"})).finish()

    assert world.parameters == {"a": {"x": "mine", "y": "2"}, "b": {"x": "flow", "y": "2"}}


def test_an_input_can_be_made_of_parameters() -> None:
    steps = (step("a", inputs={"x": "s3://{{ parameters.bucket }}/in"}),)
    world = World(flow(*steps, parameters={"bucket": "b"})).finish()

    assert world.parameters["a"]["x"] == "s3://b/in"


def test_a_value_from_a_config_map_hides_the_flows_and_never_passes_here() -> None:
    source = {"configMapKeyRef": {"name": "cm", "key": "k"}}
    world = World(flow(step("a", inputs={"x": source}), parameters={"x": "flow"})).finish()

    assert world.parameters["a"] == {}


@pytest.mark.parametrize(
    ("said", "where", "value"),
    [
        ('{"rows": 7}', "$.rows", "7"),
        ('{"files": [{"name": "x y"}]}', "$.files[0].name", "x y"),
        ('{"ok": true}', "$.ok", "true"),
        ('{"o": {"b": 1}}', "$.o", '{"b":1}'),
        ("plain words", "$", "plain words"),
        ('"quoted"', "$", "quoted"),
        ("[" * 4000, "$", "[" * 4000),
        ('{"name": "half \\ud800"}', "$.name", "half ?"),
    ],
)
def test_an_output_reaches_the_next_step(said: str, where: str, value: str) -> None:
    steps = (step("a", outputs={"x": where}), step("b", "a", inputs={"y": path("a:$.outputs.x")}))
    world = World(flow(*steps), a=succeed(output=said)).finish()

    assert world.record("a").outputs == {"x": value}
    assert world.parameters["b"] == {"y": value}
    assert world.status["steps"][0]["outputs"] == {"x": value}


@pytest.mark.parametrize("said", [None, "", "{}", "no json", '{"rows"', "[[" * 2000])
def test_an_output_that_is_not_there_fails_the_step_and_shows_what_was(said: str | None) -> None:
    steps = (step("a", outputs={"x": "$.rows"}), step("b", "a"))
    world = World(flow(*steps), a=succeed(output=said)).finish()

    assert world.phases == {"a": "Failed", "b": "Skipped"}
    assert world.record("a").reason == Reason.OUTPUT_INVALID
    assert "no value at $.rows" in world.record("a").message
    assert len(world.record("a").message) < 400


def test_a_missing_output_may_come_at_the_next_attempt() -> None:
    steps = (step("a", retries=1, outputs={"x": "$.rows"}),)
    world = World(flow(*steps), a=[succeed(), succeed(output='{"rows": 1}')]).finish()

    assert world.record("a").outputs == {"x": "1"}


def test_outputs_survive_a_restart() -> None:
    steps = (
        step("a", outputs={"x": "$.rows"}),
        step("wait", "a"),
        step("b", "wait", inputs={"y": path("a:$.outputs.x")}),
    )
    world = World(flow(*steps), a=succeed(output='{"rows": 7}')).run(1.5)
    world.crash()
    world.jobs = [job for job in world.jobs if job.step != "a"]
    world.finish()

    assert world.parameters["b"] == {"y": "7"}


def test_an_input_without_a_value_fails_the_step_before_it_starts() -> None:
    steps = (
        step("a", may_fail=True, outputs={"x": "$.rows"}),
        step("b", "a", inputs={"y": path("a:$.outputs.x")}),
        step("c", "b"),
    )
    world = World(flow(*steps), a=fail()).finish()

    assert world.phases == {"a": "Failed", "b": "Failed", "c": "Skipped"}
    assert world.record("b").reason == Reason.INPUT_INVALID
    assert "input y: step a (Failed) has no value" in world.record("b").message
    assert world.started_at("b") == []


def test_a_step_can_read_how_another_one_went() -> None:
    steps = (step("a", retries=2), step("b", "a", inputs={"n": path("a:$.retryCount")}))
    world = World(flow(*steps), a=[fail(), succeed()]).finish()

    assert world.parameters["b"] == {"n": "1"}
    assert world.ledger.phase is FlowPhase.SUCCEEDED
