"""Leases: which of several processes may act, agreed on through the API server.

One `Leases` a process keeps a live copy of all Leases of a group and writes them; a `Tenure` is one
that it has taken. Rules:
- clocks of two machines are never compared. To others a Lease is over once they have seen no change
  of it for as long as it says, and to its holder a little sooner;
- each write names the version that it was decided on: of two that take one Lease, one is refused,
  and a holder whose renewal is accepted knows that nobody has held the Lease in between;
- the times in a Lease are for people only.

The clock is `steady`: the event loop's own stands still while a process is stopped in mid-turn.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from jobflows.cluster.client import Client
from jobflows.cluster.clock import Clock, micro_time
from jobflows.cluster.errors import ApiError
from jobflows.cluster.informer import Informer
from jobflows.cluster.resources import LEASES
from jobflows.cluster.transport import TransportError

SILENCE = 0.1
"""Part of its duration for which a process that may hear of Leases again does not ask."""
FAREWELL = 1.0
"""Seconds that giving back a Lease may take at the end of a process."""


class LeaseMeta(msgspec.Struct, frozen=True, gc=False):
    name: str
    uid: str
    resourceVersion: str  # noqa: N815 - the API's own name
    namespace: str = ""
    labels: dict[str, str] = {}


class LeaseSpec(msgspec.Struct, frozen=True, rename="camel", gc=False):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    lease_transitions: int | None = None


class LeaseRecord(msgspec.Struct, frozen=True, gc=False):
    """What is read of a Lease."""

    metadata: LeaseMeta
    spec: LeaseSpec = LeaseSpec()

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def holder(self) -> str:
        """Who holds it, or did when it ended; empty once it was given back."""
        return self.spec.holder_identity or ""


class Leases:
    """The Leases with the labels `group` in one namespace, as one process sees and writes them.

    `duration` is in whole seconds. `steady` tells seconds that never stand still.
    """

    def __init__(
        self,
        client: Client,
        namespace: str,
        *,
        group: Mapping[str, str],
        identity: str,
        duration: int,
        clock: Clock,
        steady: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self.identity = identity
        self.duration = duration
        self.steady = steady
        self._client = client
        self._namespace = namespace
        self._group = dict(group)
        self._selector = ",".join(f"{key}={value}" for key, value in group.items())
        self._clock = clock
        self._copy: Informer[LeaseRecord] = Informer(
            client,
            LEASES,
            LeaseRecord,
            on_change=self._changed,
            rng=rng,
            namespace=namespace,
            label_selector=self._selector,
            longest_pause=duration * SILENCE,
            relists=True,  # when a renewal was heard of is all that counts
        )
        self.changes = 0
        self._seen: dict[str, float] = {}
        self._news = asyncio.Event()

    @property
    def synced(self) -> asyncio.Event:
        """Set once all Leases are known."""
        return self._copy.synced

    async def run(self) -> None:
        """Keep the copy, until cancelled."""
        await self._copy.run()

    async def look(self) -> int:
        """Ask the API server for all Leases now, ahead of the watch; the version of the answer."""
        return await self._copy.look_up(self._namespace, self._selector)

    async def news(self, known: int, until: float | None) -> None:
        """Return once `changes` is not `known` any more, or `steady` tells `until`.

        A renewal is no change; so what was to end at `until` may have to be looked at again.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(None if until is None else max(0.0, until - self.steady())):
                while self.changes == known:
                    await self._news.wait()

    def tell(self) -> None:
        """Wake who waits for news: something has changed that has to do with Leases."""
        self.changes += 1
        self._news.set()
        self._news = asyncio.Event()

    def __iter__(self) -> Iterator[LeaseRecord]:
        return iter(list(self._copy.values()))

    def get(self, name: str) -> LeaseRecord | None:
        """A Lease as last heard of."""
        return self._copy.get(self._namespace, name)

    def ends(self, record: LeaseRecord) -> float:
        """When a Lease is over unless it changes, on `steady`; one that nobody holds is over."""
        if not record.holder:
            return 0.0
        seconds = record.spec.lease_duration_seconds or self.duration
        return self._seen.get(record.name, 0.0) + seconds

    def is_over(self, record: LeaseRecord) -> bool:
        """Whether nobody holds it any more."""
        return self.steady() >= self.ends(record)

    def next_end(self) -> float | None:
        """When the next of those that are held is over unless it changes, on `steady`."""
        now = self.steady()
        return min((end for end in map(self.ends, self) if end > now), default=None)

    async def acquire(self, name: str, marks: Mapping[str, str]) -> LeaseRecord | None:
        """Take a Lease that is free, or was ours in a former life; None if it is another's."""
        known = self.get(name)
        if known is not None and known.holder != self.identity and not self.is_over(known):
            return None
        now = micro_time(self._clock.now())
        before = known.spec.lease_transitions or 0 if known else -1
        spec = self._terms(now) | {"acquireTime": now, "leaseTransitions": before + 1}
        metadata: dict[str, Any] = {"labels": {**self._group, **marks}}
        try:
            if known is None:
                body = {
                    "apiVersion": LEASES.api_version,
                    "kind": LEASES.kind,
                    "metadata": {"name": name, **metadata},
                    "spec": spec,
                }
                answer = await self._client.create(LEASES, self._namespace, body, attempts=1)
            else:
                metadata["resourceVersion"] = known.metadata.resourceVersion
                answer = await self._write(name, {"metadata": metadata, "spec": spec})
        except ApiError as error:
            if error.already_exists or error.is_conflict or error.not_found:
                await self.look()
                return None
            raise
        return self._wrote(answer)

    async def release(self, record: LeaseRecord) -> None:
        """Say that nobody holds it; a conflict if it has changed since."""
        body = {
            "metadata": {"resourceVersion": record.metadata.resourceVersion},
            "spec": {"holderIdentity": None},
        }
        self._wrote(await self._write(record.name, body))

    async def clear(self, record: LeaseRecord) -> None:
        """Say of a Lease that is over that nobody holds it, so that the next need not wait."""
        with suppress(ApiError, TransportError):  # somebody else has, or will
            await self.release(record)

    async def remove(self, record: LeaseRecord) -> None:
        """Delete a Lease of ours that nobody will hold again."""
        await self._delete(record, version=None)

    async def bury(self, record: LeaseRecord) -> None:
        """Delete a Lease that is over, if it is: whoever was cut off has not heard of renewals."""
        await self._delete(record, version=record.metadata.resourceVersion)

    async def renewed(self, record: LeaseRecord) -> LeaseRecord:
        """Say that it is still held; a conflict if it was not, or not by this tenure."""
        body = {
            "metadata": {"resourceVersion": record.metadata.resourceVersion},
            "spec": self._terms(micro_time(self._clock.now())),
        }
        return self._wrote(await self._write(record.name, body))

    async def read(self, name: str) -> LeaseRecord:
        """One Lease, from the API server."""
        answer = await self._client.get(LEASES, self._namespace, name, attempts=1)
        return self._wrote(answer)

    def _terms(self, now: str) -> dict[str, Any]:
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": self.duration,
            "renewTime": now,
        }

    async def _delete(self, record: LeaseRecord, *, version: str | None) -> None:
        with suppress(ApiError, TransportError, TimeoutError):
            async with asyncio.timeout(FAREWELL):
                await self._client.delete(
                    LEASES,
                    self._namespace,
                    record.name,
                    uid=record.metadata.uid,
                    version=version,
                    attempts=1,
                )

    async def _write(self, name: str, body: object) -> bytes:
        return await self._client.patch(LEASES, self._namespace, name, body, attempts=1)

    def _wrote(self, answer: bytes) -> LeaseRecord:
        record = self._copy.decode(answer)
        self._copy.observe(record)
        return record

    def _changed(self, old: LeaseRecord | None, new: LeaseRecord | None) -> None:
        if new is None:
            self._seen.pop(old.name if old is not None else "", None)
            self.tell()
            return
        # That it is still held is no news: who waits for its end looks again when that comes.
        still = old is not None and _same_terms(old, new) and not self.is_over(old)
        self._seen[new.name] = self.steady()
        if not still:
            self.tell()


def _same_terms(old: LeaseRecord, new: LeaseRecord) -> bool:
    return old.spec == new.spec and old.metadata.labels == new.metadata.labels


def lease_name(prefix: str, words: str) -> str:
    """A valid name for a Lease about `words`, such as an identity, which may be no valid name."""
    return f"{prefix}-{hashlib.blake2s(words.encode(), digest_size=5).hexdigest()}"
