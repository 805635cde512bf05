"""What 10,000 tasks cost to define and to make a flow of: `make bench-local`.

Nothing runs. Each shape has a process of its own, so that its memory is its own; figures depend on
the machine. Jobmon takes 88 s to bind 10,000 tasks.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable

from jobflows.api.validation import check
from jobflows.engine import CompiledFlow
from jobflows.sdk import Task, Tool
from jobflows.sdk.flow import build

TASKS = 10_000
MOST_SECONDS, MOST_BYTES = 10.0, 150_000_000

tool = Tool("bench", image="busybox:1.36", compute_resources={"cores": 1, "memory": "1Gi"})
one = tool.get_task_template("one", "one {x} {out}", node_args=["x"], op_args=["out"])
two = tool.get_task_template("two", "two {x} {out}", node_args=["x"], op_args=["out"])
end = tool.get_task_template("end", "end {x}", node_args=["x"])


def sweep() -> list[Task]:
    """One template, all alike."""
    return one.create_tasks(x=range(TASKS), out="/data")


def pairs() -> list[Task]:
    """Each of 5,000 after its own, then one after all."""
    first = one.create_tasks(x=range(TASKS // 2), out="/data")
    second = two.create_tasks(x=range(TASKS // 2), out="/data")
    for before, after in zip(first, second, strict=True):
        after.add_upstream(before)
    return [*first, *second, end.create_task(x=0, upstream_tasks=second)]


def layers() -> list[Task]:
    """Ten layers of 1,000, each after all of the one before."""
    tasks: list[Task] = []
    for number in range(10):
        layer = one.create_tasks(
            x=[f"{number}-{i}" for i in range(TASKS // 10)],
            out="/data",
            upstream_tasks=tasks[-TASKS // 10 :],
        )
        tasks += layer
    return tasks


def blocks() -> list[Task]:
    """200 sums of 50 parts, and one of them all."""
    tasks: list[Task] = []
    sums = []
    for block in range(TASKS // 50):
        parts = one.create_tasks(x=[f"{block}-{i}" for i in range(49)], out="/data")
        sums.append(two.create_task(x=block, out="/data", upstream_tasks=parts))
        tasks += [*parts, sums[-1]]
    return [*tasks, end.create_task(x=0, upstream_tasks=sums)]


def wild() -> list[Task]:
    """Each after up to three others at random: nothing is an array."""
    rng = random.Random(0)
    tasks = one.create_tasks(x=range(TASKS), out="/data")
    for number, task in enumerate(tasks):
        task.add_upstreams({tasks[rng.randrange(number)] for _ in range(3)} if number else ())
    return tasks


SHAPES: dict[str, Callable[[], list[Task]]] = {
    shape.__name__: shape for shape in (sweep, pairs, layers, blocks, wild)
}


def measure(shape: str) -> str:
    """A line about one shape, in this process."""
    began = time.perf_counter()
    workflow = tool.create_workflow("1")
    workflow.add_tasks(SHAPES[shape]())
    defined = time.perf_counter()
    built = build(workflow)
    made = time.perf_counter()
    checked = check(built.document)
    assert checked.flow is not None
    CompiledFlow.compile(checked.flow)
    compiled = time.perf_counter()
    size = len(json.dumps(built.document, separators=(",", ":")))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    good = compiled - began < MOST_SECONDS and peak < MOST_BYTES
    return (
        f"{shape:8} {len(workflow.tasks):7} {len(built.document['spec']['steps']):6} "
        f"{defined - began:8.2f} {made - defined:8.2f} {compiled - made:8.2f} "
        f"{size / 1e3:8.0f} {peak / 1e6:8.0f}   {'ok' if good else 'OVER'}"
    )


def main() -> None:
    if len(sys.argv) > 1:
        print(measure(sys.argv[1]))
        return
    print("shape      tasks  steps define s   flow s compile s      kB  peak MB")
    for shape in SHAPES:
        done = subprocess.run(
            [sys.executable, "-m", "bench.workflows", shape],
            capture_output=True,
            text=True,
            check=True,
        )
        print(done.stdout, end="", flush=True)


if __name__ == "__main__":
    main()
