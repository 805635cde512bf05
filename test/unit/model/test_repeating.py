"""A seed replays to the byte, in this process and in others; and it is quick."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

from model import ApiServer, Outcome, RandomFaults, simulate
from model.kinds import JOBS

from .asking import JOBS_PATH, Follower, job, send

ROOT = Path(__file__).parents[3]


async def storm(server: ApiServer) -> str:
    """Twenty Jobs in bad weather; returns a digest of all that a client saw."""
    server.faults = RandomFaults(server.random, rate=0.1)
    server.script = lambda pod: Outcome(
        run_for=server.random.uniform(0.0, 9.0), exit_code=server.random.choice((0, 0, 1))
    )
    followers = [
        Follower(server.transport(), path, allowWatchBookmarks="true")
        for path in (JOBS_PATH, "/api/v1/pods")
    ]
    for number in range(20):
        server.create(JOBS, job(f"j{number}", completions=2, backoffLimit=1), "default")
    await server.clock.sleep(200.0)
    seen = [follower.events for follower in followers]
    return hashlib.sha256(repr((seen, server.requests)).encode()).hexdigest()


def test_a_seed_replays_to_the_byte() -> None:
    first = simulate(storm, seed=5)
    assert simulate(storm, seed=5) == first
    assert simulate(storm, seed=6) != first


def test_a_seed_replays_in_another_process_with_other_hashes() -> None:
    code = "from unit.model.test_repeating import storm; from model import simulate; "
    code += "print(simulate(storm, seed=5))"
    place = os.pathsep.join(str(ROOT / folder) for folder in ("operator", "test"))
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": place}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == simulate(storm, seed=5)


def test_a_thousand_jobs_take_well_under_two_seconds_of_cpu() -> None:
    async def scenario(server: ApiServer) -> None:
        transport = server.transport()
        follower = Follower(transport, JOBS_PATH)
        for number in range(1000):
            await send(transport, "POST", JOBS_PATH, job(f"j{number}"))
        await server.clock.sleep(10.0)
        assert sum("completionTime" in one["status"] for one in server.objects(JOBS)) == 1000
        assert len(follower.events) == 4000

    before = time.process_time()
    simulate(scenario)
    assert time.process_time() - before < 2.0
