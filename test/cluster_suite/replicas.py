"""Replicas of the operator as processes, each of them another user to the API server."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cluster import Record
from cluster_suite.kube import Kube
from cluster_suite.process import OperatorProcess, write_kubeconfig

USERS = {"operator": "jobflow-operator", "bench-loop": "bench-loop", "admin": "admin"}
"""Clients of the cluster, and what the audit log calls them."""


class Replicas:
    """Processes by the client that they are to the API server."""

    def __init__(self, suite: Record, kube: Kube, folder: Path, *flags: str) -> None:
        self.kube = kube
        self._suite = suite
        self._folder = folder
        self._flags = (
            *("--watch-namespace", kube.namespace, "--lease-namespace", kube.namespace),
            *("--lease-name", "test", *flags),
        )
        self.running: dict[str, OperatorProcess] = {}

    def start(self, *clients: str) -> None:
        for client in clients:
            config = write_kubeconfig(self._suite, client, self._folder / client)
            log = self._folder / f"{client}.log"
            process = OperatorProcess(config, log, *self._flags, identity=client)
            self.running[client] = process
            process.wait_ready()

    def holders(self) -> dict[str, str]:
        """Who holds which shard."""
        leases = self.kube.find("leases", "workflow.kube-zen.io/role=shard")
        return {
            lease["metadata"]["name"]: lease["spec"].get("holderIdentity", "") for lease in leases
        }

    def end(self) -> None:
        for process in self.running.values():
            with suppress(ProcessLookupError):  # it has ended
                os.kill(process.pid, signal.SIGCONT)
            process.kill()


@contextmanager
def replicas(suite: Record, kube: Kube, folder: Path, *flags: str) -> Iterator[Replicas]:
    cast = Replicas(suite, kube, folder, *flags)
    try:
        yield cast
    finally:
        cast.end()
