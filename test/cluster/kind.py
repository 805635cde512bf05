"""`CLUSTER=kind`: the same record from a kind cluster, where a container engine exists.

Pods are real ones of kind's node. In simulated mode that node takes none, and kwok runs on this
machine beside it.
"""

import base64
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from cluster import binaries, simulated
from cluster.api import Api, wait_for
from cluster.credentials import ADMIN, TESTED
from cluster.errors import ClusterError, UnavailableError
from cluster.paths import State
from cluster.record import Mode, Record

_CLIENTS = tuple(client.name for client in (ADMIN, *TESTED))
_NAMESPACE = "kube-system"


def start(state: State, mode: Mode) -> Record:
    """Create the kind cluster and its clients, which are service accounts here."""
    _require()
    state.folder.mkdir(parents=True, mode=0o700)
    state.write("kind", _kind_name(state))
    config = str(state.kubeconfig)
    create = ["kind", "create", "cluster", "--name", _kind_name(state), "--kubeconfig", config]
    # kind's own chatter must not mix with the record on standard output.
    if subprocess.run([*create, "--wait", "120s"], stdout=sys.stderr, check=False).returncode:
        raise ClusterError(f"`{' '.join(create)}` failed")
    tokens = {name: _make_client(config, name) for name in _CLIENTS}
    view = json.loads(_kubectl(config, "config", "view", "--raw", "--minify", "-o", "json"))
    cluster: dict[str, Any] = view["clusters"][0]["cluster"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    api = Api(cluster["server"], tokens[ADMIN.name], state.write("ca.crt", authority))
    wait_for("kind's API server is ready", api.ready, seconds=60)
    skipped = _simulate(state, api) if mode == "sim" else None
    return Record(
        name=state.name,
        mode=mode,
        provider="kind",
        kubernetes=api.get("/version")["gitVersion"],
        kubeconfig=config,
        server=api.server,
        ca_file=str(api.ca_file),
        tokens=tokens,
        logs=str(state.logs),
        details={"skipped": skipped} if skipped else {},
    )


def clear(state: State) -> None:
    """Delete the kind cluster that this state folder tells of, if any."""
    mark = state.folder / "kind"
    if mark.exists() and shutil.which("kind"):
        command = ["kind", "delete", "cluster", "--name", mark.read_text()]
        if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
            raise ClusterError(f"`{' '.join(command)}` failed")


def _require() -> None:
    for program in ("kind", "kubectl", "docker"):
        if shutil.which(program) is None:
            raise UnavailableError(f"skipped: CLUSTER=kind needs {program} on the path")
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        raise UnavailableError("skipped: CLUSTER=kind needs a running Docker engine")


def _kind_name(state: State) -> str:
    return f"jobflow-{state.name}"


def _kubectl(config: str, *arguments: str) -> str:
    command = ["kubectl", "--kubeconfig", config, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"`{' '.join(command)}`: {done.stderr.strip()}")
    return done.stdout


def _make_client(config: str, name: str) -> str:
    """A service account with all rights, its token, and its context in the kubeconfig."""
    _kubectl(config, "create", "serviceaccount", name, "-n", _NAMESPACE)
    account = f"--serviceaccount={_NAMESPACE}:{name}"
    role = "--clusterrole=cluster-admin"
    _kubectl(config, "create", "clusterrolebinding", f"test-{name}", role, account)
    token = _kubectl(config, "create", "token", name, "-n", _NAMESPACE, "--duration=24h").strip()
    cluster = _kubectl(config, "config", "view", "--minify", "-o", "jsonpath={.clusters[0].name}")
    _kubectl(config, "config", "set-credentials", name, f"--token={token}")
    _kubectl(config, "config", "set-context", name, f"--cluster={cluster}", f"--user={name}")
    return token


def _simulate(state: State, api: Api) -> str | None:
    """Start kwok if it can be had; returns what is skipped otherwise."""
    found = shutil.which("kwok")
    try:
        program: Path | str = found or binaries.ensure(binaries.SIMULATOR)["kwok"]
    except UnavailableError:
        skipped = "simulated nodes: no kwok on the path and no Go to build it"
        print(f"skipped: {skipped}", file=sys.stderr)
        return skipped
    # Pods must land on the simulated nodes only.
    taint = "sim.jobflow/real-node=:NoSchedule"
    _kubectl(str(state.kubeconfig), "taint", "nodes", "--all", taint)
    simulated.start(state, program, api, state.kubeconfig)
    return None
