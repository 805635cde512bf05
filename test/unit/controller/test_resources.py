"""What a flow brings along, values that flow between steps, and conditions on them."""

from __future__ import annotations

import asyncio
from typing import Any

from cluster_suite.flows import flow, job, sim, step
from model import kind_of
from unit.controller.stage import Stage, play

MAP = {"metadata": {"name": "settings"}, "data": {"k": "v"}}
CLAIM = {
    "metadata": {"name": "work"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
BOTH = {"configMapTemplates": [MAP], "volumeClaimTemplates": [CLAIM]}
MAPS = "/api/v1/namespaces/default/configmaps"


def test_resources_are_created_once_and_before_the_first_step() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("a"), step("b", "a"), resourceTemplates=BOTH))
        await stage.ended("f")
        assert stage.calls("create", "configmaps") == 1
        assert stage.calls("create", "persistentvolumeclaims") == 1
        lines = [(r.verb, r.resource) for r in stage.server.requests if r.client == "operator"]
        assert lines.index(("create", "jobs")) > lines.index(("create", "configmaps"))
        assert stage.server.get(kind_of("configmaps"), "f-settings") is not None
        await stage.delete("f")
        await stage.until(lambda: stage.server.get(kind_of("configmaps"), "f-settings") is None)

    play(scenario)


def test_a_restart_finds_its_own_resources() -> None:
    async def scenario(stage: Stage) -> None:
        wait = step("a", pod=sim(run_for="20s"))
        await stage.apply(flow("f", wait, step("b", "a"), resourceTemplates=BOTH))
        await stage.until(lambda: bool(stage.starts))
        await stage.restart()
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        stage.once_each("f", "a", "b")

    play(scenario)


def test_a_resource_of_somebody_else_ends_the_flow_and_stays_as_it_is() -> None:
    async def scenario(stage: Stage) -> None:
        theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "f-settings"}}
        await stage.call("POST", MAPS, theirs)
        await stage.apply(flow("f", step("a"), resourceTemplates={"configMapTemplates": [MAP]}))
        await stage.ended("f")
        assert stage.status("f")["reason"] == "ResourceConflict"
        assert "f-settings" in stage.status("f")["message"]
        assert not stage.starts
        found = stage.server.get(kind_of("configmaps"), "f-settings")
        assert found is not None
        assert "data" not in found

    play(scenario)


def test_a_resource_of_an_earlier_flow_of_that_name_is_waited_for() -> None:
    async def scenario(stage: Stage) -> None:
        old = {
            "apiVersion": "workflow.kube-zen.io/v1alpha1",
            "kind": "JobFlow",
            "name": "f",
            "uid": "11111111-1111-4111-8111-111111111111",
            "controller": True,
        }
        meta = {"name": "f-settings", "ownerReferences": [old], "finalizers": ["example.com/slow"]}
        await stage.call("POST", MAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})
        await stage.apply(flow("f", step("a"), resourceTemplates={"configMapTemplates": [MAP]}))
        await asyncio.sleep(60)
        assert not stage.starts
        assert stage.calls("create", "configmaps") < 20
        await stage.call("PATCH", f"{MAPS}/f-settings", {"metadata": {"finalizers": None}})
        await stage.ended("f", seconds=90)
        assert stage.phase("f") == "Succeeded"

    play(scenario)


def test_an_output_of_one_step_is_an_input_of_the_next_and_of_a_condition() -> None:
    async def scenario(stage: Stage) -> None:
        said = sim(message='{"rows": 42, "text": "a \\"b\\" $(HOME)"}')
        outputs = [_output("rows"), _output("text")]
        steps = (
            step("a", pod=said, outputs={"parameters": outputs}),
            {
                "name": "b",
                "dependencies": ["a"],
                "inputs": {"parameters": [_input("n", "rows"), _input("t", "text")]},
                "template": job(container={"args": ["{{ parameters.n }}", "{{ parameters.t }}"]}),
            },
            step("many", "a", when="int(steps.a.outputs.rows) > 40"),
            step("few", "a", when="int(steps.a.outputs.rows) < 40"),
            step("below", "few"),
            step("never", when="never"),
        )
        await stage.apply(flow("f", *steps))
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        assert stage.step("f", "a")["outputs"] == {"rows": "42", "text": 'a "b" $(HOME)'}
        assert stage.phases("f") == {
            "a": "Succeeded", "b": "Succeeded", "many": "Succeeded",
            "few": "Skipped", "below": "Succeeded", "never": "Skipped",
        }  # fmt: skip
        made = stage.job("f-b-1")
        assert made is not None
        container = made["spec"]["template"]["spec"]["containers"][0]
        assert container["args"] == ["42", 'a "b" $$(HOME)']

    play(scenario)


def test_outputs_survive_a_restart() -> None:
    async def scenario(stage: Stage) -> None:
        made = step("a", pod=sim(message='{"x": "1"}'), outputs={"parameters": [_output("x")]})
        wait = step("w", "a", pod=sim(run_for="30s"))
        b = {
            "name": "b",
            "dependencies": ["w", "a"],
            "inputs": {"parameters": [_input("v", "x")]},
            "template": job(container={"args": ["{{ parameters.v }}"]}),
        }
        await stage.apply(flow("f", made, wait, b))
        await stage.until(lambda: stage.phases("f").get("a") == "Succeeded")
        await stage.restart()
        await stage.ended("f")
        made_job = stage.job("f-b-1")
        assert made_job is not None
        assert made_job["spec"]["template"]["spec"]["containers"][0]["args"] == ["1"]

    play(scenario)


def test_a_step_that_does_not_say_what_it_promised_fails() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("a", outputs={"parameters": [_output("x")]})))
        await stage.ended("f")
        assert stage.step("f", "a")["reason"] == "OutputInvalid"

    play(scenario)


def _output(name: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"jsonPath": f"$.{name}"}}


def _input(name: str, output: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"jsonPath": f"a:$.outputs.{output}"}}
