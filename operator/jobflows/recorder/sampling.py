"""What pods use while they run, by the metrics API: for attempts that do not measure themselves.

`metrics.k8s.io` has for each container the memory of one moment, every 15 s or so, and how many
cores were busy since the moment before. The most that was seen is taken for the peak: what is
shorter than that is missed, so the archive says that such a figure was sampled. CPU seconds are the
cores added up over time. A cluster without that API, or a recorder without the right to ask it,
makes no noise: what was not seen is unknown.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from jobflows.api.quantities import QuantityError, parse_quantity, to_bytes
from jobflows.cluster.client import Client
from jobflows.cluster.clock import Clock
from jobflows.cluster.errors import ApiError
from jobflows.cluster.resources import POD_METRICS
from jobflows.cluster.transport import TransportError
from jobflows.engine.times import parse_rfc3339
from jobflows.manifests import labels
from jobflows.manifests.place import Place
from jobflows.recorder.records import main_of
from jobflows.recorder.sight import Sight

REST = 300.0
"""Seconds to leave an API alone that is not there, or not for us."""

GROWTH = 1.1
"""A running attempt is written anew when its peak has grown so much: a recorder may be killed."""

log = logging.getLogger(__name__)


class _Meta(msgspec.Struct, frozen=True):
    name: str
    namespace: str = ""


class _Container(msgspec.Struct, frozen=True):
    name: str
    usage: dict[str, str] = {}


class _PodMetrics(msgspec.Struct, frozen=True):
    metadata: _Meta
    timestamp: str = ""
    containers: tuple[_Container, ...] = ()


class _List(msgspec.Struct, frozen=True):
    items: tuple[_PodMetrics, ...] = ()


_decode = msgspec.json.Decoder(_List).decode


@dataclass(slots=True)
class Sampled:
    """What was seen of a pod's main container. `seconds` are of CPU, from `first` to `at`."""

    peak: int
    first: float
    at: float
    first_cores: float
    cores: float
    seconds: float = 0.0
    written: int = 0

    @classmethod
    def begin(cls, at: float, cores: float, memory: int) -> Sampled:
        """The first sample."""
        return cls(memory, at, at, cores, cores)

    def add(self, at: float, cores: float, memory: int) -> None:
        """One more; the same one again says nothing new."""
        if at <= self.at:
            return
        self.peak = max(self.peak, memory)
        self.seconds += cores * (at - self.at)
        self.at, self.cores = at, cores

    def cpu_seconds(self, started: float | None, finished: float | None) -> float | None:
        """From start to end: before the first sample it was as then, after the last one, too.

        Of what runs on: until the last sample. None when nobody knows when it began.
        """
        if started is None:
            return None
        before = max(0.0, self.first - started)
        after = 0.0 if finished is None else max(0.0, finished - self.at)
        return self.first_cores * before + self.seconds + self.cores * after


class Sampler:
    """Asks every `period` seconds while pods of ours run. `pods` is what was seen, by UID."""

    def __init__(
        self, client: Client, sight: Sight, *, clock: Clock, namespace: str | None, period: float
    ) -> None:
        self._client = client
        self._sight = sight
        self._clock = clock
        self._namespace = namespace
        self._period = period
        self._quiet_until = 0.0
        self.pods: dict[str, Sampled] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(self._period)
            if self._clock.now() >= self._quiet_until:
                await self._look()

    async def _look(self) -> None:
        running = dict(self._running())
        if not running:
            return
        try:
            body = await self._client.list_page(
                POD_METRICS,
                self._namespace,
                label_selector=labels.FLOW_UID,
                limit=0,
                attempts=1,
            )
            found = _decode(body)
        except (ApiError, TransportError, msgspec.DecodeError) as error:
            log.info("no usage from the metrics API, looking again in %g s: %s", REST, error)
            self._quiet_until = self._clock.now() + REST
            return
        for each in found.items:
            known = running.get((each.metadata.namespace, each.metadata.name))
            if known is not None:
                self._take(each, *known)

    def _running(self) -> Iterator[tuple[tuple[str, str], tuple[Place, str, str]]]:
        """By namespace and name: the attempt, the pod's UID and its main container."""
        for of_flow in self._sight.attempts.values():
            for place, seen in of_flow.items():
                for uid, pod in seen.pods.items():
                    main = main_of(pod)
                    if pod.status.phase == "Running" and uid not in seen.gone and main is not None:
                        yield (pod.metadata.namespace, pod.metadata.name), (place, uid, main.name)

    def _take(self, metrics: _PodMetrics, place: Place, uid: str, main: str) -> None:
        at = parse_rfc3339(metrics.timestamp)
        usage = next((each.usage for each in metrics.containers if each.name == main), None)
        if at is None or usage is None:
            return
        try:
            cores, memory = float(parse_quantity(usage["cpu"])), to_bytes(usage["memory"])
        except (KeyError, QuantityError):
            return
        if uid in self.pods:
            self.pods[uid].add(at, cores, memory)
        else:
            self.pods[uid] = Sampled.begin(at, cores, memory)
        sampled = self.pods[uid]
        if sampled.peak > sampled.written * GROWTH:
            sampled.written = sampled.peak
            self._sight.sampled(place, uid)
