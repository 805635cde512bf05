"""Map steps on real pods: limits found in the cgroup, and work that survives kills."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import Record, own_images
from cluster_suite.kube import Kube, steps
from cluster_suite.process import OperatorProcess
from e2e.folders import claimed
from e2e.pods import logs

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("operator")]

EXAMPLE = Path(__file__).parents[2] / "examples" / "map.yaml"

SLOW = '''
import os, signal, time

def spin(item):
    """A tenth of a second of work. Item 50 kills its worker once a pod, then waits to be let go."""
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    if item == 50:
        mark = "/state/killed-" + os.uname().nodename
        if not os.path.exists(mark):
            open(mark, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        open("/state/begun", "w").close()
        while not os.path.exists("/state/go"):
            time.sleep(0.05)
    return item
'''

BEGUN = "while [ ! -e /state/begun ]; do python3 -c 'import time; time.sleep(0.1)'; done"
COUNT = "workflow.kube-zen.io/step=count"


@pytest.fixture
def state(real: Record, kube: Kube) -> Iterator[None]:
    """An image to map in, and a volume for the claim `map-state`, which nobody else makes."""
    if real.provider != "binaries":
        pytest.skip("the image of map steps is made for the cluster of this repository")
    own_images.ensure("runtime")
    with claimed(kube, kube.namespace, "map-state"):
        yield


@pytest.mark.usefixtures("state")
def test_the_example_finds_its_limits_and_its_summary_is_in_the_status(
    kube: Kube, operator: OperatorProcess
) -> None:
    kube("apply", "-f", str(EXAMPLE))
    found = steps(kube.ends("map"))["count"]
    assert found["outputs"] == {"done": "12"}
    assert found["map"]["limits"] == {"cpus": 2.0, "memory": 128 * 2**20}
    assert (found["map"]["items"], found["map"]["done"]) == (12, 12)
    assert found["map"]["workers"] <= 2
    assert 0 < found["map"]["peakMemory"] < 128 * 2**20
    assert logs(kube, "map", "report").startswith("12 of 12 counted")
    counted = f'zen_flow_map_items_total{{namespace="{kube.namespace}",result="done"}} 12.0'
    assert counted in operator.fetch("/metrics")[1]


@pytest.mark.usefixtures("state")
def test_a_map_survives_the_kill_of_a_worker_and_of_its_pod(kube: Kube) -> None:
    flow: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text())
    flow["spec"]["steps"][1:] = []
    flow["spec"]["resourceTemplates"]["configMapTemplates"][0]["data"] = {"slow.py": SLOW}
    # So few are done in the order in which they stand.
    flow["spec"]["steps"][0]["map"] |= {"function": "slow:spin", "items": list(range(60))}
    kube.apply(flow)
    first = kube.until_any("pods", COUNT, _runs)["metadata"]["name"]
    kube("exec", first, "--", "sh", "-c", BEGUN)
    kube("delete", "pod", first, "--grace-period=0", "--force")
    second = kube.until_any(
        "pods", COUNT, lambda pod: _runs(pod) and pod["metadata"]["name"] != first
    )
    kube("exec", second["metadata"]["name"], "--", "sh", "-c", "echo > /state/go")
    found = steps(kube.ends("map"))["count"]
    summary = found["map"]
    assert summary["items"] == 60
    assert summary["skipped"] > 20, "the log on the volume was not used"
    assert summary["done"] + summary["skipped"] == 60
    assert summary.get("failed", 0) == 0
    assert summary["deaths"] >= 1


@pytest.mark.usefixtures("state")
def test_the_next_flow_is_cut_by_what_this_one_measured(kube: Kube) -> None:
    flow: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text())
    flow["spec"]["steps"][1:] = []
    flow["spec"]["resourceTemplates"]["configMapTemplates"][0]["data"] = {"slow.py": SLOW}
    flow["spec"]["steps"][0]["map"] |= {"function": "slow:spin", "items": list(range(20))}
    kube.apply(flow)
    first = steps(kube.ends("map"))["count"]["map"]
    assert (first["itemsPerTask"], first["tasks"]) == (20, 1)
    flow["metadata"]["name"] = "next"
    # Nothing of it runs: how its items are cut is decided when it begins.
    flow["spec"]["steps"][0]["map"] |= {"items": list(range(10_000)), "parallelism": 0}
    kube.apply(flow)
    second = steps(kube.until("jobflow", "next", _is_cut)["status"])["count"]["map"]
    each = first["itemSeconds"] / max(first["speedup"], 1)
    assert 150 < second["itemsPerTask"] * each <= 301, "a task runs for about five minutes"
    assert second["reason"].startswith("an item took")


def _is_cut(flow: dict[str, Any]) -> bool:
    return "map" in (flow.get("status", {}).get("steps") or [{}])[0]


def _runs(pod: dict[str, Any]) -> bool:
    return bool(pod.get("status", {}).get("phase") == "Running")
