"""The REST API over a small archive."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from starlette.testclient import TestClient

from jobflows.web.application import openapi
from unit.web.archives import NOW, document, make, step, write_flow
from unit.web.conftest import reader


def test_flows_come_page_by_page(client: TestClient) -> None:
    found, after = [], None
    while True:
        query: dict[str, str | int] = {"limit": 20}
        if after is not None:
            query["after"] = after
        page = client.get("/api/v1/flows", params=query).json()
        found += [each["id"] for each in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert len(found) == len(set(found)) == 63
    assert client.get("/api/v1/flows?phase=Paused").json()["items"][0]["name"] == "release-7"


def test_a_flow_has_steps_attempts_and_its_document(client: TestClient) -> None:
    assert client.get("/api/v1/flows/etl-uid").json()["phase"] == "Running"
    assert client.get("/api/v1/flows/temperature-of-the-sea").json()["id"] == "etl-uid"
    page = client.get("/api/v1/flows/etl-uid/steps?limit=3").json()
    assert [each["step"] for each in page["items"]] == ["fetch", "regrid", "simulate"]
    rest = client.get("/api/v1/flows/etl-uid/steps", params={"after": page["next"]}).json()
    assert (len(rest["items"]), rest["next"]) == (5, None)
    failed = client.get("/api/v1/flows/etl-uid/steps?phase=Failed").json()["items"]
    assert [each["step"] for each in failed] == ["check"]
    document = client.get("/api/v1/flows/etl-uid/document").json()
    assert document["metadata"]["labels"] == {"team": "ocean"}
    query = {"step": "simulate", "phase": "Failed", "limit": "1000"}
    failed = client.get("/api/v1/flows/etl-uid/attempts", params=query).json()["items"]
    assert {each["phase"] for each in failed} == {"Failed"}
    assert client.get("/api/v1/flows/etl-uid/runs").json()[0]["run"] == 1
    log = client.get("/api/v1/flows/hostile-uid/log?step=evil&attempt=1").json()
    assert log["tail"].endswith("x")


OF_A_FLOW = ("", "/document", "/runs", "/steps", "/steps/fetch", "/chunkings", "/attempts")


@pytest.mark.parametrize("route", [*OF_A_FLOW, "/log?step=simulate&attempt=1&task=3"])
def test_all_that_is_of_a_flow_is_had_by_its_name_as_well(client: TestClient, route: str) -> None:
    def ask(flow: str, **query: str) -> tuple[int, Any]:
        answer = client.get(f"/api/v1/flows/{flow}{route}", params=query or None)
        return answer.status_code, answer.json()

    path, _, query = route.partition("?")
    given = dict(parse_qsl(query))
    route = path
    by_id = ask("etl-uid", **given)
    assert ask("temperature-of-the-sea", **given) == by_id
    here = {"namespace": "lab", "origin": "cluster"}
    assert (
        ask("temperature-of-the-sea", **given, **here) == ask("etl-uid", **given, **here) == by_id
    )
    for elsewhere in ({"namespace": "other"}, {"namespace": ""}, {"origin": "local"}):
        for name in ("temperature-of-the-sea", "etl-uid"):
            assert ask(name, **given, **elsewhere)[0] == 404
    assert ask("nobody", **given) == (404, {"detail": "the archive has no flow nobody"})


def test_names_that_are_in_two_namespaces_are_told_apart(tmp_path: Path) -> None:
    with make(tmp_path / "archive.db", tasks=120) as archive:
        again = document("release-7", [step("build")])
        again["metadata"]["namespace"] = "shop"
        write_flow(archive, "shop-uid", again, {}, created=NOW - 9000)
        client = reader(archive)

        def id_of(query: str) -> str:
            found: str = client.get(f"/api/v1/flows/release-7{query}").json()["id"]
            return found

        assert id_of("") == id_of("?namespace=lab") == "waits-uid"
        assert id_of("?namespace=shop") == "shop-uid"
        (kind,) = client.get("/api/v1/kinds?namespace=shop").json()["items"]
        assert client.get(f"/api/v1/kinds/{kind['id']}").json() == kind
        days = client.get("/api/v1/summary?since=0&until=4e9&namespace=shop").json()
        assert [each["count"] for each in days] == [1]
        assert client.get("/api/v1/errors?namespace=shop").json()["items"] == []
        assert len(client.get("/api/v1/errors?namespace=lab").json()["items"]) > 0


def test_attempts_of_all_flows_come_the_last_ones_first(client: TestClient) -> None:
    (error,) = client.get("/api/v1/errors?flow=hostile").json()["items"]
    (found,) = client.get("/api/v1/attempts", params={"error": error["id"]}).json()["items"]
    assert found["flow_id"] == "hostile-uid"
    query = {"kind": client.get("/api/v1/kinds?name=simulate").json()["items"][0]["id"]}
    ends: list[float] = []
    while True:
        page = client.get("/api/v1/attempts", params={**query, "limit": "50"}).json()
        ends += [each["finished"] for each in page["items"]]
        if page["next"] is None:
            break
        query["after"] = page["next"]
    assert len(ends) == 120
    assert ends == sorted(ends, reverse=True)


def test_usage_has_percentiles_and_a_request(client: TestClient) -> None:
    kind = client.get("/api/v1/kinds?name=simulate").json()["items"][0]["id"]
    usage = client.get(f"/api/v1/kinds/{kind}/usage").json()
    assert usage["tasks"] == 120
    assert usage["memory"]["p50"] < usage["memory"]["p95"] <= usage["memory"]["largest"]
    assert usage["request"]["memory"] * (1 << 20) > usage["memory"]["p95"]


def test_errors_and_the_summary(client: TestClient) -> None:
    errors = client.get("/api/v1/errors?flow=etl-uid").json()["items"]
    assert [each["count"] for each in errors] == sorted(
        (each["count"] for each in errors), reverse=True
    )
    days = client.get("/api/v1/summary?since=1798000000&until=1801000000").json()
    assert sum(each["count"] for each in days) == 63


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/flows/nobody", 404),
        ("/api/v1/kinds/nobody/usage", 404),
        ("/api/v1/flows?limit=0", 422),
        ("/api/v1/flows?limit=100000", 422),
        ("/api/v1/flows?after=nonsense", 400),
        ("/api/v1/summary", 422),
        ("/api/v1/summary?since=nan&until=inf", 422),
        ("/api/v1/attempts?after=WzFd", 400),
        ("/api/v1/attempts?since=-inf", 422),
        ("/api/v1/kinds/nobody", 404),
        ("/api/v1/flows/etl-uid/steps/nobody", 404),
        ("/api/v1/flows/etl-uid/steps?run=99999999999999999999", 422),
        ("/api/v1/flows/etl-uid/attempts?task=99999999999999999999", 422),
        ("/api/v1/flows/etl-uid/log?step=simulate&attempt=99999999999999999999", 422),
        ("/api/v1/flows/etl-uid/log?step=simulate&attempt=9", 404),
    ],
)
def test_wrong_requests_are_refused(client: TestClient, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_an_answer_that_has_not_changed_is_not_sent_again(client: TestClient) -> None:
    tag = client.get("/api/v1/flows").headers["etag"]
    for known, status in ((tag, 304), (f'"x", W/{tag}', 304), ("*", 304), ('"x"', 200)):
        answer = client.get("/api/v1/flows", headers={"If-None-Match": known})
        assert (answer.status_code, answer.headers["etag"]) == (status, tag)


def test_the_document_describes_every_route(client: TestClient) -> None:
    served = client.get("/api/v1/openapi.json").json()
    assert served["openapi"].startswith("3.")
    assert served["paths"] == openapi()["paths"]
    for path, methods in served["paths"].items():
        (route,) = methods.values()
        assert route["description"], path
        assert {"200", "304", "401", "404", "503"} <= route["responses"].keys(), path
        for each in route["parameters"]:
            assert each["in"] == "path" or each["description"], (path, each)
        names = {each["name"] for each in route["parameters"]}
        if "{flow}" in path or "after" in names:
            assert {"namespace", "origin"} <= names, path
    ids = [route["get"]["operationId"] for route in served["paths"].values()]
    assert len(ids) == len({*ids})
