"""What a flow of 10,000 steps costs the engine: `cd test && python -m bench.planning`.

No cluster, and nothing is asserted: it prints figures, which depend on the machine.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from bench.shapes import Dag, layers
from jobflows.api.validation import check
from jobflows.engine import (
    Attempt,
    AttemptRef,
    AttemptState,
    CompiledFlow,
    Ledger,
    Observations,
    plan,
    read_status,
    write_status,
)

STEPS = 10_000
WINDOW = 100
EVENTS = 200

T = TypeVar("T")


def main() -> None:
    for name, dag in (("wide", layers(1, STEPS)), ("100 layers", layers(100, STEPS // 100))):
        print(f"{name}, {len(dag)} steps")
        document = flow_of(dag)
        print(f"  spec                   {len(compact(document)) / 1000:9.0f} kB")
        checked = timed("validate", partial(check, document))
        assert checked.flow is not None, checked.problems
        compiled = timed("compile", partial(CompiledFlow.compile, checked.flow))
        for share in (0.0, 0.5, 0.98):
            walk(compiled, int(len(dag) * share))
        crowd(compiled)
    locked = flow_of(layers(1, STEPS))
    for step in locked["spec"]["steps"]:
        step["locks"] = [{"name": "licence", "limit": 10}]
    checked = check(locked)
    assert checked.flow is not None, checked.problems
    print(f"one lock, {STEPS} steps")
    walk(CompiledFlow.compile(checked.flow), 0, lock=("licence", 10))


def crowd(flow: CompiledFlow) -> None:
    """Plan single events while every step runs."""
    attempts = {i: (attempt(flow, i, AttemptState.RUNNING),) for i in range(len(flow.steps))}
    seen = Observations(attempts=attempts, changed=None, window=WINDOW)
    ledger = plan(flow, Ledger(), seen, 1000.0).ledger
    took = []
    for i in range(EVENTS):
        attempts[i] = (attempt(flow, i, AttemptState.SUCCEEDED),)
        seen = Observations(attempts=attempts, changed={i}, window=WINDOW)
        began = time.perf_counter()
        ledger = plan(flow, ledger, seen, 1001.0 + i).ledger
        took.append(time.perf_counter() - began)
    print(f"  all run: an event      {statistics.median(took) * 1000:9.2f} ms")
    status = timed("  write_status", lambda: write_status(flow, ledger, 2000.0))
    print(f"    status               {len(compact(status)) / 1000:9.0f} kB")


def walk(flow: CompiledFlow, done: int, lock: tuple[str, int] | None = None) -> None:
    """Plan single events when `done` steps have succeeded, then write and read the status.

    With a `lock` all of it is held by the steps that come last.
    """
    busy = {i: (holder(flow, i, lock),) for i in flow.graph.order[-lock[1] :]} if lock else {}
    attempts = {i: (attempt(flow, i, AttemptState.SUCCEEDED),) for i in flow.graph.order[:done]}
    attempts |= busy
    seen = Observations(attempts=attempts, changed=None, window=WINDOW)
    ledger = plan(flow, Ledger(), seen, 1000.0).ledger
    took = []
    now = 1000.0
    for i in flow.graph.order[done : done + EVENTS // 2]:
        for state in (AttemptState.RUNNING, AttemptState.SUCCEEDED):
            now += 1.0
            attempts[i] = (attempt(flow, i, state),)
            seen = Observations(attempts=attempts, changed={i}, window=WINDOW)
            began = time.perf_counter()
            ledger = plan(flow, ledger, seen, now).ledger
            took.append(time.perf_counter() - began)
    median, worst = statistics.median(took) * 1000, max(took) * 1000
    print(f"  {done} done: an event       {median:9.2f} ms, at worst {worst:.2f} ms")
    status = timed("  write_status", lambda: write_status(flow, ledger, now))
    text = compact(status)
    print(f"    status               {len(text) / 1000:9.0f} kB")
    again = timed("  read_status", lambda: read_status(flow, json.loads(text)))
    assert [r.phase for r in again.steps] == [r.phase for r in ledger.steps]


def holder(flow: CompiledFlow, step: int, lock: tuple[str, int]) -> Attempt:
    return replace(attempt(flow, step, AttemptState.RUNNING), locks=dict([lock]))


def timed(label: str, work: Callable[[], T]) -> T:
    """Do it three times, print the best, return the last result."""
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - began)
    print(f"  {label:22} {best * 1000:9.2f} ms")
    return result


def attempt(flow: CompiledFlow, step: int, state: AttemptState) -> Attempt:
    name = f"{flow.name}-{flow.graph.names[step]}-1"
    ref = AttemptRef(name, f"0f0e8a3a-1111-2222-3333-{step:012d}")
    return Attempt(number=1, state=state, ref=ref, created=1000.0)


def flow_of(dag: Dag) -> dict[str, Any]:
    """A flow of this shape whose steps share three templates."""
    container = {
        "name": "main",
        "image": "busybox:1.36",
        "command": ["sh", "-c", "work {{ arguments.x }} {{ parameters.day }}"],
    }
    job = {"spec": {"template": {"spec": {"containers": [container]}}}}
    steps = [
        {"name": name, "templateRef": f"work-{i % 3}", "arguments": {"x": str(i)}}
        | ({"dependencies": needs} if needs else {})
        for i, (name, needs) in enumerate(dag.items())
    ]
    return {
        "apiVersion": "workflow.kube-zen.io/v1alpha1",
        "kind": "JobFlow",
        "metadata": {"name": "large", "namespace": "bench", "uid": "u", "generation": 1},
        "spec": {
            "parameters": [{"name": "day", "value": "2026-01-31"}],
            "executionPolicy": {"retryPolicy": {"limit": 2}},
            "templates": [{"name": f"work-{i}", "template": job} for i in range(3)],
            "steps": steps,
        },
    }


def compact(document: dict[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))


if __name__ == "__main__":
    main()
