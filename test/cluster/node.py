"""A real node inside a box: containerd, kubelet and kube-proxy, and their settings.

Settings that differ from a usual node's are explained here; most let it run where control groups
are of version 1 or where root lacks a capability, as in many CI machines.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from cluster import base_images, packages, processes
from cluster.api import Api, wait_for
from cluster.box import Box
from cluster.credentials import REAL_NODE, component_kubeconfig
from cluster.errors import ClusterError
from cluster.paths import SOURCE, State

_REGISTRY_PORT = "5000"
_SOCKET = "/run/containerd/containerd.sock"


def binds(state: State) -> list[tuple[Path, Path]]:
    """What is kept in the state folder, and the fixed place where programs look for it."""
    return [
        (state.folder / "kubelet", Path("/var/lib/kubelet")),
        (state.folder / "cni", Path("/var/lib/cni")),
        (state.folder / "pod-logs", Path("/var/log/pods")),
        (state.folder / "container-logs", Path("/var/log/containers")),
    ]


def start_runtime(box: Box) -> None:
    """Start the registry and containerd; returns at once, the kubelet waits for them."""
    state = box.state
    packed_path = {"PYTHONPATH": str(SOURCE.parent)}
    registry = [*box.enter(), sys.executable, "-m", "cluster.registry", _REGISTRY_PORT]
    processes.start(state, "registry", registry, packed_path)
    state.write("cni.d/10-pods.conflist", json.dumps(_cni(box)))
    # The registry is the only server of every name: an image it lacks is refused at once, and
    # nothing waits for a network that is not there.
    mirror = f"http://127.0.0.1:{_REGISTRY_PORT}"
    hosts = f'server = "{mirror}"\n[host."{mirror}"]\ncapabilities = ["pull", "resolve"]\n'
    state.write("registries/_default/hosts.toml", hosts)
    config = state.write("containerd.toml", _containerd(state))
    processes.start(state, "containerd", [*box.enter(), "containerd", "--config", str(config)])


def start(box: Box, programs: Mapping[str, Path], api: Api) -> None:
    """Start kubelet and kube-proxy, and return when pods can run on the node."""
    state = box.state
    config = state.write("kubelet.json", json.dumps(_kubelet(state, box), indent=2))
    kubelet = [
        *("--config", str(config)),
        *("--kubeconfig", str(component_kubeconfig(state, "kubelet"))),
        *("--hostname-override", REAL_NODE, "--node-ip", box.link.node),
    ]
    proxy = [
        *("--kubeconfig", str(component_kubeconfig(state, "kube-proxy"))),
        *("--hostname-override", REAL_NODE),
        *("--proxy-mode", "iptables", "--cluster-cidr", box.link.pods),
        # The limits of connection tracking are the machine's, not the box's: leave them.
        *("--conntrack-max-per-core", "0", "--conntrack-tcp-timeout-established", "0"),
        *("--conntrack-tcp-timeout-close-wait", "0"),
    ]
    started = processes.start(state, "kubelet", [*box.enter(), str(programs["kubelet"]), *kubelet])
    processes.start(state, "kube-proxy", [*box.enter(), str(programs["kube-proxy"]), *proxy])

    def ready() -> bool:
        if not started.alive():
            raise ClusterError(f"kubelet ended:\n{processes.log_tail(state, 'kubelet')}")
        path = f"/api/v1/nodes/{REAL_NODE}"
        if not api.exists(path):
            return False
        node = api.get(path)
        conditions = {c["type"]: c["status"] for c in node["status"].get("conditions", [])}
        return conditions.get("Ready") == "True" and not node["spec"].get("taints")

    wait_for(f"node {REAL_NODE} is ready", ready, seconds=60, poll=0.05)


def _cni(box: Box) -> dict[str, object]:
    bridge = {
        "type": "bridge",
        "bridge": "jf0",
        "isGateway": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": box.link.pods}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": "/run/cni-addresses",
        },
    }
    return {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge]}


def _containerd(state: State) -> str:
    folder = packages.cni_folder()
    return f"""\
version = 2
root = "{state.folder}/containerd"
state = "/run/containerd"
[grpc]
address = "{_SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{base_images.PAUSE}"
# Without CAP_SYS_RESOURCE no process may lower its score, and every pod would fail to start.
restrict_oom_score_adj = true
disable_hugetlb_controller = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{folder}"
conf_dir = "{state.folder}/cni.d"
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "{state.folder}/registries"
"""


def _kubelet(state: State, box: Box) -> dict[str, object]:
    # Nobody answers there: a look-up of a name fails at once instead of waiting.
    names = state.write("resolv.conf", "nameserver 127.0.0.1\n")
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": box.link.node,
        "containerRuntimeEndpoint": f"unix://{_SOCKET}",
        "resolvConf": str(names),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{box.cgroup}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": [],
        # The machine's disk may be as full as it likes; it is not what is tested.
        "evictionHard": {},
        "localStorageCapacityIsolation": False,
        "imageGCHighThresholdPercent": 100,
        # The API server has no client certificate to show, and only this machine gets here.
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "kubeAPIQPS": 300,
        "kubeAPIBurst": 400,
        "registryPullQPS": 0,
        "serializeImagePulls": False,
        "maxPods": 250,
    }
