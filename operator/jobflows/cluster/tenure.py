"""The time that a process holds a Lease: taken, kept, and then given back or lost.

To its holder a Lease is over a little sooner than to all others, counted from before its last
renewal was sent. So the old holder has stopped before the new one begins.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Self

from jobflows.cluster.errors import ApiError
from jobflows.cluster.lease import FAREWELL, LeaseRecord, Leases
from jobflows.cluster.transport import TransportError

RENEWALS = 0.3
"""Part of its duration after which a Lease is renewed; a renewal is given up after as long."""
RETRIES = 0.1
"""Part of its duration after which a renewal that failed is tried again."""
MARGIN = 0.2
"""Part of its duration by which a holder stops before others take over."""

log = logging.getLogger(__name__)


class Tenure:
    """A Lease that was taken. `holds` is what everything done in its name has to ask first."""

    def __init__(self, leases: Leases, record: LeaseRecord, started: float) -> None:
        self._leases = leases
        self._record = record
        self._until = 0.0
        self._over = False
        self._extend(started)

    @classmethod
    async def take(cls, leases: Leases, name: str, marks: Mapping[str, str]) -> Self | None:
        """Take a Lease and label it with `marks`; None if it is another's."""
        started = leases.steady()
        record = await leases.acquire(name, marks)
        return None if record is None else cls(leases, record, started)

    @property
    def version(self) -> int:
        """The resourceVersion at which the Lease is held: whoever held it before wrote earlier."""
        return int(self._record.metadata.resourceVersion)

    def holds(self) -> bool:
        """Whether it is sure that nobody else has taken the Lease by now."""
        return not self._over and self._leases.steady() < self._until

    async def keep(self) -> None:
        """Renew the Lease for as long as it is ours; returns once it is not."""
        duration = self._leases.duration
        pause = duration * RENEWALS
        while True:
            await asyncio.sleep(pause)
            started = self._leases.steady()
            try:
                async with asyncio.timeout(duration * RENEWALS):
                    self._record = await self._leases.renewed(self._record)
                self._extend(started)
                pause = duration * RENEWALS
            except (ApiError, TransportError, TimeoutError) as error:
                pause = duration * RETRIES
                log.warning("Lease %s is not renewed: %s", self._record.name, error or "no answer")
                if isinstance(error, ApiError) and await self._is_lost(error):
                    self._over = True
                    return

    async def release(self) -> None:
        """Give the Lease back, so that others need not wait for its end."""
        self._over = True
        for _ in range(2):  # a renewal whose answer was lost makes the first a conflict
            try:
                async with asyncio.timeout(FAREWELL):
                    await self._leases.release(self._record)
                return
            except ApiError as error:
                if not error.is_conflict or await self._is_lost(error):
                    return
            except (TransportError, TimeoutError) as error:
                log.warning(
                    "Lease %s is not given back: %s", self._record.name, error or "no answer"
                )
                return

    async def remove(self) -> None:
        """Give back a Lease that nobody else will take."""
        self._over = True
        await self._leases.remove(self._record)

    def _extend(self, started: float) -> None:
        self._until = started + self._leases.duration * (1.0 - MARGIN)

    async def _is_lost(self, error: ApiError) -> bool:
        """Whether the Lease is another's, or another tenure's of our name."""
        if error.not_found:
            return True
        if not error.is_conflict:
            return False
        try:
            now = await self._leases.read(self._record.name)
        except ApiError as why:
            return why.not_found
        except TransportError:
            return False
        ours, spec = self._record.spec, now.spec
        if (spec.holder_identity, spec.lease_transitions) != (
            ours.holder_identity,
            ours.lease_transitions,
        ):
            return True
        self._record = now  # our own renewal, whose answer was lost
        return False
