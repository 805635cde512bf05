"""Replicas that share a Secret, on the API server model: trusted first, then served."""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from jobflows.cluster import Client, Limiter
from jobflows.cluster.resources import SECRETS
from jobflows.webhook.selfmanaged import Place, SelfManaged
from jobflows.webhook.serving import Pair, Serving
from model import ApiServer, RandomFaults, kind_of, simulate

NAME = "jobflow-webhook"
PLACE = Place(
    namespace="default", name=NAME, service=f"{NAME}.default.svc", life=timedelta(minutes=20)
)
VALIDATING = kind_of("validatingwebhookconfigurations")
MUTATING = kind_of("mutatingwebhookconfigurations")


class Watched(Serving):
    """Checks, each time a certificate is taken into use, that the API server trusts it."""

    def __init__(self, server: ApiServer) -> None:
        super().__init__()
        self.server = server
        self.served: list[x509.Certificate] = []

    def load(self, pair: Pair) -> bool:
        if not super().load(pair):
            return False
        self.served.append(x509.load_pem_x509_certificate(pair.certificate))
        return True

    @property
    def is_trusted(self) -> bool:
        return not self.served or any(
            signs(authority, self.served[-1]) for authority in trusted(self.server)
        )


def signs(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    return authority.subject == certificate.issuer


def trusted(server: ApiServer) -> list[x509.Certificate]:
    """The authorities in the configuration, which both have to be the same."""
    found = []
    for kind in (VALIDATING, MUTATING):
        configuration = server.get(kind, NAME)
        assert configuration is not None
        for hook in configuration["webhooks"]:
            found.append(hook["clientConfig"].get("caBundle", ""))
    return x509.load_pem_x509_certificates(base64.b64decode(found[0])) if found[0] else []


def configure(server: ApiServer) -> None:
    for kind in (VALIDATING, MUTATING):
        hook = {
            "name": "jobflows.workflow.kube-zen.io",
            "clientConfig": {"service": {"name": NAME, "namespace": "default", "path": "/x"}},
            "failurePolicy": "Fail",
        }
        server.create(
            kind,
            {
                "apiVersion": kind.api_version,
                "kind": kind.kind,
                "metadata": {"name": NAME},
                "webhooks": [hook],
            },
        )


def replica(server: ApiServer, seed: int, serving: Serving | None = None) -> SelfManaged:
    client = Client(server.transport(f"replica-{seed}"), Limiter(), rng=random.Random(seed))
    made = serving or Watched(server)
    return SelfManaged(PLACE, client, made, server.clock, random.Random(seed))


def play(scenario: Callable[[ApiServer], Coroutine[Any, Any, None]], seed: int = 0) -> None:
    async def main(server: ApiServer) -> None:
        configure(server)
        await scenario(server)

    simulate(main, seed=seed, controllers=False)


def secret(server: ApiServer) -> dict[str, Any]:
    found = server.get(kind_of("secrets"), NAME)
    assert found is not None
    data: dict[str, Any] = found["data"]
    return data


def test_replicas_that_start_together_agree_on_one_certificate() -> None:
    async def scenario(server: ApiServer) -> None:
        servings = [Watched(server) for _ in range(3)]
        await asyncio.gather(
            *(replica(server, seed, each).refresh() for seed, each in enumerate(servings))
        )
        assert len({each.served[-1].serial_number for each in servings}) == 1
        assert all(each.is_trusted for each in servings)
        creates = [
            r.status for r in server.requests if (r.verb, r.resource) == ("create", "secrets")
        ]
        assert sorted(creates) == [201, 409, 409]

    play(scenario)


@pytest.mark.parametrize("seed", range(2))
def test_whatever_happens_nothing_is_served_that_is_not_trusted(seed: int) -> None:
    """Two hours in which everything is renewed many times, with calls lost, late and refused."""

    async def scenario(server: ApiServer) -> None:
        servings = [Watched(server) for _ in range(2)]
        replicas = [replica(server, number, each) for number, each in enumerate(servings)]
        server.faults = RandomFaults(random.Random(seed), rate=0.1)
        tasks = [asyncio.create_task(each.run()) for each in replicas]
        for _ in range(2 * 60):
            await asyncio.sleep(60)
            now = datetime.fromtimestamp(server.clock.now(), UTC)
            for each in servings:
                assert each.is_trusted
                assert each.served[-1].not_valid_after_utc > now
        for task in tasks:
            assert not task.done()
            task.cancel()
        assert all(len(each.served) > 6 for each in servings)
        issuers = {certificate.issuer for each in servings for certificate in each.served}
        assert len(issuers) > 2

    play(scenario, seed)


def test_a_configuration_is_left_as_it_is_but_for_the_bundle() -> None:
    async def scenario(server: ApiServer) -> None:
        keeper = replica(server, 0)
        await keeper.refresh()
        configuration = server.get(VALIDATING, NAME)
        assert configuration is not None
        (hook,) = configuration["webhooks"]
        assert base64.b64decode(hook["clientConfig"].pop("caBundle")).startswith(b"-----BEGIN")
        assert hook == {
            "name": "jobflows.workflow.kube-zen.io",
            "clientConfig": {"service": {"name": NAME, "namespace": "default", "path": "/x"}},
            "failurePolicy": "Fail",
        }
        writes = server.writes("replica-0")
        await keeper.refresh()
        assert server.writes("replica-0") == writes

    play(scenario)


def test_without_configurations_it_serves_all_the_same() -> None:
    async def main(server: ApiServer) -> None:
        serving = Serving()
        await replica(server, 0, serving).refresh()
        assert serving.is_ready

    simulate(main, controllers=False)


@pytest.mark.parametrize("spoilt", ["tls.key", "ca.key", "ca.crt"])
def test_a_secret_that_somebody_has_spoilt_is_mended(spoilt: str) -> None:
    async def scenario(server: ApiServer) -> None:
        serving = Watched(server)
        keeper = replica(server, 0, serving)
        await keeper.refresh()
        client = Client(server.transport("user"), Limiter(), rng=random.Random(0))
        await client.patch(SECRETS, "default", NAME, {"data": {spoilt: "Z2FyYmFnZQ=="}})
        await keeper.refresh()
        assert secret(server)[spoilt] != "Z2FyYmFnZQ=="
        assert serving.is_trusted
        await client.delete(SECRETS, "default", NAME)
        await keeper.refresh()
        assert serving.is_trusted

    play(scenario)


def test_what_is_refused_is_told_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(server: ApiServer) -> None:
        server.down()
        serving = Watched(server)
        task = asyncio.create_task(replica(server, 0, serving).run())
        await asyncio.sleep(300)
        assert not serving.is_ready
        server.up()
        await asyncio.sleep(60)
        assert serving.is_ready
        task.cancel()

    play(scenario)
    assert len([r for r in caplog.records if r.levelname == "WARNING"]) == 1
    assert "PRIVATE" not in caplog.text
