"""The operator, assembled: three informers, the queue and its workers, and the writers.

Everything it needs of the world is handed in (transport, clock, randomness), and all waiting is on
the event loop's time; so the whole of it runs in a simulation as it runs on a cluster.
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
from jobflows.cluster.informer import Informer
from jobflows.cluster.limiter import Limiter
from jobflows.cluster.resources import JOBFLOWS, JOBS, PODS
from jobflows.cluster.transport import Transport, TransportError
from jobflows.controller.admission import Admission
from jobflows.controller.effects import BlockedError, Effects
from jobflows.controller.evidence import EvidenceReader
from jobflows.controller.flowstate import FlowState
from jobflows.controller.measure import Census
from jobflows.controller.metrics import Metrics, ReconcileResult
from jobflows.controller.pressure import Pressure
from jobflows.controller.reconciler import Reconciler
from jobflows.controller.settings import Settings
from jobflows.controller.status_writer import StatusWriter
from jobflows.controller.workqueue import WorkQueue
from jobflows.controller.world import World
from jobflows.engine import Instant
from jobflows.manifests import labels
from jobflows.manifests.records import FlowRecord, JobRecord, PodRecord

COMPONENT = "jobflow-operator"
WAKE_SLACK = 0.001
"""Seconds added to a timer, so that rounding never wakes a flow before its moment."""
STOP_SECONDS = 7.0

log = logging.getLogger(__name__)


class Operator:
    """One operator process. `run` until cancelled, or until `stop` has ended it in good order."""

    def __init__(
        self,
        transport: Transport,
        *,
        settings: Settings,
        metrics: Metrics,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._census = Census(metrics)
        limiter = Limiter(
            settings.kube_api_qps, settings.kube_api_burst, settings.kube_api_in_flight
        )
        self._pressure = Pressure()
        self._client = Client(transport, limiter, rng=rng, observe=self._called)
        patient = Limiter(settings.kube_api_qps / 4, settings.kube_api_burst, 4)
        bystander = Client(transport, patient, rng=rng, observe=metrics.api_call)
        self._events = EventRecorder(bystander, COMPONENT, settings.identity, clock)
        self.queue = WorkQueue(rng)
        self.admission = Admission(
            settings.max_concurrent_jobs,
            settings.max_concurrent_jobs_per_namespace,
            wake=self.queue.add,
            most=settings.start_window,
        )
        self.world = World(self.queue.add, self._forget, clock, metrics.pod_ended, self._count)
        namespace = settings.watch_namespace
        self.flows = Informer(
            self._client,
            JOBFLOWS,
            FlowRecord,
            on_change=self.world.flow_changed,
            rng=rng,
            namespace=namespace,
            label_selector=settings.label_selector,
        )
        self.jobs = Informer(
            self._client,
            JOBS,
            JobRecord,
            on_change=self.world.job_changed,
            rng=rng,
            namespace=namespace,
            label_selector=labels.SELECTOR,
        )
        self.pods = Informer(
            self._client,
            PODS,
            PodRecord,
            on_change=self.world.pod_changed,
            rng=rng,
            namespace=namespace,
            label_selector=labels.SELECTOR,
        )
        self.status = StatusWriter(
            self._client,
            self.flows,
            clock=clock,
            period=settings.status_batch_period,
            pressure=self._pressure,
            metrics=metrics,
            after_write=self._written,
        )
        self._effects = Effects(
            self._client,
            self.jobs,
            self.status,
            self.world,
            clock=clock,
            metrics=metrics,
            held=self._hold,
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
            look_up=self._look_up,
            evidence=EvidenceReader(self._client),
        )
        loop_time = asyncio.get_running_loop().time
        metrics.watch_limiter(limiter)
        metrics.watch_admission(self.admission)
        metrics.watch_queue(self.queue, workers=settings.max_concurrent_reconciles, now=loop_time)
        for informer in (self.flows, self.jobs, self.pods):
            metrics.watch_informer(informer, now=loop_time)
        self._tasks: list[asyncio.Task[None]] = []
        self._workers: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Watch and reconcile until cancelled or stopped; raises what no retry can cure."""
        try:
            async with asyncio.TaskGroup() as group:
                # Flows before Jobs: a status never names a Job that is younger than the list of
                # Jobs, so a Job that is missing from the list is really gone.
                self._tasks.append(group.create_task(self.flows.run(), name="flows"))
                await self._synced(self.flows)
                for informer, name in ((self.jobs, "jobs"), (self.pods, "pods")):
                    self._tasks.append(group.create_task(informer.run(), name=name))
                await self._synced(self.jobs)
                await self._synced(self.pods)
                for number in range(self._settings.max_concurrent_reconciles):
                    task = group.create_task(self._work(), name=f"worker-{number}")
                    self._workers.append(task)
                log.info("ready: %d flows, %d jobs", len(self.flows), len(self.jobs))
                await self._stopping.wait()
                await self._wind_down()
        finally:
            self.queue.close()
            self._effects.abandon()
            self.status.abandon()
            self._tasks.clear()
            self._workers.clear()

    async def stop(self) -> None:
        """Ask `run` to finish what is under way, write what is decided, and return."""
        self._stopping.set()

    def checks(self) -> Mapping[str, bool]:
        """What has to be true before the operator can be relied on."""
        return {
            "flows": self.flows.synced.is_set(),
            "jobs": self.jobs.synced.is_set(),
            "pods": self.pods.synced.is_set(),
            "workers": bool(self._workers),
        }

    def alive(self) -> Mapping[str, bool]:
        """What must not have died."""
        return {task.get_name(): not task.done() for task in (*self._tasks, *self._workers)}

    async def _synced(
        self, informer: Informer[FlowRecord] | Informer[JobRecord] | Informer[PodRecord]
    ) -> None:
        """Wait for an informer, or for the end of the operator."""
        waits = {
            asyncio.ensure_future(informer.synced.wait()),
            asyncio.ensure_future(self._stopping.wait()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _wind_down(self) -> None:
        """Let the workers finish their flow, write all statuses, then end the watches."""
        self.queue.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                if self._workers:
                    await asyncio.wait(self._workers)
                await self._effects.drain()
                await self.status.drain()
                await self._events.close()
        except TimeoutError:
            log.warning("stopped before every status was written; the next start makes it good")
        for task in (*self._workers, *self._tasks):
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

    async def _look_up(self, state: FlowState) -> None:
        """Read a flow's Jobs and pods from the API server, not from memory."""
        if state.record is None:
            return
        namespace = state.record.metadata.namespace
        selector = f"{labels.SELECTOR},{labels.FLOW_UID}={state.uid}"
        await self.jobs.look_up(namespace, selector)
        await self.pods.look_up(namespace, selector)

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
        self.reconciler.cache.drop(state.uid)
        self._census.leave(state.uid)

    def _written(self, state: FlowState) -> None:
        self.reconciler.release(state)


def _kind(error: Exception) -> str:
    if isinstance(error, ApiError):
        return f"http_{error.status}"
    if isinstance(error, BlockedError):
        return "blocked"
    return "connection" if isinstance(error, TransportError) else "bug"
