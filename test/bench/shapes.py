"""The DAGs that are measured, as plain graphs: step name -> names it depends on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Dag = dict[str, list[str]]


def chain(length: int) -> Dag:
    """Steps one after another."""
    return {f"s{i}": [f"s{i - 1}"] if i else [] for i in range(length)}


def fan(width: int) -> Dag:
    """One step, then `width` at once, then one that waits for all."""
    middle = [f"m{i}" for i in range(width)]
    return {"first": [], **{name: ["first"] for name in middle}, "last": middle}


def layers(depth: int, width: int) -> Dag:
    """`depth` layers of `width` steps; each step waits for two of the layer before."""
    dag: Dag = {}
    for layer in range(depth):
        for i in range(width):
            above = {f"l{layer - 1}-{i}", f"l{layer - 1}-{(i + 1) % width}"} if layer else set()
            dag[f"l{layer}-{i}"] = sorted(above)
    return dag


@dataclass(frozen=True, slots=True)
class Scenario:
    """`flows` copies of one DAG, started together."""

    name: str
    flows: int
    dag: Callable[[], Dag]

    @property
    def steps(self) -> int:
        return self.flows * len(self.dag())


SCENARIOS = (
    Scenario("chain-10", 1, lambda: chain(10)),
    Scenario("fan-1-300-1", 1, lambda: fan(300)),
    Scenario("layers-20x25", 20, lambda: layers(5, 5)),
    Scenario("chains-50x10", 50, lambda: chain(10)),
)


def pod_spec() -> dict[str, Any]:
    """The smallest pod; simulated nodes never run it."""
    return {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox:1.36"}]}


def job_flow(name: str, dag: Mapping[str, list[str]]) -> dict[str, Any]:
    """The DAG as a JobFlow."""
    return {
        "apiVersion": "workflow.kube-zen.io/v1alpha1",
        "kind": "JobFlow",
        "metadata": {"name": name},
        "spec": {
            "steps": [
                {
                    "name": step,
                    "dependencies": needs,
                    "template": {"spec": {"template": {"spec": pod_spec()}}},
                }
                for step, needs in dag.items()
            ]
        },
    }


def bare_job(name: str, step: str, run: str) -> dict[str, Any]:
    """One step as the Job that a hand-written loop would create."""
    marks = {"bench/flow": name, "bench/step": step, "bench/run": run}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": f"{name}-{step}", "labels": marks},
        "spec": {
            "backoffLimit": 0,
            "template": {"metadata": {"labels": marks}, "spec": pod_spec()},
        },
    }
