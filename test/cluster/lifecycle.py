"""Brings a named cluster up, reports it, and takes it down.

Rule: `up` and `down` of one name exclude each other, and each leaves nothing half done that the
next could stumble over: a cluster without a finished record, or with a dead part, is cleared away
whole before a new one starts.
"""

import os
import shutil
from pathlib import Path

from cluster import base_images, binaries, control_plane, kind, processes, real, record, simulated
from cluster.api import Api, wait_for
from cluster.credentials import component_kubeconfig, public
from cluster.errors import ClusterError
from cluster.paths import State, exclusive
from cluster.record import Mode, Record


def up(
    name: str = "dev", mode: Mode = "sim", audit: bool = True, with_python: bool = False
) -> Record:
    """Return the running cluster of this name, starting it if need be.

    Raises UnavailableError if this machine cannot run it, ClusterError if it does not come up or
    runs in the other mode.
    """
    state = State(name)
    with exclusive(state.lock):
        running = status(name)
        if running is not None and running.mode != mode:
            raise ClusterError(f"cluster {name} runs in mode {running.mode}: take it down first")
        if running is not None:
            if mode == "real" and with_python and running.provider == "binaries":
                base_images.ensure_python()
            return running
        _clear(state)
        if os.environ.get("CLUSTER") == "kind":
            started = kind.start(state, mode)
        else:
            try:
                started = _start(state, mode, audit, with_python)
            except BaseException:
                processes.stop(state, processes.recorded(state))  # the logs stay
                raise
        record.save(state, started)
        return started


def down(name: str = "dev") -> bool:
    """End a cluster and remove all of it; False if there was none."""
    state = State(name)
    with exclusive(state.lock):
        return _clear(state)


def status(name: str = "dev") -> Record | None:
    """The record of a cluster that is up and healthy, else None."""
    state = State(name)
    found = record.load(state)
    if found is None:
        return None
    alive = all(process.alive() for process in processes.recorded(state))
    return found if alive and _api(found).ready() else None


def _api(of: Record) -> Api:
    return Api(of.server, of.tokens["admin"], Path(of.ca_file))


def _start(state: State, mode: Mode, audit: bool, with_python: bool) -> Record:
    if mode == "real":
        real.require()
    programs = binaries.ensure(binaries.for_mode(mode))
    state.folder.mkdir(parents=True, mode=0o700)
    prepared = real.prepare(state, with_python) if mode == "real" else None
    network = prepared.network if prepared else control_plane.Network()
    plane = control_plane.start(state, programs, network, audit)
    if prepared:
        real.start(prepared, programs, plane.api)
    else:
        config = component_kubeconfig(state, "kwok")
        simulated.start(state, programs["kwok"], plane.api, config)
    # Pods are refused until the namespace has this account.
    account = "/api/v1/namespaces/default/serviceaccounts/default"
    wait_for("the default service account", lambda: plane.api.exists(account), seconds=30)
    return Record(
        name=state.name,
        mode=mode,
        provider="binaries",
        kubernetes=binaries.KUBERNETES.version,
        kubeconfig=str(state.kubeconfig),
        server=plane.api.server,
        ca_file=str(plane.api.ca_file),
        tokens=public(plane.tokens),
        logs=str(state.logs),
        audit_log=str(plane.audit_log) if plane.audit_log else None,
        prometheus=plane.prometheus,
        pids={process.name: process.pid for process in processes.recorded(state)},
        kubectl=shutil.which("kubectl") or str(binaries.KUBECTL.path),
        details=prepared.details() if prepared else {},
    )


def _clear(state: State) -> bool:
    """End and remove whatever is left of a cluster, running or dead; False if nothing was."""
    if not state.folder.exists():
        return False
    kind.clear(state)
    real.clear(state)
    processes.stop(state, processes.recorded(state))
    shutil.rmtree(state.folder)
    return True
