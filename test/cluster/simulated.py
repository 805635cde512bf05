"""Simulated nodes: kwok plays their kubelets, so that thousands of pods cost no process.

What becomes of a pod is told by its annotations; the files in `stages/` read them.
"""

from pathlib import Path

from cluster import processes
from cluster.api import Api, Object, wait_for
from cluster.paths import SOURCE, State

_MARK = "kwok.x-k8s.io/node"
_NODES = ("sim-0", "sim-1", "sim-2")
_CAPACITY = {"cpu": "10000", "memory": "100Ti", "ephemeral-storage": "100Ti", "pods": "100000"}

# More workers than kwok's four, so that a burst of pods waits for the API server and not for kwok.
_OPTIONS = """\
apiVersion: config.kwok.x-k8s.io/v1alpha1
kind: KwokConfiguration
options:
  podPlayStageParallelism: 16
"""


def start(state: State, program: Path | str, api: Api, kubeconfig: Path) -> None:
    """Create the nodes, start kwok, and return when pods can run on them."""
    options = state.write("kwok.yaml", _OPTIONS)
    stages = sorted((SOURCE / "stages").glob("*.yaml"))
    processes.start(
        state,
        "kwok",
        [
            program,
            *("--kubeconfig", kubeconfig),
            "--manage-all-nodes=false",
            f"--manage-nodes-with-annotation-selector={_MARK}=fake",
            # Without leases a restarted kwok acts at once, instead of waiting for its old ones.
            *("--node-lease-duration-seconds", "0", "--node-ip", "127.0.0.1"),
            *("--cidr", "10.128.0.0/9", "--v", "WARN"),
            *(f"--config={path}" for path in (options, *stages)),
        ],
    )
    for name in _NODES:
        api.create("/api/v1/nodes", _node(name))
    wait_for("simulated nodes are ready", lambda: all(_ready(api, n) for n in _NODES), seconds=60)


def _node(name: str) -> Object:
    return {
        "metadata": {
            "name": name,
            "annotations": {_MARK: "fake"},
            "labels": {"type": "kwok", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"},
        },
        "status": {"capacity": _CAPACITY, "allocatable": _CAPACITY},
    }


def _ready(api: Api, name: str) -> bool:
    """Ready, and no longer marked as not: the mark goes a moment after the condition comes."""
    node = api.get(f"/api/v1/nodes/{name}")
    conditions = {c["type"]: c["status"] for c in node["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and not node["spec"].get("taints")
