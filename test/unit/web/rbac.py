"""A cluster with two namespaces and three users, each with other rights, and an archive of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from cluster_suite.flows import flow, manual, step
from jobflows.archive import Archive, AttemptFact, KindOf, Known
from jobflows.cluster.login import connect
from jobflows.cluster.transport import Request
from jobflows.engine import StepPhase, StepRecord
from jobflows.web.login.api_server import ApiServer
from jobflows.web.login.gate import Login
from jobflows.web.login.orders import ClusterOrders
from jobflows.web.memory import Memory
from unit.cli.served import Object, Served
from unit.web.archives import NOW, done, write_flow
from unit.web.archives import step as archived
from unit.web.conftest import reader

EDIT, VIEW, OTHER = "ada-token", "vera-token", "otto-token"
USERS = {EDIT: "ada", VIEW: "vera", OTHER: "otto"}
RIGHTS = {
    EDIT: {("default", "list", "jobflows"), ("default", "patch", "jobflows")},
    VIEW: {("default", "list", "jobflows")},
    OTHER: {("elsewhere", "list", "jobflows")},
}
LOGS = ("default", "get", "pods")


def status(code: int, reason: str, message: str) -> tuple[int, Object]:
    return code, {"kind": "Status", "code": code, "reason": reason, "message": message}


@dataclass
class Cluster:
    """A namespace with RBAC, its flow, and an archive that has it and one of another namespace."""

    served: Served
    archive: Archive
    uid: str

    def login(self) -> Login:
        return Login(ApiServer(connect(str(self.served.config)), Memory()), "cluster")

    def client(self, token: str = "", *, actions: bool = True, **site: Any) -> TestClient:
        login = self.login()
        orders = ClusterOrders(login) if actions else None
        made = reader(self.archive, site={"login": login, "orders": orders, **site})
        if token:
            made.headers["Authorization"] = f"Bearer {token}"
        return made

    def flow(self) -> Object:
        return self.served.flow("release")


def rbac(served: Served, request: Request) -> tuple[int, Object] | None:
    token, body = served.bearer, json.loads(request.body or b"{}")
    if token not in USERS:
        return status(401, "Unauthorized", "Unauthorized")
    if request.path.endswith("/selfsubjectreviews"):
        return 201, {"status": {"userInfo": {"username": USERS[token]}}}
    if request.path.endswith("/selfsubjectaccessreviews"):
        asked = body["spec"]["resourceAttributes"]
        right = (asked["namespace"], asked["verb"], asked["resource"])
        return 201, {"status": {"allowed": right in RIGHTS[token]}}
    namespace = request.path.split("/namespaces/")[1].split("/")[0]
    verb = {"GET": "list", "PATCH": "patch"}[request.method]
    if (namespace, verb, "jobflows") not in RIGHTS[token]:
        words = f'User "{USERS[token]}" cannot {verb} resource "jobflows" in {namespace}'
        return status(403, "Forbidden", words)
    return None


@contextmanager
def opened(folder: Path) -> Iterator[Cluster]:
    """All of it, while it is needed."""
    served = Served(folder)
    served.refuse = lambda request: rbac(served, request)
    with served.running(), Archive.open(f"sqlite:///{folder}/a.db", migrate=True) as archive:
        made = flow("release", step("build"), manual("ask", "build"))
        asks = {"name": "ask", "phase": "PendingApproval", "attempt": 0}
        steps = [{"name": "build", "phase": "Succeeded", "attempt": 1}, asks]
        served.create("jobflows", made | {"status": {"phase": "Paused", "steps": steps}})
        uid = served.flow("release")["metadata"]["uid"]
        for id, namespace, origin in (
            (uid, "default", "cluster"),
            ("hidden-uid", "elsewhere", "cluster"),
            ("far-uid", "default", "another-cluster"),
        ):
            fill(archive, id, namespace, origin)
        yield Cluster(served, archive, uid)


def fill(archive: Archive, id: str, namespace: str, origin: str) -> None:
    name = "release" if namespace == "default" else "secret-plans"
    steps = [archived("build"), {"name": "ask", "type": "Manual", "dependencies": ["build"]}]
    document = {
        "apiVersion": "workflow.kube-zen.io/v1alpha1",
        "kind": "JobFlow",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"steps": steps},
    }
    kind = KindOf(origin=origin, namespace=namespace, family=name, name="build")
    failed = AttemptFact(
        flow_id=id,
        step="build",
        attempt=1,
        kind=kind,
        version=Known.POD.at(1),
        phase="Failed",
        cause="Application",
        reason="Error",
        exit_code=1,
        message=f"no cell 17 for {namespace}",
        started=NOW - 50,
        finished=NOW - 40,
        log_tail=f"password of {namespace}\nno cell {len(namespace)} today\n",
    )
    asks = StepRecord(phase=StepPhase.PENDING_APPROVAL, started=NOW - 40)
    records = {"build": done(NOW - 50, 10), "ask": asks}
    write_flow(archive, id, document, records, origin=origin, attempts=iter([failed]))
