"""Readers sign in with a token of the cluster: what they see, and what they may change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from jobflows.archive import Archive
from jobflows.cluster.login import Connection, connect
from jobflows.web.forms import Forms
from jobflows.web.login.api_server import ApiServer
from jobflows.web.login.gate import Login
from jobflows.web.login.seal import COOKIE, LARGEST, Seal
from jobflows.web.memory import Memory
from unit.web.archives import NOW
from unit.web.conftest import reader
from unit.web.rbac import EDIT, LOGS, OTHER, RIGHTS, VIEW, Cluster, fill, opened

HERE = {"Origin": "http://127.0.0.1:8765"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with opened(tmp_path_factory.mktemp("login")) as made:
        yield made


def test_who_is_not_signed_in_is_sent_to_sign_in(cluster: Cluster) -> None:
    client = cluster.client()
    answer = client.get("/flows/x?find=a")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fflows%2Fx%3Ffind%3Da"
    answer = client.get("/api/v1/flows")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert client.get("/login").status_code == client.get("/static/style.css").status_code == 200
    assert client.get("/healthz").text == "ok\n"
    for token in ("wrong", "has a space", "two\r\nX-Remote-User: admin", "\udce9"):
        sent = {b"Authorization": f"Bearer {token}".encode(errors="surrogateescape")}
        assert client.get("/api/v1/flows", headers=sent).status_code == 401, token


def test_signing_in_keeps_the_token_sealed(cluster: Cluster) -> None:
    client = cluster.client()
    wrong = client.post("/login", data={"token": "wrong", "next": "/"}, headers=HERE)
    assert (wrong.status_code, "does not take that token" in wrong.text) == (401, True)
    fields = {"token": f" {VIEW}\n", "next": "/flows/release"}
    answer = client.post("/login", data=fields, headers=HERE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/flows/release")
    said = answer.headers["set-cookie"].lower()
    assert "httponly" in said
    assert "samesite=strict" in said
    assert VIEW not in said
    page = client.get("/flows/release")
    assert page.status_code == 200
    assert VIEW not in page.text
    assert ">vera<" in page.text
    word = page.text.split('name="word" value="')[1].split('"')[0]
    assert client.post("/logout", data={"word": "guessed"}).status_code == 409
    assert client.post("/logout", data={"word": word}).headers["location"] == "/login"
    client.cookies.delete(COOKIE)
    assert client.get("/flows/release").status_code == 303


def test_behind_tls_the_cookie_goes_over_tls_only(cluster: Cluster) -> None:
    headers = HERE | {"X-Forwarded-Proto": "https"}
    answer = cluster.client().post("/login", data={"token": VIEW}, headers=headers)
    assert "secure" in answer.headers["set-cookie"].lower()


@pytest.mark.parametrize("place", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_signing_in_leads_to_no_other_site(cluster: Cluster, place: str) -> None:
    answer = cluster.client().post("/login", data={"token": VIEW, "next": place}, headers=HERE)
    assert answer.headers["location"] in ("/", "/evil.example")


def test_another_site_signs_nobody_in(cluster: Cluster) -> None:
    headers = {"Origin": "https://evil.example"}
    answer = cluster.client().post("/login", data={"token": VIEW}, headers=headers)
    assert answer.status_code == 409
    assert "set-cookie" not in answer.headers


def test_a_seal_opens_only_what_it_has_closed() -> None:
    seal = Seal()
    assert seal.opened(seal.closed(VIEW)) == VIEW
    assert seal.opened(Seal().closed(VIEW)) is None
    assert seal.opened("") is seal.opened("\udce9") is None
    assert len(seal.closed("x" * 2700)) < LARGEST


def test_another_namespace_and_another_cluster_are_invisible(cluster: Cluster) -> None:
    client = cluster.client(VIEW)
    assert [each["id"] for each in client.get("/api/v1/flows").json()["items"]] == [cluster.uid]
    for query in ("namespace=elsewhere", "origin=another-cluster", "name=secret"):
        assert client.get(f"/api/v1/flows?{query}").json()["items"] == [], query
    assert client.get("/api/v1/kinds?origin=another-cluster").json()["items"] == []
    kinds = client.get("/api/v1/kinds").json()["items"]
    assert {(each["origin"], each["namespace"]) for each in kinds} == {("cluster", "default")}
    summary = client.get(f"/api/v1/summary?since={NOW - 1e6}&until={NOW + 1}").json()
    assert sum(day["count"] for day in summary) == 1
    hidden = ("hidden-uid", "far-uid", "secret-plans")
    for id in hidden:
        for below in ("", "/document", "/runs", "/steps", "/attempts", "/chunkings"):
            assert client.get(f"/api/v1/flows/{id}{below}").status_code == 404, (id, below)
        for below in ("", "/yaml", "/steps/build", "/attempt?step=build&attempt=1"):
            answer = client.get(f"/flows/{id}{below}")
            assert answer.status_code == 404, (id, below)
            assert "password" not in answer.text
        assert client.get(f"/flows/{id}/log?step=build&attempt=1").status_code == 404
    theirs = cluster.client(OTHER).get("/api/v1/kinds").json()["items"][0]["id"]
    assert client.get(f"/api/v1/kinds/{theirs}/usage").status_code == 404
    assert client.get(f"/kinds/{theirs}").status_code == 404
    for page in ("/", "/errors?days=", "/bottlenecks?days=", "/kinds"):
        found = client.get(page)
        assert found.status_code == 200, page
        assert "secret-plans" not in found.text, page


def test_words_of_others_are_no_samples_of_an_error(cluster: Cluster) -> None:
    (mine,) = cluster.client(VIEW).get("/api/v1/errors").json()["items"]
    assert (mine["count"], mine["sample"]) == (1, mine["pattern"])
    answer = cluster.client(VIEW).get(f"/errors/{mine['id']}")
    assert answer.status_code == 200
    assert "secret-plans" not in answer.text


def test_logs_are_for_who_may_read_those_of_pods(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"/flows/{cluster.uid}/attempt?step=build&attempt=1"
    api = f"/api/v1/flows/{cluster.uid}/log?step=build&attempt=1"
    client = cluster.client(VIEW)
    assert "You may not read logs" in client.get(place).text
    assert client.get(api).status_code == 403
    assert client.get(place.replace("/attempt", "/log", 1)).status_code == 404
    monkeypatch.setitem(RIGHTS, VIEW, RIGHTS[VIEW] | {LOGS})
    assert "password of default" in cluster.client(VIEW).get(place).text
    assert "password of default" in cluster.client(VIEW).get(api).text


def act(client: TestClient, uid: str, order: str, **fields: str) -> Any:
    page = client.get(f"/flows/{uid}").text
    word = page.split('name="word" value="')[1].split('"')[0] if 'name="word"' in page else ""
    data = {"word": fields.pop("word", word), "order": order, **fields}
    return client.post(f"/flows/{uid}/act", data=data, headers=HERE)


def test_an_editor_gives_orders_with_their_own_token(cluster: Cluster) -> None:
    client = cluster.client(EDIT)
    assert "Approve ask" in client.get(f"/flows/{cluster.uid}").text
    assert act(client, cluster.uid, "pause").status_code == 303
    assert cluster.flow()["spec"]["suspend"] is True
    assert act(client, cluster.uid, "unpause").status_code == 303
    assert act(client, cluster.uid, "parallelism", value="7").status_code == 303
    assert cluster.flow()["spec"]["executionPolicy"]["parallelism"] == 7
    assert act(client, cluster.uid, "approve", step="ask").status_code == 303
    notes = cluster.flow()["metadata"]["annotations"]
    assert notes["approved.workflow.kube-zen.io/ask"] == "true"
    refused = act(client, cluster.uid, "approve", step="build")
    assert (refused.status_code, "no Manual step" in refused.text) == (409, True)
    assert act(client, cluster.uid, "resume", step="build").status_code == 303
    wish = cluster.flow()["metadata"]["annotations"]["workflow.kube-zen.io/resume"]
    assert json.loads(wish)["from"] == ["build"]


def test_a_viewer_sees_no_buttons_and_is_refused_in_words(cluster: Cluster) -> None:
    client = cluster.client(VIEW)
    before = cluster.flow()
    assert 'name="order"' not in client.get(f"/flows/{cluster.uid}").text
    word = Forms("s").word(None)
    assert act(client, cluster.uid, "stop", word=word).status_code == 409
    login = Login(ApiServer(connect(str(cluster.served.config)), Memory()), "cluster")
    site: dict[str, Any] = {"login": login, "forms": Forms("known")}
    client = cluster.client(VIEW, **site)
    mine = Forms("known").word(login.server.reader(VIEW, by_cookie=False))
    answer = act(client, cluster.uid, "stop", word=mine)
    assert answer.status_code == 403
    assert "not allowed: User &#34;vera&#34; cannot patch" in answer.text
    theirs = Forms("known").word(login.server.reader(EDIT, by_cookie=False))
    assert "older than this server" in act(client, cluster.uid, "stop", word=theirs).text
    assert cluster.flow() == before


def test_without_actions_and_of_other_flows_nothing_is_done(cluster: Cluster) -> None:
    before = cluster.flow()
    reads = cluster.client(EDIT, actions=False)
    assert 'name="order"' not in reads.get(f"/flows/{cluster.uid}").text
    answer = act(reads, cluster.uid, "stop")
    assert (answer.status_code, "for reading" in answer.text) == (403, True)
    assert act(cluster.client(EDIT), "hidden-uid", "stop").status_code == 404
    assert cluster.flow() == before


def test_a_flow_that_took_the_name_of_another_is_left_alone(cluster: Cluster) -> None:
    fill(cluster.archive, "former-uid", "default", "cluster")
    answer = act(cluster.client(EDIT), "former-uid", "stop")
    assert (answer.status_code, "another one is called release" in answer.text) == (409, True)
    with cluster.archive.writing() as connection:
        for table, column in (("flows", "id"), ("attempts", "flow_id")):
            connection.exec_driver_sql(f"DELETE FROM {table} WHERE {column} = 'former-uid'")


def test_an_api_server_that_is_away_is_said_to_be(archive: Archive) -> None:
    login = Login(ApiServer(Connection(server="http://127.0.0.1:1")), "cluster")
    answer = reader(archive, site={"login": login}).get("/", headers={"Authorization": "Bearer x"})
    assert answer.status_code == 503
    assert "API server does not answer" in answer.text


def test_no_credentials_of_its_own_are_ever_sent(cluster: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(EDIT)
    config = connect(str(cluster.served.config))
    own = Connection(server=config.server, token=EDIT, token_file=str(file))
    client = reader(cluster.archive, site={"login": Login(ApiServer(own), "cluster")})
    assert client.get("/api/v1/flows").status_code == 401
    sent = {"Authorization": "Bearer wrong"}
    assert client.get("/api/v1/flows", headers=sent).status_code == 401
