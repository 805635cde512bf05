"""Certificates that the operator makes for itself, where nobody else makes them.

Authority, certificate and keys lie in one Secret, so that all replicas serve the same. Each looks
at it every half minute and writes what is due (`pki.py`); of two that write at once, the API server
takes one, by resourceVersion, and the other reads again. The authorities go into the `caBundle` of
the webhook configurations before a certificate of theirs is served.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from jobflows.cluster.backoff import Backoff
from jobflows.cluster.client import Client
from jobflows.cluster.clock import Clock
from jobflows.cluster.errors import ApiError
from jobflows.cluster.resources import (
    MUTATING_WEBHOOK_CONFIGURATIONS,
    SECRETS,
    VALIDATING_WEBHOOK_CONFIGURATIONS,
    Resource,
)
from jobflows.cluster.transport import TransportError
from jobflows.webhook.pki import Materials, renewed
from jobflows.webhook.serving import CertificateError, Pair, Serving

PERIOD = 30.0
TRIES = 5
CONFIGURATIONS = (VALIDATING_WEBHOOK_CONFIGURATIONS, MUTATING_WEBHOOK_CONFIGURATIONS)

_KEYS = {
    "ca.crt": "authorities",
    "ca.key": "authority_key",
    "tls.crt": "certificate",
    "tls.key": "key",
}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The Secret, and the name of the webhook configurations; `service` is who we are in TLS."""

    namespace: str
    name: str
    service: str
    life: timedelta = timedelta(days=90)

    @property
    def names(self) -> Sequence[str]:
        """The names in the certificate."""
        long = (f"{self.service}.cluster.local",) if self.service.endswith(".svc") else ()
        return (self.service, *long)


class _Meta(msgspec.Struct, frozen=True):
    resourceVersion: str  # noqa: N815 - the API's own name


class _Secret(msgspec.Struct, frozen=True):
    metadata: _Meta
    data: dict[str, str] = {}


class _Configuration(msgspec.Struct, frozen=True):
    metadata: _Meta
    webhooks: list[dict[str, Any]] = []


_decode_secret = msgspec.json.Decoder(_Secret).decode
_decode_configuration = msgspec.json.Decoder(_Configuration).decode


class SelfManaged:
    """Keeps the Secret, the configurations and `serving` up to date."""

    def __init__(
        self, place: Place, client: Client, serving: Serving, clock: Clock, rng: random.Random
    ) -> None:
        self._place = place
        self._client = client
        self._serving = serving
        self._clock = clock
        self._backoff = Backoff(rng, base=0.5, cap=PERIOD)
        self._period = min(PERIOD, place.life.total_seconds() / 30)
        self._told = ""

    async def run(self) -> None:
        """Look again and again, until cancelled; what fails is tried again and told once."""
        while True:
            delay = self._period
            try:
                await self.refresh()
                self._backoff.reset()
                self._told = ""
            except (ApiError, TransportError, CertificateError, msgspec.MsgspecError) as error:
                delay = self._backoff.next()
                if str(error) != self._told:
                    self._told = str(error)
                    log.warning("webhook certificate: %s", error)
            await asyncio.sleep(delay)

    async def refresh(self) -> None:
        """Look once: renew what is due, have callers trust it, and only then serve it."""
        materials = await self._agree()
        for resource in CONFIGURATIONS:
            await self._register(resource, materials.authorities)
        source = f"Secret {self._place.namespace}/{self._place.name}"
        if self._serving.load(Pair(source, materials.certificate, materials.key)):
            log.info("webhook certificate of %s, until %s", source, self._serving.expires)

    async def _agree(self) -> Materials:
        """What the Secret holds, renewed by us or by another replica."""
        place = self._place
        for _ in range(TRIES):
            held, version = await self._held()
            now = datetime.fromtimestamp(self._clock.now(), UTC)
            wanted = renewed(held, place.names, now, place.life)
            if wanted == held:
                return wanted
            try:
                await self._write(wanted, version)
            except ApiError as error:
                if not (error.already_exists or error.is_conflict):
                    raise
            else:
                log.info("webhook certificate renewed in Secret %s", place.name)
                return wanted
        raise CertificateError(f"Secret {place.name}: somebody else writes it all the time")

    async def _held(self) -> tuple[Materials | None, str]:
        """What the Secret holds, and its version; None and no version without a Secret."""
        try:
            raw = await self._client.get(SECRETS, self._place.namespace, self._place.name)
        except ApiError as error:
            if error.not_found:
                return None, ""
            raise
        secret = _decode_secret(raw)
        return _read(secret.data), secret.metadata.resourceVersion

    async def _write(self, materials: Materials, version: str) -> None:
        place = self._place
        data = {
            key: base64.b64encode(getattr(materials, field)).decode()
            for key, field in _KEYS.items()
        }
        if version:
            patch = {"metadata": {"resourceVersion": version}, "data": data}
            await self._client.patch(SECRETS, place.namespace, place.name, patch)
            return
        secret = {
            "apiVersion": SECRETS.api_version,
            "kind": SECRETS.kind,
            "metadata": {
                "name": place.name,
                "namespace": place.namespace,
                "labels": {"app.kubernetes.io/managed-by": "jobflow-operator"},
            },
            "type": "kubernetes.io/tls",
            "data": data,
        }
        await self._client.create(SECRETS, place.namespace, secret)

    async def _register(self, resource: Resource, authorities: bytes) -> None:
        """Have the API server trust these authorities; of two replicas at once, one is late."""
        for left in reversed(range(TRIES)):
            try:
                await self._trust(resource, authorities)
            except ApiError as error:
                if not error.is_conflict or not left:
                    raise
            else:
                return

    async def _trust(self, resource: Resource, authorities: bytes) -> None:
        """Write the bundle into a configuration and leave the rest as it is.

        Of one that is not there nothing is to be done: not everybody wants both.
        """
        name = self._place.name
        try:
            raw = await self._client.get(resource, None, name)
        except ApiError as error:
            if error.not_found:
                return
            raise
        found = _decode_configuration(raw)
        bundle = base64.b64encode(authorities).decode()
        wanted = [
            {**hook, "clientConfig": {**(hook.get("clientConfig") or {}), "caBundle": bundle}}
            for hook in found.webhooks
        ]
        if wanted == found.webhooks:
            return
        version = found.metadata.resourceVersion
        patch = {"metadata": {"resourceVersion": version}, "webhooks": wanted}
        await self._client.patch(resource, None, name, patch)
        log.info("%s %s trusts the webhook's authorities", resource.kind, name)


def _read(data: Mapping[str, str]) -> Materials | None:
    try:
        read = {f: base64.b64decode(data[key], validate=True) for key, f in _KEYS.items()}
    except (KeyError, binascii.Error):
        return None
    return Materials(**read)
