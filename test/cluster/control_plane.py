"""etcd, kube-apiserver, kube-controller-manager and kube-scheduler, ready in a few seconds.

The flags are those of a usual cluster but where a test needs otherwise; each such one is explained
here, because a benchmark's figures mean nothing without them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cluster import credentials, processes
from cluster.api import Api, wait_for
from cluster.errors import ClusterError
from cluster.paths import State
from cluster.ports import free_ports

# At their defaults (20 and 50 calls a second) the Job controller and the scheduler are the
# bottleneck of every benchmark, and hide what the operator costs.
QUICK = ["--kube-api-qps", "300", "--kube-api-burst", "400", "--leader-elect=false"]

# Calls and who made them, without bodies; one line a call, not one when it begins and one when it
# ends.
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        # With what is said of a pod: more than its own node writes there.
        {"level": "Request", "resources": [{"group": "", "resources": ["pods/status"]}]},
        {"level": "Metadata"},
    ],
}


@dataclass(frozen=True, slots=True)
class Network:
    """Where the API server listens, and the addresses of Services.

    With simulated pods that is loopback, which Kubernetes refuses as the address of its own
    Service, so that Service gets no endpoints; real pods reach the server on a link of their own.
    """

    address: str = "127.0.0.1"
    services: str = "10.96.0.0/24"

    @property
    def has_pods(self) -> bool:
        """Whether real pods will call the server."""
        return self.address != "127.0.0.1"


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """A running control plane, as its administrator sees it."""

    api: Api
    tokens: dict[str, str]
    audit_log: Path | None
    prometheus: dict[str, str]


def start(
    state: State, programs: Mapping[str, Path], network: Network, audit: bool
) -> ControlPlane:
    """Start all four and return when the API server is ready and every client has its rights."""
    ports = free_ports(5, network.address)
    etcd_port, peer_port, manager_port, scheduler_port, server_port = ports
    etcd = f"http://127.0.0.1:{etcd_port}"
    tokens = credentials.make_tokens(state)
    certificate = state.folder / "pki" / "apiserver.crt"
    server = f"https://{network.address}:{server_port}"
    api = Api(server, tokens["admin"], certificate)

    processes.start(
        state, "etcd", [programs["etcd"], *_etcd(state, etcd, f"http://127.0.0.1:{peer_port}")]
    )
    apiserver = _apiserver(state, etcd, network, server_port, audit)
    process = processes.start(state, "kube-apiserver", [programs["kube-apiserver"], *apiserver])

    def ready() -> bool:
        if not process.alive():
            raise ClusterError(
                f"kube-apiserver ended:\n{processes.log_tail(state, 'kube-apiserver')}"
            )
        return api.ready()

    wait_for("kube-apiserver is ready", ready, seconds=90)
    credentials.write_kubeconfigs(state, api, tokens)
    credentials.grant(api)

    manager = ["--bind-address", "127.0.0.1", "--secure-port", str(manager_port)]
    scheduler = ["--bind-address", "127.0.0.1", "--secure-port", str(scheduler_port)]
    for name, flags in (
        ("kube-controller-manager", [*manager, *_controller_manager(state, network)]),
        ("kube-scheduler", scheduler),
    ):
        config = str(credentials.component_kubeconfig(state, name))
        # Authentication through the API server, so that the admin token may read the metrics.
        login = [f"--{use}kubeconfig={config}" for use in ("", "authentication-", "authorization-")]
        certificates = ["--cert-dir", str(state.folder / "pki" / name)]
        # No client certificates are in use, so there is no authority for them to look up.
        login.append("--authentication-skip-lookup")
        processes.start(state, name, [programs[name], *login, *certificates, *QUICK, *flags])

    return ControlPlane(
        api,
        tokens,
        state.folder / "audit.log" if audit else None,
        {
            "etcd": f"{etcd}/metrics",
            "kube-apiserver": f"{server}/metrics",
            "kube-controller-manager": f"https://127.0.0.1:{manager_port}/metrics",
            "kube-scheduler": f"https://127.0.0.1:{scheduler_port}/metrics",
        },
    )


def _etcd(state: State, client: str, peer: str) -> list[str]:
    return [
        *("--data-dir", str(state.folder / "etcd")),
        *("--listen-client-urls", client, "--advertise-client-urls", client),
        *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
        *("--initial-cluster", f"default={peer}"),
        # The data lives as long as the cluster, and syncing it would measure this disk.
        "--unsafe-no-fsync",
        *("--quota-backend-bytes", str(4 << 30), "--log-level", "warn"),
    ]


def _apiserver(state: State, etcd: str, network: Network, port: int, audit: bool) -> list[str]:
    pki = state.folder / "pki"
    # The server makes its certificate before it reads this key: one key serves both uses, and no
    # other tool is needed to make one.
    key = str(pki / "apiserver.key")
    flags = [
        *("--etcd-servers", etcd),
        *("--bind-address", network.address, "--secure-port", str(port)),
        *("--advertise-address", network.address),
        *("--service-cluster-ip-range", network.services),
        *("--cert-dir", str(pki)),
        *("--service-account-issuer", "https://kubernetes.default.svc"),
        *("--service-account-key-file", key, "--service-account-signing-key-file", key),
        *("--token-auth-file", str(state.folder / "tokens.csv")),
        *("--authorization-mode", "Node,RBAC"),
        *("--kubelet-preferred-address-types", "InternalIP"),
        # As hardened clusters and OpenShift do: owners are blocked only by who may finalize them.
        *("--enable-admission-plugins", "OwnerReferencesPermissionEnforcement"),
        "--allow-privileged=true",
    ]
    if not network.has_pods:
        flags += ["--endpoint-reconciler-type", "none"]
    if audit:
        policy = state.write("audit-policy.json", json.dumps(AUDIT_POLICY))
        flags += [
            *("--audit-policy-file", str(policy)),
            *("--audit-log-path", str(state.folder / "audit.log")),
            *("--audit-log-maxsize", "2048", "--audit-log-maxbackup", "1"),
            # Batches keep the log off the path of a call; a short wait lets a test read its own
            # calls soon, a large buffer loses none in a burst.
            *("--audit-log-mode", "batch", "--audit-log-batch-max-wait", "200ms"),
            *("--audit-log-batch-max-size", "1000", "--audit-log-batch-buffer-size", "100000"),
        ]
    return flags


def _controller_manager(state: State, network: Network) -> list[str]:
    pki = state.folder / "pki"
    flags = [
        "--use-service-account-credentials",
        *("--service-account-private-key-file", str(pki / "apiserver.key")),
        *("--root-ca-file", str(pki / "apiserver.crt")),
        *("--concurrent-job-syncs", "10"),
    ]
    if not network.has_pods:
        # A simulated kubelet that is late with its heartbeat is busy, not gone. Taken for gone, all
        # of its pods are written to, which makes it later still.
        flags += ["--node-monitor-grace-period", "24h"]
    return flags
