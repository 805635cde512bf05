"""The operator is killed ten times at bad moments; no step is lost and none runs twice."""

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster_suite.flows import chain, diamond, fails_until, flow, retry, runs, step
from cluster_suite.kube import ATTEMPT, FLOW, STEP, Kube, Object, phases
from cluster_suite.process import OperatorProcess, running

pytestmark = pytest.mark.cluster

FLOWS = 20
KILLS = 10
SEED = int(os.environ.get("JOBFLOW_CHAOS_SEED", "20260131"))
JOBS_BETWEEN_KILLS = (1, 12)
"""New Jobs that an operator lives to see: it dies when it has just acted, or has begun to."""


def test_twenty_flows_survive_ten_kills(kube: Kube, operator_config: Path, tmp_path: Path) -> None:
    rng = random.Random(SEED)
    flows = [_some_flow(f"f{i:02}", rng) for i in range(FLOWS)]
    log = tmp_path / "log"
    scope = ("--watch-namespace", kube.namespace)
    kube.apply(*flows)
    made: set[str] = set()
    with kube.watch("jobs", seconds=240) as changes:
        for _ in range(KILLS):
            process = OperatorProcess(operator_config, log, *scope)
            try:
                _see_new_jobs(changes, made, rng.randint(*JOBS_BETWEEN_KILLS))
            finally:
                process.kill()
    over = [f for f in kube.find("jf") if f.get("status", {}).get("phase") == "Succeeded"]
    assert len(over) < FLOWS, "all was over before the last kill"
    with running(operator_config, log, *scope):
        for each in flows:
            status = kube.ends(each["metadata"]["name"], seconds=120)
            assert set(phases(status).values()) == {"Succeeded"}
    expected = Counter({key: 1 for each in flows for key in _expected(each)})
    assert Counter(_key(job) for job in kube.find("jobs")) == expected
    assert Counter(_key(pod) for pod in kube.find("pods")) == expected


def _some_flow(name: str, rng: random.Random) -> Object:
    pod = runs(f"{rng.randint(50, 300)}ms")
    match rng.randrange(3):
        case 0:
            return chain(name, 5, pod=pod)
        case 1:
            return diamond(name, pod=pod)
        case _:
            unsteady = fails_until(rng.randint(2, 3), run_for=f"{rng.randint(50, 300)}ms")
            first = step("s0", pod=unsteady, retryPolicy=retry(3))
            return flow(name, first, *chain(name, 4, pod=pod)["spec"]["steps"][1:])


def _expected(each: Object) -> Iterator[tuple[str, str, str]]:
    """Flow, step and number of every attempt that there must have been."""
    for one in each["spec"]["steps"]:
        script = one["template"]["spec"]["template"]["metadata"]["annotations"]
        failures = script.get("sim.jobflow/only-pods", "-[1-0]")[4]
        for attempt in range(1, int(failures) + 2):
            yield each["metadata"]["name"], one["name"], str(attempt)


def _key(made: Object) -> tuple[str, str, str]:
    labels = made["metadata"]["labels"]
    return labels[FLOW], labels[STEP], labels[ATTEMPT]


def _see_new_jobs(changes: Iterator[Object], made: set[str], count: int) -> None:
    enough = len(made) + count
    while len(made) < enough:
        made.add(next(changes)["metadata"]["name"])
