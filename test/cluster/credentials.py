"""Who may talk to the API server: one token and one user for each client.

Separate users are what makes the audit log useful: it tells whose each API call was.
"""

import base64
import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from cluster.api import Api
from cluster.paths import State

REAL_NODE = "jobflow-real"


@dataclass(frozen=True, slots=True)
class Client:
    """A client by the name it has here, its user and groups in the cluster, and its rights."""

    name: str
    user: str
    groups: tuple[str, ...] = ()
    cluster_admin: bool = False


# The components' users are those that Kubernetes' own default roles are bound to.
ADMIN = Client("admin", "admin", ("system:masters",))
TESTED = (
    Client("operator", "jobflow-operator", cluster_admin=True),
    Client("bench-loop", "bench-loop", cluster_admin=True),
)
COMPONENTS = (
    Client("kube-controller-manager", "system:kube-controller-manager"),
    Client("kube-scheduler", "system:kube-scheduler"),
    Client("kwok", "kwok", cluster_admin=True),
    Client("kubelet", f"system:node:{REAL_NODE}", ("system:nodes",)),
    Client("kube-proxy", "system:kube-proxy"),
)
CLIENTS = (ADMIN, *TESTED, *COMPONENTS)


def make_tokens(state: State) -> dict[str, str]:
    """Draw a token for every client and write the file that the API server reads them from."""
    tokens = {client.name: secrets.token_hex(16) for client in CLIENTS}
    rows = [
        f'{tokens[client.name]},{client.user},{client.user},"{",".join(client.groups)}"'
        for client in CLIENTS
    ]
    state.write("tokens.csv", "\n".join(rows) + "\n", mode=0o600)
    return tokens


def public(tokens: dict[str, str]) -> dict[str, str]:
    """The tokens that tests and people use; the components' own are nobody else's business."""
    return {client.name: tokens[client.name] for client in (ADMIN, *TESTED)}


def write_kubeconfigs(state: State, api: Api, tokens: dict[str, str]) -> None:
    """One file for people, with a context for each of their clients; one for each component."""
    ours = [client.name for client in (ADMIN, *TESTED)]
    state.write("kubeconfig", _kubeconfig(api, {name: tokens[name] for name in ours}), mode=0o600)
    for client in COMPONENTS:
        config = _kubeconfig(api, {client.name: tokens[client.name]})
        state.write(f"clients/{client.name}", config, mode=0o600)


def component_kubeconfig(state: State, name: str) -> Path:
    """Where the kubeconfig of a component is."""
    return state.folder / "clients" / name


def grant(api: Api) -> None:
    """Give the clients that are not administrators by group the role of one."""
    for client in CLIENTS:
        if client.cluster_admin:
            api.create(
                "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
                {
                    "metadata": {"name": f"test-{client.name}"},
                    "roleRef": {
                        "apiGroup": "rbac.authorization.k8s.io",
                        "kind": "ClusterRole",
                        "name": "cluster-admin",
                    },
                    "subjects": [{"kind": "User", "name": client.user}],
                },
            )


def _kubeconfig(api: Api, tokens: dict[str, str]) -> str:
    """A kubeconfig in JSON, which is YAML too; the first client's context is the current one."""
    authority = base64.b64encode(api.ca_file.read_bytes()).decode()
    cluster = {"server": api.server, "certificate-authority-data": authority}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": n, "user": {"token": token}} for n, token in tokens.items()],
            "contexts": [{"name": n, "context": {"cluster": "test", "user": n}} for n in tokens],
            "current-context": next(iter(tokens)),
        },
        indent=2,
    )
