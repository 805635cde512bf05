"""Who is answered, and what answers forbid."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from jobflows.archive import Archive
from jobflows.web.safety import LOCAL_HOSTS
from unit.web.conftest import gone, reader

TOKEN = "a-token-that-nobody-guesses"


@pytest.mark.parametrize("path", ["/", "/flows/nobody", "/static/style.css", "/api/v1/flows"])
def test_every_answer_forbids_scripts_from_elsewhere(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"


def test_without_the_token_nothing_is_answered(archive: Archive) -> None:
    client = reader(archive, token=TOKEN)
    for path in ("/", "/flows/etl-uid", "/api/v1/flows", "/static/style.css", "/?token=wrong"):
        answer = client.get(path)
        assert answer.status_code == 403, path
        assert "needs a token" in answer.text
        assert "content-security-policy" in answer.headers


def test_the_token_of_the_address_becomes_a_cookie(archive: Archive) -> None:
    client = reader(archive, token=TOKEN)
    answer = client.get(f"/flows/etl-uid?token={TOKEN}&find=a")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/flows/etl-uid?find=a"
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "samesite=strict" in answer.headers["set-cookie"].lower()
    assert client.get("/flows/etl-uid").status_code == 200


def test_the_token_leads_to_no_other_site(archive: Archive) -> None:
    client = reader(archive, token=TOKEN)
    answer = client.get(f"//evil.example/?token={TOKEN}")
    assert not answer.headers.get("location", "").startswith("//")


def test_programs_send_the_token_as_bearer(archive: Archive) -> None:
    client = reader(archive, token=TOKEN)
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert client.get("/api/v1/flows", headers=bearer).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "127.0.0.1.evil", ""])
def test_other_host_names_are_refused(archive: Archive, host: str) -> None:
    client = reader(archive, hosts=LOCAL_HOSTS)
    assert client.get("/", headers={"Host": host}).status_code == 421
    for own in ("127.0.0.1:8765", "localhost", "[::1]:8765", "[::1]"):
        assert client.get("/", headers={"Host": own}).status_code == 200, own


def test_a_kubelet_has_no_token_and_no_name_for_it(archive: Archive) -> None:
    asking = reader(archive, token=TOKEN, hosts=LOCAL_HOSTS)
    by_address = {"Host": "10.0.0.7:8080"}
    assert asking.get("/healthz", headers=by_address).text == "ok\n"
    assert asking.get("/api/v1/flows", headers=by_address).status_code == 421
    assert asking.get("/api/v1/flows", headers={"Host": "localhost"}).status_code == 403


def test_nothing_can_be_told_to_runs_by_default(client: TestClient) -> None:
    answer = client.post("/flows/etl-uid/act", data={"order": "stop"})
    assert answer.status_code == 403
    assert "for reading" in answer.text
    assert client.post("/").status_code == 405
    assert client.delete("/api/v1/flows/etl-uid").status_code == 405


def test_a_broken_archive_is_said(tmp_path: Path) -> None:
    with gone(tmp_path / "archive.db") as archive:
        client = reader(archive)
        page, api = client.get("/"), client.get("/api/v1/flows")
    assert (page.status_code, api.status_code) == (503, 503)
    assert "does not answer" in page.text
    assert "does not answer" in api.json()["detail"]
