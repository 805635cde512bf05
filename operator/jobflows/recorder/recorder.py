"""The recorder: three informers, what they tell, and a writer that never gives up.

What has changed is gathered for a moment and written in one transaction. While the database does
not answer the same facts are tried again, news gather behind them, and nothing is forgotten: what
is written is told by keys and versions (`archive/writing.py`), so twice is once. A flow whose run
has ended is marked with that run's number when all that is known of it is written; an operator with
`--archive-required` waits for that before its TTL deletes the flow.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from jobflows.archive import ArchiveError, AttemptFact, Fact, GoneFact
from jobflows.cluster.backoff import Backoff
from jobflows.cluster.client import Client
from jobflows.cluster.clock import Clock
from jobflows.cluster.errors import ApiError
from jobflows.cluster.informer import Informer
from jobflows.cluster.limiter import Limiter
from jobflows.cluster.resources import JOBFLOWS, JOBS, PODS
from jobflows.cluster.transport import Transport, TransportError
from jobflows.manifests import labels
from jobflows.manifests.place import Place
from jobflows.manifests.records import FlowRecord, JobRecord
from jobflows.recorder.flows import Flows
from jobflows.recorder.logs import Logs
from jobflows.recorder.metrics import RecorderMetrics
from jobflows.recorder.records import RecordedPod
from jobflows.recorder.sampling import Sampler
from jobflows.recorder.sight import Sight
from jobflows.recorder.telling import Told, tell

PERIOD = 1.0
"""Seconds in which changes are gathered."""

USAGE_PERIOD = 15.0
"""Seconds between looks at what pods use: about as often as a metrics server looks itself."""

AT_ONCE = 2_000
"""Facts of one transaction, about."""

PATIENCE = 60.0
"""Seconds that a finished flow's pods may take to end, before it is marked all the same."""

BACKOFF_BASE, BACKOFF_CAP = 0.5, 30.0

Write = Callable[[Sequence[Fact]], Awaitable[int]]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _End:
    """A run that has ended and is written down."""

    run: int
    since: float


