"""Map steps on the API server model: measures in the status and the metrics, and what is learnt."""

from __future__ import annotations

import json
from typing import Any

from cluster_suite.flows import flow, runs, sim, step
from unit.controller.stage import Stage, play

FUNCTION = "shop.prices:fetch"


def says(**fields: Any) -> str:
    said = {
        "items": 2,
        "done": 2,
        "workers": 2,
        "seconds": 60.0,
        "itemSeconds": 30.0,
        "speedup": 2.0,
        "predictedSpeedup": 1.9,
        "efficiency": 0.97,
        "peakMemory": 1000,
        "limits": {"cpus": 2.0, "memory": 134217728},
    }
    return json.dumps({"map": said | fields})


def mapped(name: str, *after: str, pod: dict[str, str] | None = None, **how: Any) -> dict[str, Any]:
    pod = {**runs("60s"), **(pod or sim(message=says()))}
    fields = {"outputs": how.pop("outputs")} if "outputs" in how else {}
    return step(name, *after, pod=pod, map={"function": FUNCTION, **how}, **fields)


DONE = {"parameters": [{"name": "done", "valueFrom": {"jsonPath": "$.map.done"}}]}


def test_the_measures_of_all_tasks_are_in_the_status_and_in_the_metrics() -> None:
    async def scenario(stage: Stage) -> None:
        one = mapped("a", items=list(range(6)), itemsPerTask=2, outputs=DONE)
        await stage.apply(flow("f", one))
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        found = stage.step("f", "a")
        assert found["outputs"] == {"done": "6"}
        assert found["map"] == {
            "function": FUNCTION,
            "itemsPerTask": 2,
            "reason": "itemsPerTask says so",
            "tasks": 3,
            "items": 6,
            "done": 6,
            "workers": 2,
            "seconds": 180.0,
            "itemSeconds": 30.0,
            "speedup": 2.0,
            "predictedSpeedup": 1.9,
            "efficiency": 0.97,
            "peakMemory": 1000,
            "limits": {"cpus": 2.0, "memory": 134217728},
        }
        registry = stage.registry
        labels = {"namespace": "default", "result": "done"}
        assert registry.get_sample_value("zen_flow_map_items_total", labels) == 6
        where = {"namespace": "default"}
        assert registry.get_sample_value("zen_flow_map_efficiency_ratio_count", where) == 1
        sum_of_ratios = "zen_flow_map_predicted_speedup_ratio_sum"
        assert registry.get_sample_value(sum_of_ratios, where) == 1.9 / 2.0

    play(scenario)


def test_a_map_over_a_path_is_one_plain_job() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", mapped("a", items="/data/*.csv", outputs=DONE)))
        await stage.ended("f")
        assert stage.step("f", "a")["map"]["items"] == 2
        assert stage.step("f", "a")["outputs"] == {"done": "2"}
        assert "tasks" not in stage.step("f", "a")

    play(scenario)


def test_the_next_flow_is_cut_by_what_the_last_one_measured() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("first", mapped("a", items=[1, 2])))
        await stage.ended("first")
        await stage.apply(flow("second", mapped("a", items=list(range(100)))))
        await stage.ended("second")
        # 300 s at two items of 30 s at once
        assert stage.step("second", "a")["map"]["itemsPerTask"] == 20

    play(scenario)


def test_what_is_known_outlives_the_operator() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("first", mapped("a", items=[1, 2])))
        await stage.ended("first")
        await stage.restart()
        await stage.apply(flow("second", mapped("a", items=list(range(100)))))
        await stage.ended("second")
        assert stage.step("second", "a")["map"]["itemsPerTask"] == 20

    play(scenario)


def test_a_failed_map_over_a_path_says_how_far_it_came() -> None:
    async def scenario(stage: Stage) -> None:
        pod = sim("fail", message=says(done=1, failed=1))
        await stage.apply(flow("f", mapped("a", pod=pod, items="/data/*.csv")))
        await stage.ended("f")
        assert stage.phase("f") == "Failed"
        assert stage.step("f", "a")["map"]["failed"] == 1

    play(scenario)
