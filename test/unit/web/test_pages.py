"""Pages over a small archive, as a browser asks for them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from unit.web.archives import HOSTILE, make
from unit.web.conftest import reader

PAGES = (
    "/",
    "/?phase=Failed&name=nightly&since=2027-01-01&until=2027-01-16",
    "/flows/etl-uid",
    "/flows/etl-uid?run=1&find=s",
    "/flows/waits-uid",
    "/flows/hostile-uid",
    "/flows/nightly-uid-3",
    "/flows/etl-uid/steps/simulate",
    "/flows/etl-uid/steps/simulate?phase=Failed",
    "/flows/etl-uid/steps/publish",
    "/flows/hostile-uid/steps/evil",
    "/flows/etl-uid/attempt?step=simulate&attempt=1&task=3",
    "/flows/hostile-uid/attempt?step=evil&attempt=1",
    "/errors",
    "/errors?days=&flow=hostile-uid",
    "/bottlenecks?days=30",
    "/kinds",
    "/kinds?name=sim",
)


class Page(HTMLParser):
    """What there is on a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.unsafe: list[str] = []
        self.open: list[str] = []
        self.words = ""
        self.feed(text)

    VOID = frozenset({"meta", "link", "img", "input", "br"})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "p" and "p" in self.open:
            self.unsafe.append("a paragraph in a paragraph")
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "script" and not (given.get("src") or "").startswith("/static/"):
            self.unsafe.append(f"<{tag}>")
        self.unsafe += [
            f"{tag} {name}" for name in given if name.startswith("on") or name == "style"
        ]
        if tag == "a":
            self.links.append(given.get("href") or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> ends nothing that is open"

    def handle_data(self, data: str) -> None:
        self.words += f" {data} "


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole_and_has_no_script_of_its_own(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    page = Page(answer.text)
    assert page.open == []
    assert page.unsafe == []
    assert all(link.startswith(("/", "?", "#")) and link[:2] != "//" for link in page.links)


def test_all_links_lead_somewhere(client: TestClient) -> None:
    seen, ahead = set[str](), ["/"]
    while ahead:
        path = ahead.pop()
        answer = client.get(path)
        assert answer.status_code == 200, path
        if not answer.headers["content-type"].startswith("text/html"):
            continue
        for link in Page(answer.text).links:
            target = link.partition("#")[0]
            if target.startswith("?"):
                target = path.partition("?")[0] + target
            kind = re.sub(r"nightly-uid-\d+|task=\d+|[0-9a-f]{20}", "*", target)
            if target and kind not in seen:
                seen.add(kind)
                ahead.append(target)
    assert {"/errors", "/flows/etl-uid/steps/simulate", "/flows/hostile-uid"} <= seen


@pytest.mark.parametrize("path", [path for path in PAGES if "hostile" in path])
def test_hostile_words_are_text(client: TestClient, path: str) -> None:
    answer = client.get(path)
    words = Page(answer.text).words
    assert "<script>alert(1)</script>'; DROP TABLE flows; --" in words or "/errors" in path
    assert "\x1b" not in answer.text
    assert "\u202e" not in answer.text
    assert len(answer.text) < 200_000  # of a line of a million letters there is the end


def test_sql_in_an_address_finds_nothing_and_breaks_nothing(client: TestClient) -> None:
    for word in (HOSTILE, "' OR 1=1 --", "%", "_", "\\"):
        assert client.get("/", params={"name": word}).status_code == 200
        assert "No flow is like that" in client.get("/", params={"name": word}).text
        assert client.get(f"/flows/{quote(word, safe='')}").status_code == 404
    assert client.get("/?name=%00").status_code == 400  # which no database takes
    assert client.get("/api/v1/flows/a%00b").status_code == 400
    assert client.get("/flows/etl-uid").status_code == 200


def test_the_list_is_filtered(client: TestClient) -> None:
    text = client.get("/?name=nightly&phase=Failed").text
    assert "nightly-57" in text
    assert "nightly-60" not in text
    assert "temperature" not in text
    assert "A day is written as" in client.get("/?since=yesterday").text


def test_the_list_is_filtered_by_a_label(client: TestClient) -> None:
    def names(label: str) -> list[str]:
        found = client.get("/api/v1/flows", params={"label": label}).json()["items"]
        return [each["name"] for each in found]

    assert names("example.com/kind=run-7") == ["nightly-53"]
    assert names("team=ocean") == ["release-7", "temperature-of-the-sea"]
    assert names("name=main") == names("team=oce") == names("team=") == names("team") == []
    assert names("""a"b'c\\=%_""") == []
    page = client.get("/", params={"label": "example.com/kind=run-7"}).text
    assert "nightly-53" in page
    assert "nightly-52" not in page


def test_the_list_goes_on_where_the_page_ends(client: TestClient) -> None:
    first = Page(client.get("/").text)
    following = next(link for link in first.links if link.startswith("?after="))
    second = Page(client.get("/" + following).text)
    flows = [{link for link in page.links if "/flows/" in link} for page in (first, second)]
    assert len(flows[0]) == 50
    assert len(flows[1]) == 13
    assert not flows[0] & flows[1]
    assert "that is no cursor" in client.get("/?after=nonsense").text


def test_a_flow_shows_what_has_not_started(client: TestClient) -> None:
    page = Page(client.get("/flows/etl-uid").text)
    assert "publish" in page.words
    assert "waits for release (Pending)" in page.words
    assert "will be skipped: check did not succeed" in page.words
    assert "/flows/etl-uid/steps/publish" in page.links


def test_a_flow_says_where_time_went(client: TestClient) -> None:
    words = " ".join(Page(client.get("/flows/etl-uid").text).words.split())
    assert "Where time went" in words
    assert re.search(r"simulate 7\.00s \d+h\d\dm \d+m\d\ds Application \d+\u00d7", words)


def test_a_step_shows_use_against_what_was_asked_for(client: TestClient) -> None:
    words = " ".join(Page(client.get("/flows/etl-uid/steps/simulate").text).words.split())
    assert re.search(r"Recommended: memory \d+Mi , CPU \d+m , timeoutSeconds \d+", words)
    assert "1 GiB" in words
    assert "All 120" in words
    assert len(re.findall(r"Memory and CPU of \d+ tasks were seen by the metrics API", words)) == 1


def test_a_log_can_be_had_as_plain_text(client: TestClient) -> None:
    answer = client.get("/flows/hostile-uid/log?step=evil&attempt=1")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get("/flows/hostile-uid/log?step=evil&attempt=2").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/flows/nobody",
        "/flows/etl-uid/steps/nobody",
        "/flows/etl-uid/attempt?step=simulate&attempt=9",
        "/flows/etl-uid/attempt?step=simulate&attempt=-1&task=x",
        "/flows/etl-uid/attempt?step=simulate&attempt=99999999999999999999",
        "/errors/nobody",
        "/kinds/nobody",
        "/static/..%2fsite.py",
    ],
)
def test_what_is_not_there_is_said(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "There is no" in answer.text or "has no" in answer.text


def test_a_document_that_was_too_long_is_said_to_be(tmp_path: Path) -> None:
    with make(tmp_path / "archive.db", tasks=1) as archive:
        with archive.writing() as connection:
            connection.exec_driver_sql("UPDATE documents SET document = substr(document, 1, 99)")
        client = reader(archive)
        page = client.get("/flows/waits-uid")
        assert (page.status_code, "was too long for the archive" in page.text) == (200, True)
        assert client.get("/flows/waits-uid/yaml").status_code == 404
        answer = client.get("/api/v1/flows/waits-uid/document")
        assert (answer.status_code, answer.json()["detail"]) == (
            404,
            "the archive has no such document",
        )
        assert client.get("/api/v1/flows/waits-uid/steps").status_code == 200


def test_a_page_that_has_not_changed_is_not_sent_again(client: TestClient) -> None:
    tag = client.get("/flows/nightly-uid-3").headers["etag"]
    again = client.get("/flows/nightly-uid-3", headers={"If-None-Match": f'"other", W/{tag}'})
    assert (again.status_code, again.content) == (304, b"")
    other = client.get("/flows/nightly-uid-4", headers={"If-None-Match": tag})
    assert other.status_code == 200


def test_only_what_goes_on_is_loaded_again(client: TestClient) -> None:
    assert 'data-refresh="2"' in client.get("/flows/etl-uid").text
    assert "data-refresh" not in client.get("/flows/nightly-uid-3").text
