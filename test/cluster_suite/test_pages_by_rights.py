"""Pages where people sign in, on the real API server: RBAC decides, and the audit log names who."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from starlette.testclient import TestClient

from cluster import Record
from cluster_suite.flows import flow, manual, step
from cluster_suite.kube import APPROVED, Kube
from cluster_suite.rights import AuditLog
from jobflows.archive import Archive
from jobflows.cluster.login import Connection
from jobflows.manifests.records import FlowRecord
from jobflows.recorder.flows import Flows
from jobflows.web.application import application
from jobflows.web.login.api_server import ApiServer
from jobflows.web.login.gate import Login
from jobflows.web.login.orders import ClusterOrders
from jobflows.web.memory import Memory
from jobflows.web.site import Site

pytestmark = pytest.mark.cluster


@dataclass(frozen=True)
class Pages:
    """Pages over an archive with a flow of this namespace."""

    kube: Kube
    uid: str
    browser: Callable[[], TestClient]

    def signed_in(self, account: str) -> TestClient:
        client = self.browser()
        fields = {"token": self.kube("create", "token", account).strip()}
        assert client.post("/login", data=fields).status_code == 303
        return client

    def order(self, client: TestClient, order: str, **fields: str) -> tuple[int, str]:
        # Of an older page: the sign-out form has the same word as the buttons.
        word = client.get("/").text.split('name="word" value="')[1].split('"')[0]
        data = {"word": word, "order": order, **fields}
        answer = client.post(f"/flows/{self.uid}/act", data=data)
        return answer.status_code, answer.text


@pytest.fixture
def pages(kube: Kube, suite: Record, tmp_path: Path) -> Iterator[Pages]:
    verbs = {"ada": "get,list,patch", "vera": "get,list", "otto": ""}
    for account, allowed in verbs.items():
        kube("create", "serviceaccount", account)
        if allowed:
            kube("create", "role", account, f"--verb={allowed}", "--resource=jobflows")
            who = f"--serviceaccount={kube.namespace}:{account}"
            kube("create", "rolebinding", account, f"--role={account}", who)
    kube.apply(flow("release", step("build"), manual("ask", "build")))
    stored = kube.get("jf", "release")
    with Archive.open(f"sqlite:///{tmp_path}/archive.db", migrate=True) as archive:
        record = msgspec.json.decode(msgspec.json.encode(stored), type=FlowRecord)
        archive.write(Flows("cluster").tell(record))
        connection = Connection(server=suite.server, ca_file=suite.ca_file)

        def browser() -> TestClient:
            login = Login(ApiServer(connection, Memory()), "cluster")
            site = Site(archive, login=login, orders=ClusterOrders(login), now=time.time)
            here = "https://pages.example"  # a cookie that goes over TLS only
            return TestClient(application(site), base_url=here, follow_redirects=False)

        yield Pages(kube, stored["metadata"]["uid"], browser)


def test_each_reader_has_their_own_rights(pages: Pages, audit_log: Path) -> None:
    kube, place = pages.kube, f"/flows/{pages.uid}"
    seen = AuditLog(audit_log)
    ada, vera, otto = (pages.signed_in(account) for account in ("ada", "vera", "otto"))

    assert "Pause" in ada.get(place).text
    assert pages.order(ada, "pause")[0] == 303
    assert kube.get("jf", "release")["spec"]["suspend"] is True
    assert pages.order(ada, "approve", step="ask")[0] == 303
    assert pages.order(ada, "stop")[0] == 303
    stored = kube.get("jf", "release")
    notes = stored["metadata"]["annotations"]
    assert (notes[f"{APPROVED}/ask"], notes["workflow.kube-zen.io/stop"]) == ("true", "stop")

    found = vera.get(place)
    assert (found.status_code, 'name="order"' in found.text) == (200, False)
    assert vera.get("/api/v1/flows").json()["items"][0]["name"] == "release"
    code, words = pages.order(vera, "unpause")
    assert code == 403
    assert "not allowed" in words
    assert "cannot patch resource" in words
    assert kube.get("jf", "release") == stored

    assert otto.get(place).status_code == 404
    assert otto.get("/api/v1/flows").json()["items"] == []
    assert pages.order(otto, "unpause")[0] == 404

    user = f"system:serviceaccount:{kube.namespace}:"
    assert ("patch", "jobflows") in seen.granted(user + "ada")
    assert ("patch", "jobflows") in seen.refused(user + "vera")
    seen.close()


def test_a_token_that_nobody_gave_signs_nobody_in(pages: Pages) -> None:
    answer = pages.browser().post("/login", data={"token": "eyJhbGciOiJub25lIn0.e30."})
    assert answer.status_code == 401
    assert "does not take that token" in answer.text
