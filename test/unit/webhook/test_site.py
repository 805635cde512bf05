"""The webhook on a real socket over TLS: reviews, certificates that change, and bad callers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jobflows.webhook import certificates, site
from jobflows.webhook import life as webhook
from jobflows.webhook.certificates import FileCertificates
from jobflows.webhook.serving import CertificateError, Pair, Serving
from unit.api.flows import flow, step
from unit.cluster_adapter.scripted import ScriptedTransport, client
from unit.webhook.authority import LOOPBACK, TestAuthority, serial_of
from unit.webhook.caller import Caller, run
from unit.webhook.reviews import encoded, patch_of, response, review

GOOD = encoded(review(flow(step("a"))))
BAD = encoded(review(flow(step("a", "nowhere"))))


def test_reviews_are_answered_and_counted(tmp_path: Path) -> None:
    async def scenario(caller: Caller) -> None:
        status, body = await caller.post("/validate", GOOD)
        assert (status, response(body)["allowed"]) == (200, True)
        status, body = await caller.post("/validate", BAD)
        assert (status, response(body)["allowed"]) == (200, False)
        status, body = await caller.post("/default", GOOD)
        assert status == 200
        assert patch_of(response(body))
        assert caller.seen == {
            ("/validate", "allowed"): 1,
            ("/validate", "denied"): 1,
            ("/default", "allowed"): 1,
        }

    run(tmp_path / "tls", scenario)


def test_zen_flows_paths_lead_to_the_same(tmp_path: Path) -> None:
    async def scenario(caller: Caller) -> None:
        assert not response((await caller.post("/validate-jobflow", BAD))[1])["allowed"]
        assert patch_of(response((await caller.post("/mutate-jobflow", GOOD))[1]))

    run(tmp_path / "tls", scenario)


def test_what_is_no_review_gets_an_answer_that_says_so(tmp_path: Path) -> None:
    async def scenario(caller: Caller) -> None:
        for body in (b"", b"{", b"\xff" * 100, b"[" * 1_000_000):
            status, words = await caller.post("/validate", body)
            assert status == 400
            assert b"the body is" in words
        async with caller.session.get(caller.base + "/validate") as answer:
            assert answer.status == 405
        assert (await caller.post("/elsewhere", GOOD))[0] == 404
        assert (await caller.post("/validate", GOOD))[0] == 200
        assert caller.seen["/validate", "refused"] == 4

    run(tmp_path / "tls", scenario)


def test_a_body_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "LARGEST_BODY", 1 << 20)

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * (1 << 16)

    async def scenario(caller: Caller) -> None:
        try:
            status, _ = await caller.post("/validate", endless())
            assert status == 413
        except aiohttp.ClientError:
            pass  # closed while it was still being sent
        assert (await caller.post("/validate", GOOD))[0] == 200

    run(tmp_path / "tls", scenario)


def test_a_caller_that_sends_slowly_is_sent_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "READ_SECONDS", 0.1)

    async def slow() -> AsyncIterator[bytes]:
        yield GOOD[:10]
        await asyncio.Event().wait()

    async def scenario(caller: Caller) -> None:
        assert (await caller.post("/validate", slow()))[0] == 408

    run(tmp_path / "tls", scenario)


def served_serial(port_of: Caller, trust: ssl.SSLContext) -> Any:
    async def ask() -> int:
        port = int(port_of.base.rpartition(":")[2])
        _, writer = await asyncio.open_connection(LOOPBACK, port, ssl=trust)
        try:
            certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            return serial_of(certificate)
        finally:
            writer.close()

    return ask()


@pytest.mark.parametrize("layout", ["plain", "kubernetes"])
def test_a_new_certificate_is_served_without_dropping_a_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    """Kubernetes swaps the link `..data` in one step; others write the files anew."""
    monkeypatch.setattr(certificates, "PERIOD", 0.01)
    authority, folder = TestAuthority(), tmp_path / "mounted"
    folder.mkdir()

    def put(number: int) -> int:
        if layout == "plain":
            return serial_of(authority.write(folder))
        written = authority.write(folder / f"..version{number}")
        (folder / "..new").symlink_to(f"..version{number}")
        (folder / "..new").replace(folder / "..data")
        for name in ("tls.crt", "tls.key"):
            if not (folder / name).is_symlink():
                (folder / name).symlink_to(f"..data/{name}")
        return serial_of(written)

    first = put(1)

    async def scenario(caller: Caller) -> None:
        assert await served_serial(caller, authority.trust()) == first
        assert (await caller.post("/validate", GOOD))[0] == 200
        for number in range(2, 6):
            serial = put(number)
            while await served_serial(caller, authority.trust()) != serial:
                assert (await caller.post("/validate", GOOD))[0] == 200
            assert (await caller.post("/validate", GOOD))[0] == 200

    run(folder, scenario, authority)


def test_a_pair_that_does_not_fit_is_told_once_and_never_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = TestAuthority()
    serving = Serving()
    keeper = FileCertificates(tmp_path, serving)
    keeper.refresh()
    keeper.refresh()
    assert not serving.is_ready
    assert f"{tmp_path / 'tls.crt'}: No such file" in caplog.text
    assert caplog.text.count("not serving") == 1

    for certificate, key in (
        (authority.pair()[0], authority.pair()[1]),
        (b"garbage", authority.pair()[1]),
        (authority.pair()[0], b""),
        (authority.pair()[0], ENCRYPTED),
    ):
        authority.write(tmp_path)
        keeper.refresh()
        assert serving.is_ready
        expires = serving.expires
        caplog.clear()
        (tmp_path / "tls.crt").write_bytes(certificate)
        (tmp_path / "tls.key").write_bytes(key)
        keeper.refresh()
        assert "the one before stays in use" in caplog.text
        assert "PRIVATE" not in caplog.text
        assert serving.expires == expires


ENCRYPTED = b"""-----BEGIN ENCRYPTED PRIVATE KEY-----
MIH0MF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAkBBDbWyZLGBIXSXPZ7Gm8
-----END ENCRYPTED PRIVATE KEY-----
"""


def test_a_key_is_in_no_representation() -> None:
    certificate, key = TestAuthority().pair()
    pair = Pair("here", certificate, key)
    assert key.decode() not in repr(pair)
    with pytest.raises(CertificateError) as refused:
        Serving().load(Pair("here", b"no certificate", key))
    assert str(refused.value).startswith("here: cannot be served")
    assert key.decode() not in str(refused.value)


def test_a_client_without_trust_and_one_without_tls_get_nothing(tmp_path: Path) -> None:
    async def scenario(caller: Caller) -> None:
        port = int(caller.base.rpartition(":")[2])
        stranger = aiohttp.TCPConnector(ssl=TestAuthority().trust())
        async with aiohttp.ClientSession(connector=stranger) as session:
            with pytest.raises(aiohttp.ClientSSLError):
                await session.post(caller.base + "/validate", data=GOOD)
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.write(b"POST /validate HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"HTTP" not in await reader.read()
        writer.close()
        assert (await caller.post("/validate", GOOD))[0] == 200

    run(tmp_path / "tls", scenario)


def test_a_port_in_use_is_an_error(tmp_path: Path) -> None:
    async def scenario(caller: Caller) -> None:
        port = int(caller.base.rpartition(":")[2])
        options = webhook.Options(port=port, host=LOOPBACK, certificates=tmp_path)
        with pytest.raises(OSError, match="in use"):
            async with webhook.running(options, client(ScriptedTransport()), lambda *_: None):
                pass

    run(tmp_path / "tls", scenario)
