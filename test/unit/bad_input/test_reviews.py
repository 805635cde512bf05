"""Reviews with something wrong anywhere in them, over a real socket: each has an answer in words.

What is told of a flow is what the validator says of it, and the server is the same to the end.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.api.flows import flow, step
from unit.bad_input.documents import Changed, change, json_values, nearly_flows
from unit.bad_input.test_flows import fuzzed
from unit.webhook.authority import TestAuthority
from unit.webhook.caller import Caller, serving
from unit.webhook.reviews import Object, response, review


class Site:
    """A webhook that is served for all examples of a test."""

    def __init__(self, runner: asyncio.Runner, caller: Caller) -> None:
        self._runner = runner
        self._caller = caller

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        return self._runner.run(asyncio.wait_for(self._caller.post(path, body), 60))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("tls")
    authority = TestAuthority()
    authority.write(folder)
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        caller = runner.run(stack.enter_async_context(serving(folder, authority.trust())))
        yield Site(runner, caller)
        runner.run(stack.aclose())


@st.composite
def nearly_reviews(draw: st.DrawFn) -> Object:
    """The review of a flow that may be wrong, with up to two changes around it."""
    old = draw(st.none() | nearly_flows())
    made = review(draw(nearly_flows()), old)
    around = Changed({**made, "request": {**made["request"], "object": {}, "oldObject": None}})
    for _ in range(draw(st.integers(0, 2))):
        change(draw, around, ("request",))
    request = around.get("request")
    if isinstance(request, dict):
        for key in ("object", "oldObject"):
            if not request.get(key, made):
                request[key] = made["request"][key]
    return around


def assert_answered(status: int, body: bytes) -> Any:
    """With a review, or with a Status that says what is wrong with what was sent."""
    said = json.loads(body)
    if status == 200:
        return response(body)
    assert status == 400
    assert (said["kind"], said["reason"]) == ("Status", "BadRequest")
    assert said["message"].isprintable()
    return None


paths = st.sampled_from(["/validate", "/default", "/validate-jobflow", "/mutate-jobflow"])


@fuzzed
@given(nearly_reviews(), paths)
def test_whatever_is_asked_is_answered(site: Site, asked: Object, path: str) -> None:
    answer = assert_answered(*site.post(path, json.dumps(asked).encode()))
    if answer is not None and not answer["allowed"]:
        message = answer["status"]["message"]
        assert answer["status"]["code"] == 422
        assert len(message.splitlines()) > 1
        assert all(line.isprintable() for line in message.splitlines())


_GOOD = json.dumps(review(flow(step("a")), flow(step("b")))).encode()


@st.composite
def torn(draw: st.DrawFn) -> bytes:
    """A good review with bytes cut out, put in or changed."""
    whole = bytearray(_GOOD)
    for _ in range(draw(st.integers(1, 3))):
        begin = draw(st.integers(0, len(whole)))
        end = begin + draw(st.sampled_from([0, 1, 1, 5, 100, len(whole)]))
        whole[begin:end] = draw(st.binary(max_size=4) | st.sampled_from(_PIECES))
    return bytes(whole)


_PIECES = [
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\",
    b"\\ud800",
    b"\x00",
    b"\xff",
    b"1e999",
    b"null",
    b",",
]


@fuzzed
@given(torn() | json_values.map(lambda value: json.dumps(value).encode()), paths)
def test_bytes_of_any_kind_are_answered(site: Site, body: bytes, path: str) -> None:
    status, said = site.post(path, body)
    if status == 200:
        assert json.loads(said)["response"]["uid"]
    else:
        assert_answered(status, said)
