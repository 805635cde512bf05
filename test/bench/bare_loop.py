"""The yardstick: the least that can run a DAG of Jobs.

A watch on pods, counters in memory, and a create call for each step that has become ready. No
status, no retries, no restart, no second flow of the same name. Nothing that does more can be much
faster, so the operator is held against it, on the same control plane in the same run.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing

from bench.changes import changes
from bench.shapes import Scenario, bare_job
from jobflows.cluster.client import Client
from jobflows.cluster.limiter import Limiter
from jobflows.cluster.resources import JOBS, PODS
from jobflows.cluster.transport import Transport


async def run_bare_loop(
    transport: Transport, scenario: Scenario, namespace: str, run: str
) -> float:
    """Run the scenario once; return its makespan in seconds."""
    client = Client(transport, Limiter(), rng=random.Random(0))
    dag = scenario.dag()
    names = [f"{run}-{i}" for i in range(scenario.flows)]
    unmet = {(name, step): len(needs) for name in names for step, needs in dag.items()}
    below: dict[str, list[str]] = {step: [] for step in dag}
    for step, needs in dag.items():
        for parent in needs:
            below[parent].append(step)
    open_steps = set(unmet)
    creating: set[asyncio.Task[bytes]] = set()
    loop = asyncio.get_running_loop()

    def create(name: str, step: str) -> None:
        task = loop.create_task(client.create(JOBS, namespace, bare_job(name, step, run)))
        creating.add(task)
        task.add_done_callback(creating.discard)

    started = loop.time()
    for key, count in unmet.items():
        if count == 0:
            create(*key)
    watch = changes(client, PODS, namespace, label_selector=f"bench/run={run}")
    async with aclosing(watch) as pods:
        async for pod in pods:
            key = (pod.metadata.labels["bench/flow"], pod.metadata.labels["bench/step"])
            if pod.status.phase != "Succeeded" or key not in open_steps:
                continue
            open_steps.discard(key)
            for child in below[key[1]]:
                unmet[key[0], child] -= 1
                if unmet[key[0], child] == 0:
                    create(key[0], child)
            if not open_steps:
                break
    if creating:
        await asyncio.wait(creating)
    return loop.time() - started
