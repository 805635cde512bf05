"""Whoever reaches the webhook's port, with whatever: a proper answer, and it lives on."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from corpus import Request, requests
from jobflows.webhook import site
from unit.api.flows import flow, step
from unit.webhook.caller import Caller, run, until
from unit.webhook.reviews import Object, encoded, response, review

GOOD = encoded(review(flow(step("a"))))
STEPS = 2000
LARGE = encoded(review(flow(*(step(f"s{i}", *([f"s{i - 1}"] if i else [])) for i in range(STEPS)))))
assert len(LARGE) > site.LARGE


def status_of(body: bytes) -> Object:
    """What is sent in the place of a review: a Status of Kubernetes."""
    said: Object = json.loads(body)
    assert (said["kind"], said["status"]) == ("Status", "Failure")
    return said


def children() -> list[int]:
    """The processes that this one has started."""
    lists = Path("/proc/self/task").glob("*/children")
    return [int(number) for found in lists for number in found.read_text().split()]


async def is_well(caller: Caller) -> None:
    status, body = await caller.post("/validate", GOOD)
    assert (status, response(body)["allowed"]) == (200, True)


def test_what_is_kept_is_answered_and_not_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def first_line(caller: Caller, sent: bytes) -> bytes:
        async with caller.connection() as (reader, writer):
            writer.write(sent)
            return await reader.readline()

    async def wrong(caller: Caller, request: Request) -> Any:
        if request.is_body:
            code, body = await caller.post("/validate", request.sent)
            said = status_of(body)["message"]
            return (code != 400 or request.says not in said or not said.isprintable()) and body
        if not request.code:
            async with caller.connection() as (_, writer):
                writer.write(request.sent)
            return None
        line = await first_line(caller, request.sent)
        return b" %d" % request.code not in line and line

    async def scenario(caller: Caller) -> None:
        found = {each.title: await wrong(caller, each) for each in requests()}
        assert {title: told for title, told in found.items() if told} == {}
        await is_well(caller)

    run(tmp_path / "tls", scenario)
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "é", ""])
def test_the_type_that_is_stated_does_not_matter(tmp_path: Path, kind: str) -> None:
    """The API server states the right one, and nobody else is to be served."""

    async def scenario(caller: Caller) -> None:
        headers = {"Content-Type": kind}
        async with caller.session.post(
            caller.base + "/validate", data=GOOD, headers=headers
        ) as answer:
            assert response(await answer.read())["allowed"]

    run(tmp_path / "tls", scenario)


def test_what_is_packed_is_not_unpacked(tmp_path: Path) -> None:
    async def scenario(caller: Caller) -> None:
        packed = gzip.compress(b" " * 10_000_000)
        headers = {"Content-Encoding": "gzip"}
        async with caller.session.post(
            caller.base + "/validate", data=packed, headers=headers
        ) as answer:
            assert answer.status == 400
            assert "no AdmissionReview" in status_of(await answer.read())["message"]
        await is_well(caller)

    run(tmp_path / "tls", scenario)


def test_who_says_nothing_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "IDLE_SECONDS", 0.1)

    async def scenario(caller: Caller) -> None:
        for begun in (b"", b"POST /validate HTTP/1.1\r\nHost: x\r\n"):
            async with caller.connection() as (reader, writer):
                writer.write(begun)
                assert await reader.read() == b""

    run(tmp_path / "tls", scenario)


@pytest.mark.parametrize(
    ("length", "most"), [(site.LARGE + 1, site.MOST_LARGE), (site.LARGE, site.MOST_SMALL)]
)
def test_so_many_are_taken_in_and_the_others_come_again(
    tmp_path: Path, length: int, most: int
) -> None:
    """Bodies that never end take all places of their size; those of the other size stay free."""
    head = f"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode()

    async def scenario(caller: Caller) -> None:
        held, answers = asyncio.Event(), []

        async def hold() -> None:
            async with caller.connection() as (reader, writer):
                writer.write(head)
                wait = asyncio.ensure_future(held.wait())
                read = asyncio.ensure_future(reader.readline())
                await asyncio.wait({wait, read}, return_when=asyncio.FIRST_COMPLETED)
                wait.cancel()
                if read.done():
                    answers.append(await read)
                read.cancel()

        async with asyncio.TaskGroup() as group:
            for _ in range(most + 3):
                group.create_task(hold())
            await until(lambda: len(answers) == 3)
            assert {line[:12] for line in answers} == {b"HTTP/1.1 429"}
            if length > site.LARGE:
                await is_well(caller)
            async with caller.session.post(caller.base + "/validate", data=b" " * length) as told:
                assert (told.status, told.headers["Retry-After"]) == (429, "1")
                assert "try again" in status_of(await told.read())["message"]
            held.set()
        await until(lambda: caller.seen["/validate", "refused"] == most)
        await is_well(caller)

    run(tmp_path / "tls", scenario)


def test_many_at_once_are_all_answered(tmp_path: Path) -> None:
    bodies = [GOOD, encoded(review(flow(step("a", "nowhere")))), b"{", encoded(review({}))]

    async def scenario(caller: Caller) -> None:
        asked = (caller.post("/validate", bodies[i % 4]) for i in range(400))
        codes = Counter(code for code, _ in await asyncio.gather(*asked))
        assert codes.keys() <= {200, 400, 429}
        assert codes[200] > codes[400] > 0
        await is_well(caller)

    run(tmp_path / "tls", scenario)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")
def test_a_large_flow_is_judged_beside_the_event_loop(tmp_path: Path) -> None:
    """While the process that judges it stands still, nothing else does."""

    async def scenario(caller: Caller) -> None:
        before = children()
        asked = asyncio.ensure_future(caller.post("/validate", LARGE))
        await until(lambda: children() != before)
        (judge,) = set(children()) - set(before)
        os.kill(judge, signal.SIGSTOP)
        for _ in range(5):
            await is_well(caller)
        assert not asked.done()
        os.kill(judge, signal.SIGCONT)
        status, body = await asked
        assert (status, response(body)["allowed"]) == (200, True)
        assert children() == before

    run(tmp_path / "tls", scenario)


def test_a_large_flow_that_is_wrong_is_told_of_as_a_small_one(tmp_path: Path) -> None:
    bad = encoded(review(flow(step("a", "nowhere"), *(step(f"s{i}", "a") for i in range(STEPS)))))
    assert len(bad) > site.LARGE

    async def scenario(caller: Caller) -> None:
        denied = response((await caller.post("/validate", bad))[1])
        assert "there is no step 'nowhere'" in denied["status"]["message"]

    run(tmp_path / "tls", scenario)


def test_nobody_is_judged_for_longer_than_is_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What the API server has given up is ended, too."""

    async def scenario(caller: Caller) -> None:
        before = children()
        code, body = await caller.post("/validate?timeout=20ms", LARGE)
        assert (code, status_of(body)["reason"]) == (503, "ServiceUnavailable")
        assert "in time" in status_of(body)["message"]
        assert children() == before
        for odd in ("", "0s", "-1s", "soon", "9" * 40 + "h"):
            code, body = await caller.post(f"/validate?timeout={odd}", GOOD)
            assert (code, response(body)["allowed"]) == (200, True)

    run(tmp_path / "tls", scenario)
    assert "was not judged in time" in caplog.text