class Recorder:
    """`run` until cancelled. `write` puts facts into the archive, or raises `ArchiveError`."""

    def __init__(
        self,
        transport: Transport,
        write: Write,
        *,
        clock: Clock,
        rng: random.Random,
        metrics: RecorderMetrics,
        namespace: str | None = None,
        origin: str = "cluster",
        period: float = PERIOD,
        usage_period: float = USAGE_PERIOD,
    ) -> None:
        self._client = Client(transport, Limiter(), rng=rng)
        self._write = write
        self._clock = clock
        self._rng = rng
        self._metrics = metrics
        self._period = period
        self._flows = Flows(origin)
        self._ends: dict[str, _End] = {}
        self.sight = Sight()
        self._logs = Logs(self._client, self.sight)
        self._usage_period = usage_period
        self._sampler = Sampler(
            self._client, self.sight, clock=clock, namespace=namespace, period=usage_period
        )
        self.flows = Informer(
            self._client,
            JOBFLOWS,
            FlowRecord,
            on_change=self.sight.flow_changed,
            rng=rng,
            namespace=namespace,
        )
        self.jobs = Informer(
            self._client,
            JOBS,
            JobRecord,
            on_change=self.sight.job_changed,
            rng=rng,
            namespace=namespace,
            label_selector=labels.FLOW_UID,
        )
        self.pods = Informer(
            self._client,
            PODS,
            RecordedPod,
            on_change=self.sight.pod_changed,
            rng=rng,
            namespace=namespace,
            label_selector=labels.FLOW_UID,
        )

    def checks(self) -> dict[str, bool]:
        """What has to be true before the recorder can be relied on."""
        return {
            "flows": self.flows.synced.is_set(),
            "jobs": self.jobs.synced.is_set(),
            "pods": self.pods.synced.is_set(),
        }

    async def run(self) -> None:
        """Watch and write until cancelled."""
        async with asyncio.TaskGroup() as group:
            for informer in (self.flows, self.jobs, self.pods):
                group.create_task(informer.run(), name=informer.resource.plural)
            for informer in (self.flows, self.jobs, self.pods):
                await informer.synced.wait()
            if self._usage_period > 0:
                group.create_task(self._sampler.run(), name="usage")
            log.info("ready: %d flows, %d pods", len(self.flows), len(self.pods))
            while True:
                await self.flush()
                await asyncio.sleep(self._period)

    async def flush(self) -> None:
        """Write all that is new, and mark the flows whose end is written."""
        while self.sight.has_news:
            self._metrics.behind(self._clock.now())
            await self._flush_some()
        self._metrics.caught_up()
        await self._mark()

    async def _flush_some(self) -> None:
        sight, facts = self.sight, list[Fact]()
        ended: dict[str, int] = {}
        while sight.changed_flows and len(facts) < AT_ONCE:
            uid, record = sight.changed_flows.popitem()
            facts += self._flows.tell(record)
            known = self._flows.known[uid]
            if known.ended:
                ended[uid] = known.run
            else:
                self._ends.pop(uid, None)
        places: list[Place] = []
        told: list[tuple[AttemptFact, RecordedPod | None]] = []
        counted: list[Fact] = []
        while sight.changed_attempts and len(facts) + len(told) < AT_ONCE:
            place = next(iter(sight.changed_attempts))
            del sight.changed_attempts[place]
            places.append(place)
            found = self._tell(place)
            told += found.attempts
            if found.counted is not None:
                counted.append(found.counted)
        facts += [*await self._logs.read(told), *counted]
        gone = []
        if not sight.changed_flows:
            gone, sight.gone_flows = list(sight.gone_flows), {}
            facts += [GoneFact(uid, self._clock.now()) for uid in gone]
        await self._insist(facts)
        self._written(places, ended, gone)

    def _tell(self, place: Place) -> Told:
        """What is known of an attempt; nothing of what somebody else has put our labels on."""
        known = self._flows.known.get(place.flow_id)
        seen = self.sight.attempts.get(place.flow_id, {}).get(place)
        if known is None or seen is None or place.step not in known.kinds:
            return Told()
        job = seen.job
        if job is not None and job.metadata.namespace != known.namespace:
            job = None
        ours = replace(
            seen,
            job=job,
            pods={
                uid: pod
                for uid, pod in seen.pods.items()
                if pod.metadata.namespace == known.namespace
            },
        )
        kind, now = known.kinds[place.step], self._clock.now()
        return tell(place, ours, self._sampler.pods, kind=kind, run=known.run, now=now)

    async def _insist(self, facts: Sequence[Fact]) -> None:
        """Write until it is written, for as long as it takes."""
        if not facts:
            return
        backoff = Backoff(self._rng, base=BACKOFF_BASE, cap=BACKOFF_CAP)
        while True:
            try:
                self._metrics.written(await self._write(facts))
                return
            except ArchiveError as error:
                self._metrics.failed()
                delay = BACKOFF_BASE + backoff.next()
                log.warning("%s; trying again in %.1f s", error, delay)
                await asyncio.sleep(delay)

    def _written(self, places: Sequence[Place], ended: dict[str, int], gone: list[str]) -> None:
        sight, now = self.sight, self._clock.now()
        for place in places:
            if place not in sight.changed_attempts:
                for uid in self._gone(place):
                    self._logs.forget(uid)
                    self._sampler.pods.pop(uid, None)
                sight.recorded(place)
        for uid, run in ended.items():
            self._ends.setdefault(uid, _End(run, now)).run = run
        for uid in gone:
            self._ends.pop(uid, None)
        for uid in list(self._flows.known) if gone else ():
            if uid not in sight.flows and uid not in sight.attempts:
                del self._flows.known[uid]

    def _gone(self, place: Place) -> set[str]:
        seen = self.sight.attempts.get(place.flow_id, {}).get(place)
        return set() if seen is None else set(seen.gone)

    async def _mark(self) -> None:
        """Say on each flow that has ended which run of it is in the archive."""
        now = self._clock.now()
        for uid, end in list(self._ends.items()):
            record = self.sight.flows.get(uid)
            if record is None:
                self._ends.pop(uid, None)
                continue
            if not (self.sight.is_quiet(uid) or now >= end.since + PATIENCE):
                continue
            if record.metadata.annotations.get(labels.ARCHIVED) != str(end.run):
                meta, known = record.metadata, self._flows.known[uid]
                await self._insist(known.counted)  # what nobody has seen is not coming any more
                body = {"metadata": {"uid": uid, "annotations": {labels.ARCHIVED: str(end.run)}}}
                try:
                    await self._client.patch(JOBFLOWS, meta.namespace, meta.name, body)
                except (ApiError, TransportError) as error:
                    if not (isinstance(error, ApiError) and error.not_found):
                        log.warning("%s/%s is not marked: %s", meta.namespace, meta.name, error)
                        continue
            self._ends.pop(uid, None)
            self._flows.known[uid].counted = ()
