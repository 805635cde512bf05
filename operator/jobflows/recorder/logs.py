"""The ends of the logs of attempts that have failed, read while their pods are there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

from jobflows.archive import AttemptFact, Known
from jobflows.archive.words import tail
from jobflows.cluster.client import Client
from jobflows.cluster.errors import ApiError
from jobflows.cluster.resources import PODS
from jobflows.cluster.transport import TransportError
from jobflows.manifests.place import Place
from jobflows.recorder.records import RecordedPod, main_of
from jobflows.recorder.sight import Sight

AT_ONCE = 8
LINES = "200"
BYTES = str(1 << 20)

log = logging.getLogger(__name__)


class Logs:
    """Reads each log once, for as long as its pod is known."""

    def __init__(self, client: Client, sight: Sight) -> None:
        self._client = client
        self._sight = sight
        self._read: set[str] = set()

    async def read(
        self, told: Sequence[tuple[AttemptFact, RecordedPod | None]]
    ) -> list[AttemptFact]:
        """The attempts, with the ends of the logs of those that have failed."""
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(fact: AttemptFact, pod: RecordedPod | None) -> AttemptFact:
            if fact.phase != "Failed" or pod is None or not self._is_there(fact, pod):
                return fact
            async with slots:
                text = await self._tail_of(pod)
            if text is None:
                return fact
            version = int(pod.metadata.resourceVersion)
            return replace(fact, log_tail=text, version=Known.POD_AND_LOG.at(version))

        return list(await asyncio.gather(*(one(fact, pod) for fact, pod in told)))

    def forget(self, uid: str) -> None:
        """A pod is gone."""
        self._read.discard(uid)

    def _is_there(self, fact: AttemptFact, pod: RecordedPod) -> bool:
        place = Place(fact.flow_id, fact.step, fact.attempt)
        seen = self._sight.attempts.get(place.flow_id, {}).get(place)
        uid = pod.metadata.uid
        return uid not in self._read and (seen is None or uid not in seen.gone)

    async def _tail_of(self, pod: RecordedPod) -> str | None:
        """The last lines of a pod's main container; None when they cannot be read (any more)."""
        main, meta = main_of(pod), pod.metadata
        query = {"tailLines": LINES, "limitBytes": BYTES}
        if main is not None:
            query["container"] = main.name
        try:
            text = await self._client.get(
                PODS, meta.namespace, meta.name, subresource="log", query=query, attempts=2
            )
        except (ApiError, TransportError) as error:
            log.debug("no log of %s/%s: %s", meta.namespace, meta.name, error)
            return None
        self._read.add(meta.uid)
        return tail(text)
