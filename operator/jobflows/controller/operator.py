"""The operator of one shard, assembled: its views, the queue and its workers, and the writers.

Everything it needs of the world is handed in (transport, clock, randomness), and all waiting is on
the event loop's time; so the whole of it runs in a simulation as it runs on a cluster. A `standby`
sees everything and does nothing until it is told to `take_over`.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping

from jobflows.cluster.client import Client
from jobflows.cluster.clock import Clock
from jobflows.cluster.errors import ApiError
from jobflows.cluster.events import EventRecorder
from jobflows.cluster.limiter import Limiter
from jobflows.cluster.transport import Transport, TransportError
from jobflows.controller.admission import Admission
from jobflows.controller.effects import Effects
from jobflows.controller.evidence import EvidenceReader
from jobflows.controller.flowstate import FlowState
from jobflows.controller.measure import Census
from jobflows.controller.metrics import Metrics, ReconcileResult
from jobflows.controller.pressure import Pressure
from jobflows.controller.reconciler import Reconciler
from jobflows.controller.settings import Settings
from jobflows.controller.shards import Shard
from jobflows.controller.standing import look
from jobflows.controller.starting import BlockedError, Starting
from jobflows.controller.status_writer import StatusWriter
from jobflows.controller.succession import Succession
from jobflows.controller.views import Views, either
from jobflows.controller.workqueue import WorkQueue
from jobflows.controller.world import World
from jobflows.engine import Instant

COMPONENT = "jobflow-operator"
WAKE_SLACK = 0.001
"""Seconds added to a timer, so that rounding never wakes a flow before its moment."""
STOP_SECONDS = 7.0

log = logging.getLogger(__name__)


class Operator:
    """`run` until cancelled, or until `stop` has ended it in good order.

    `limiter` is that of the process, if it has several shards.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        settings: Settings,
        metrics: Metrics,
        clock: Clock,
        rng: random.Random,
        shard: Shard | None = None,
        limiter: Limiter | None = None,
        standby: bool = False,
    ) -> None:
        if shard is None:
            shard = Shard.of(settings)
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._census = Census(metrics)
        if limiter is None:
            limiter = limiter_of(settings)
            metrics.watch_limiter(limiter)
        self._pressure = Pressure()
        self._client = Client(transport, limiter, rng=rng, observe=self._called)
        patient = Limiter(settings.kube_api_qps / 4, settings.kube_api_burst, 4)
        bystander = Client(transport, patient, rng=rng, observe=metrics.api_call)
        self._events = EventRecorder(bystander, COMPONENT, settings.identity, clock)
        self.queue = WorkQueue(rng)
        self.admission = Admission(
            shard.share(settings.max_concurrent_jobs),
            settings.max_concurrent_jobs_per_namespace,
            wake=self.queue.add,
            most=settings.start_window,
        )
        self.world = World(self.queue.add, self._forget, clock, metrics.pod_ended, self._count)
        self.views = Views(self._client, self.world, shard, settings, rng)
        self._succession = Succession(self.views, settings)
        self.status = StatusWriter(
            self._client,
            self.views.flows,
            shard,
            clock=clock,
            period=settings.status_batch_period,
            pressure=self._pressure,
            metrics=metrics,
            after_write=self._written,
        )
        self._starting = Starting(
            self._client,
            self.views.jobs,
            self.world,
            shard,
            clock=clock,
            held=self._hold,
            enqueue=self.queue.add,
        )
        self._effects = Effects(
            self._client,
            self.views.jobs,
            self.status,
            starting=self._starting,
            clock=clock,
            enqueue=self.queue.add,
        )
        self.reconciler = Reconciler(
            world=self.world,
            admission=self.admission,
            effects=self._effects,
            status=self.status,
            events=self._events,
            metrics=metrics,
            census=self._census,
            settings=settings,
            clock=clock,
            wake=self._wake,
            look_up=self.views.look_up,
            freshen=self._succession.freshen,
            recount=self._succession.recount,
            evidence=EvidenceReader(self._client),
        )
        now = asyncio.get_running_loop().time
        self._shown = [metrics.watch_informer(view, now=now) for view in self.views.all]
        self._workers: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._active = asyncio.Event()
        if not standby:
            self.take_over()

    def take_over(self, version: int = 0) -> None:
        """Begin to work. Whoever did before wrote nothing that is newer than `version`."""
        self._succession.begin(version)
        self._active.set()
        now = asyncio.get_running_loop().time
        metrics, workers = self._metrics, self._settings.max_concurrent_reconciles
        self._shown += [
            metrics.watch_admission(self.admission),
            metrics.watch_standing(lambda: look(self.world.flows, self._census, self._clock.now())),
            metrics.watch_queue(self.queue, workers=workers, now=now),
        ]

    async def run(self) -> None:
        """Watch and reconcile until cancelled or stopped; raises what no retry can cure."""
        try:
            async with asyncio.TaskGroup() as group:
                await self.views.begin(group, self._stopping)
                await either(self._active, self._stopping)
                if not self._stopping.is_set():
                    self._begin(group)
                await self._stopping.wait()
                await self._wind_down()
        finally:
            self.queue.close()
            self._starting.abandon()
            self.status.abandon()
            self._events.abandon()
            self._census.close()
            for hide in self._shown:
                hide()
            self.views.tasks.clear()
            self._workers.clear()

    def _begin(self, group: asyncio.TaskGroup) -> None:
        for number in range(self._settings.max_concurrent_reconciles):
            self._workers.append(group.create_task(self._work(), name=f"worker-{number}"))
        log.info("ready: %d flows, %d jobs", len(self.views.flows), len(self.views.jobs))

    async def stop(self) -> None:
        """Ask `run` to finish what is under way, write what is decided, and return."""
        self._stopping.set()

    def checks(self) -> Mapping[str, bool]:
        """What has to be true before the operator can be relied on."""
        working = {"workers": bool(self._workers)} if self._active.is_set() else {}
        return {**self.views.checks(), **working}

    def alive(self) -> Mapping[str, bool]:
        """What must not have died."""
        return {task.get_name(): not task.done() for task in (*self.views.tasks, *self._workers)}

    async def _wind_down(self) -> None:
        """Let the workers finish their flow, write all statuses, then end the watches."""
        self.queue.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                if self._workers:
                    await asyncio.wait(self._workers)
                await self._starting.drain()
                await self.status.drain()
                await self._events.close()
        except TimeoutError:
            log.warning("stopped before every status was written; the next start makes it good")
        for task in (*self._workers, *self.views.tasks):
            task.cancel()

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while (taken := await self.queue.get()) is not None:
            uid, waited = taken
            started = loop.time()
            result: ReconcileResult = "success"
            try:
                await self.reconciler.reconcile(uid)
                self.queue.forgive(uid)
            except (ApiError, TransportError, BlockedError) as error:
                result = "error"
                self._retry(uid, error)
            except Exception:  # one broken flow must not stop the others
                result = "error"
                self._metrics.reconcile_error("bug")
                self.queue.retry(uid)
                log.exception("reconcile failed", extra=self._who(uid))
            finally:
                self.queue.done(uid)
                self._metrics.reconciled(loop.time() - started, result)
                self._metrics.queue_waited(waited)

    def _called(self, operation: str, resource: str, status: str, seconds: float) -> None:
        self._metrics.api_call(operation, resource, status, seconds)
        self._pressure.note(operation, seconds)

    def _retry(self, uid: str, error: Exception) -> None:
        self._metrics.reconcile_error(_kind(error))
        delay = self.queue.retry(uid)
        log.warning("reconcile again in %.2f s: %s", delay, error, extra=self._who(uid))

    def _hold(self, uid: str, error: Exception, until: Instant) -> None:
        self._metrics.reconcile_error(_kind(error))
        seconds = max(0.0, until - self._clock.now())
        log.warning("start again in %.2f s: %s", seconds, error, extra=self._who(uid))
        self._wake(uid, until)

    def _who(self, uid: str) -> dict[str, str]:
        state = self.world.flows.get(uid)
        if state is None or state.record is None:
            return {}
        return {"flow": state.record.metadata.name, "namespace": state.record.metadata.namespace}

    def _wake(self, uid: str, at: Instant) -> None:
        loop = asyncio.get_running_loop()
        self.queue.add_at(uid, loop.time() + max(0.0, at - self._clock.now()) + WAKE_SLACK)

    def _count(self, state: FlowState) -> None:
        self.admission.count(state.uid, state.namespace, state.sightings)

    def _forget(self, state: FlowState) -> None:
        self.queue.forget(state.uid)
        self.admission.leave(state.uid)
        self.status.forget(state)
        self.reconciler.compiler.drop(state.uid)
        self._census.leave(state.uid)

    def _written(self, state: FlowState) -> None:
        self.reconciler.release(state)


def limiter_of(settings: Settings) -> Limiter:
    """The limit of a process's writes."""
    return Limiter(settings.kube_api_qps, settings.kube_api_burst, settings.kube_api_in_flight)


def _kind(error: Exception) -> str:
    if isinstance(error, ApiError):
        return f"http_{error.status}"
    if isinstance(error, BlockedError):
        return "blocked"
    return "connection" if isinstance(error, TransportError) else "bug"
