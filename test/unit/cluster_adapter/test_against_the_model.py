"""Client and informer against the API server model: random faults, compactions and outages.

Whatever happens on the way, the informer's copy ends equal to the server's objects, and the changes
it told of add up to its content.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from jobflows.cluster import JOBS, ApiError, Client, Informer, Limiter, TransportError
from model import ApiServer, RandomFaults, kind_of, simulate
from unit.cluster_adapter.scripted import Job

JOB: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "spec": {
        "suspend": True,
        "template": {
            "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox"}]}
        },
    },
}


@pytest.mark.parametrize("seed", range(12))
def test_the_copy_ends_equal_to_the_server(seed: int) -> None:
    rng = random.Random(seed)
    mirror: dict[str, str] = {}

    def on_change(old: Job | None, new: Job | None) -> None:
        if old is not None:
            assert mirror.pop(old.metadata.name) == old.metadata.resourceVersion
        if new is not None:
            assert new.metadata.name not in mirror
            mirror[new.metadata.name] = new.metadata.resourceVersion

    async def scenario(server: ApiServer) -> None:
        server.faults = RandomFaults(random.Random(seed), rate=0.1)
        client = Client(server.transport("operator"), Limiter(50, 10, 5), rng=rng)
        informer = Informer(client, JOBS, Job, on_change=on_change, rng=rng, page_size=3)
        task = asyncio.create_task(informer.run())

        async def write(number: int) -> None:
            await asyncio.sleep(rng.uniform(0, 120))
            name = f"job-{number % 20}"
            try:
                known = informer.get("default", name)
                if known is None:
                    metadata = {"name": name, "namespace": "default"}
                    answer = await client.create(JOBS, "default", {**JOB, "metadata": metadata})
                    informer.observe(informer.decode(answer))
                elif rng.random() < 0.5:
                    body = {"metadata": {"labels": {"n": str(number)}}}
                    answer = await client.patch(JOBS, "default", name, body)
                    informer.observe(informer.decode(answer))
                else:
                    await client.delete(JOBS, "default", name, uid=known.metadata.uid)
            except ApiError as error:
                if not (error.retriable or error.status in {404, 409}):
                    raise
            except TransportError:
                pass

        async def trouble() -> None:
            for _ in range(3):
                await asyncio.sleep(rng.uniform(10, 40))
                server.down()
                await asyncio.sleep(rng.uniform(0, 20))
                server.up()
                if rng.random() < 0.7:
                    server.compact()
                    server.cut_watches()

        await asyncio.gather(trouble(), *(write(number) for number in range(80)))
        await asyncio.sleep(240)
        there = {
            item["metadata"]["name"]: item["metadata"]["resourceVersion"]
            for item in server.objects(kind_of("jobs"))
        }
        assert mirror == there
        copy = {known.metadata.name: known.metadata.resourceVersion for known in informer.values()}
        assert copy == there
        assert not task.done()
        task.cancel()

    simulate(scenario, seed=seed)
