"""The index: from a Job or pod to its flow, and from an event to a key in the queue.

Called by the three informers with every difference they find. It holds no truth of its own; what
it keeps is the informers' content, arranged by flow.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from jobflows.cluster.clock import Clock
from jobflows.controller.flowstate import FlowState
from jobflows.controller.glance import glance_policy, glance_status
from jobflows.controller.workqueue import Priority
from jobflows.engine import Attempt, Peer
from jobflows.engine.times import parse_rfc3339
from jobflows.manifests.place import place_of_job, place_of_pod
from jobflows.manifests.records import FlowRecord, JobRecord, Meta, PodRecord
from jobflows.manifests.stages import Stages, stages

Enqueue = Callable[[str, Priority], None]
Measure = Callable[[str, Stages], None]

log = logging.getLogger(__name__)


class World:
    """Flow states by UID. `enqueue` is told which flow has news, and how urgent it is.

    `measure` is told the namespace and the stages of each pod that has ended, once.
    `count` is told of every flow of which more or less may be alive than before.
    """

    def __init__(
        self,
        enqueue: Enqueue,
        forget: Callable[[FlowState], None],
        clock: Clock,
        measure: Measure,
        count: Callable[[FlowState], None],
    ) -> None:
        self.flows: dict[str, FlowState] = {}
        self._enqueue = enqueue
        self._forget = forget
        self._clock = clock
        self._measure = measure
        self._count = count
        self._groups: dict[tuple[str, str], dict[str, FlowState]] = {}

    def flow_changed(self, old: FlowRecord | None, new: FlowRecord | None) -> None:
        """A JobFlow was added, changed or deleted."""
        if new is None:
            if old is not None:
                self._flow_gone(old)
            return
        uid = new.metadata.uid
        state = self._state_of_flow(uid, new.metadata.namespace)
        state.record = new
        edited = old is not None and old.metadata.generation != new.metadata.generation
        if edited and state.ledger is None and state.former is None:
            state.former = old
        if old is None or edited:
            self._regroup(state, new)
        if old is None:
            self._enqueue(uid, Priority.RESYNC)
        elif _person_changed(old.metadata, new.metadata) or (
            state.unreadable and bytes(old.status) != bytes(new.status)
        ):
            self._enqueue(uid, Priority.USER)

    def job_changed(self, old: JobRecord | None, new: JobRecord | None) -> None:
        """A Job was added, changed or deleted."""
        before = place_of_job(old)
        after = place_of_job(new)
        if before is not None and before != after:
            self._job_at(before, None, (new or old).metadata.namespace)  # type: ignore[union-attr] # one of them is there
        if after is not None and new is not None:
            self._job_at(after, new, new.metadata.namespace)

    def pod_changed(self, old: PodRecord | None, new: PodRecord | None) -> None:
        """A pod was added, changed or deleted."""
        meta = (new or old).metadata  # type: ignore[union-attr] # one of them is there
        place = place_of_pod(meta)
        if place is not None:
            uid, step, number = place
            state = self._state(uid, meta.namespace)
            if state is None:
                return
            if new is not None and new.is_over and not (old is not None and old.is_over):
                self._pod_ended(state, step, new, fresh=old is not None)
            now = self._clock.now()
            self._heard(state, state.sightings.saw_pod(step, number, meta.uid, new, now))

    def peers(self, state: FlowState) -> list[Peer]:
        """The other flows of a flow's concurrency group that are unfinished, or not gone yet."""
        if state.record is None or not state.group:
            return []
        found = []
        for other in self._groups.get((state.namespace, state.group), {}).values():
            peer = _peer(other)
            if other.uid == state.uid or peer is None:
                continue
            if not peer.phase.terminal or other.sightings.room:
                found.append(peer)
        return found

    def finished(self, state: FlowState) -> None:
        """A flow ended, is gone, or runs again: the others of its group have news."""
        if state.record is None or not state.group:
            return
        for uid in self._groups.get((state.namespace, state.group), {}):
            if uid != state.uid:
                self._enqueue(uid, Priority.EVENT)

    def requested(self, state: FlowState, step: str, attempt: Attempt) -> None:
        """An attempt without a Job: asked for, or what became of asking."""
        if state.record is None and not attempt.counts:
            self.settled(state, step, attempt.number)
            return
        state.sightings.request(step, attempt, self._clock.now())
        self._count(state)
        self._make_way(state)

    def settled(self, state: FlowState, step: str, number: int) -> bool:
        """A request is answered: from now on its Job speaks for it. Whether that is news."""
        news = state.sightings.settle(step, number, self._clock.now())
        self._count(state)
        if state.record is None:
            self._drop_if_empty(state)
        else:
            self._make_way(state)
        return news

    def _pod_ended(self, state: FlowState, step: str, pod: PodRecord, *, fresh: bool) -> None:
        """Add up what it spent its time on; one that had ended before we came is not `fresh`."""
        spent = stages(pod)
        if fresh:
            self._measure(pod.metadata.namespace, spent)
        if pod.status.phase == "Succeeded" and spent.running is not None:
            overhead = (spent.waiting or 0.0) + (spent.starting or 0.0)
            state.tally.add(f"step {step}", overhead, spent.running)

    def _job_at(self, place: tuple[str, str, int], job: JobRecord | None, namespace: str) -> None:
        uid, step, number = place
        state = self._state(uid, namespace)
        if state is None:
            return
        now = self._clock.now()
        try:
            news = state.sightings.saw_job(step, number, job, now)
        except ValueError as error:
            # Written by somebody else: the operator must not fall over it, for all others.
            log.warning("a Job of step %s is passed over: %s", step, error, extra={"uid": uid})
            news = state.sightings.saw_job(step, number, None, now)
        self._heard(state, news)

    def _state(self, uid: str, namespace: str) -> FlowState | None:
        """The flow with this UID; None for what has its labels in another namespace than its own.

        Whoever may create Jobs or pods in one namespace must not act for a flow of another.
        """
        state = self.flows.get(uid)
        if state is None:
            state = self.flows[uid] = FlowState(uid, namespace)
        return state if state.namespace == namespace else None

    def _state_of_flow(self, uid: str, namespace: str) -> FlowState:
        """The same for the flow itself, which decides where it is."""
        state = self._state(uid, namespace)
        if state is None:
            self._forget(self.flows.pop(uid))
            state = self.flows[uid] = FlowState(uid, namespace)
        return state

    def _heard(self, state: FlowState, news: bool) -> None:
        self._count(state)
        if state.record is None:
            self._drop_if_empty(state)
        elif news:
            self._enqueue(state.uid, Priority.EVENT)
            self._make_way(state)

    def _make_way(self, state: FlowState) -> None:
        """The next flow may have waited for the last pod, or request, of one that has ended."""
        if not state.sightings.room and _is_over(state):
            self.finished(state)

    def _drop_if_empty(self, state: FlowState) -> None:
        if state.sightings.is_empty:
            self.flows.pop(state.uid, None)

    def _flow_gone(self, old: FlowRecord) -> None:
        state = self.flows.get(old.metadata.uid)
        if state is None:
            return
        self.finished(state)
        if state.group:
            self._leave(old.metadata.namespace, state.group, state.uid)
        state.record, state.group = None, ""
        self._forget(state)
        state.release()
        self._count(state)
        self._drop_if_empty(state)

    def _regroup(self, state: FlowState, new: FlowRecord) -> None:
        before, after = state.group, _group(new)
        state.group = after
        if before and before != after:
            self._leave(new.metadata.namespace, before, state.uid)
        if after:
            self._groups.setdefault((new.metadata.namespace, after), {})[state.uid] = state
            self.finished(state)  # a newcomer with Replace is news for the others, too

    def _leave(self, namespace: str, group: str, uid: str) -> None:
        members = self._groups.get((namespace, group), {})
        members.pop(uid, None)
        if not members:
            self._groups.pop((namespace, group), None)


def _person_changed(old: Meta, new: Meta) -> bool:
    """Whether more than our own status write changed."""
    return (
        old.generation != new.generation
        or old.annotations != new.annotations
        or old.deletionTimestamp != new.deletionTimestamp
    )


def _group(record: FlowRecord) -> str:
    return glance_policy(record).concurrency_group or record.metadata.generateName


def _is_over(state: FlowState) -> bool:
    if state.ledger is not None:
        return state.ledger.phase.terminal
    return state.record is not None and glance_status(state.record).phase.terminal


def _peer(state: FlowState) -> Peer | None:
    record = state.record
    if record is None:
        return None
    if state.ledger is not None:
        phase, begun, resumed = state.ledger.phase, state.ledger.started, state.ledger.resume.at
    else:
        status = glance_status(record)
        phase, begun, resumed = status.phase, status.started, status.resumed
    created = parse_rfc3339(record.metadata.creationTimestamp) or 0.0
    return Peer(
        uid=state.uid,
        name=record.metadata.name,
        created=max(created, resumed or 0.0),
        phase=phase,
        replaces=glance_policy(record).concurrency_policy == "Replace",
        started=begun is not None or (resumed is None and bool(state.sightings.jobs)),
    )
