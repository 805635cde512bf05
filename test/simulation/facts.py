"""What really happened, taken from the server's storage beside the operator.

A listener turns every write into facts about flows, Jobs and pods, and tells the invariants of
those that matter to them. Nothing here asks the operator anything. Times are the server's; `sent`
is when a process sent the request that had the effect: what was on its way could not be taken back.
"""

from __future__ import annotations

import contextvars
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from jobflows.api.resume import RESUME_ANNOTATION
from jobflows.cluster.transport import Request
from jobflows.engine.indexes import IndexSet
from jobflows.engine.stopping import STOP_ANNOTATION, read_stop
from jobflows.manifests import labels
from model import ApiServer, Call, kind_of
from model.storage import Change, Record
from simulation.script import task_of
from unit.controller.processes import SENT

Object = dict[str, Any]
ENDED = ("Succeeded", "Failed")
TERMINAL = ("Succeeded", "Failed", "Skipped")
VANDAL = "vandal"
"""The client of those who meddle with what is not theirs."""


def is_operator(client: str) -> bool:
    """Whether a client of the server is the operator, or one of several."""
    return client.startswith("operator")


_SENT: contextvars.ContextVar[float] = contextvars.ContextVar("_SENT")
"""When the creation that is being answered left its process."""

JOBFLOWS, JOBS, PODS = kind_of("jobflows"), kind_of("jobs"), kind_of("pods")


@dataclass(slots=True)
class PodFacts:
    """One pod; `cause` says why it failed: `app`, `memory`, `losses`.

    One that is `stuck` waits for an image that it cannot get. One that is `taken` was deleted by
    somebody who meddles: an operator that has not looked before learns no cause.
    """

    name: str
    task: int | None
    phase: str = "Pending"
    deleting: bool = False
    gone: bool = False
    stuck: bool = False
    taken: bool = False
    cause: str = ""
    exit_code: int | None = None

    @property
    def over(self) -> bool:
        return self.gone or self.phase in ENDED


@dataclass(slots=True)
class JobFacts:
    """One Job that the operator made for an attempt."""

    flow: FlowFacts
    step: str
    number: int
    name: str
    uid: str
    made: float
    sent: float
    tasks: IndexSet
    locks: dict[str, int]
    run: int
    obj: Object
    pods: dict[str, PodFacts] = field(default_factory=dict)
    over: bool = False
    gone: bool = False
    deleting: bool = False
    deleted_by: str = ""
    deleted: float = 0.0
    needless: bool = False
    """Whether its step had ended on record when it was made: `late-jobs-go` is about these."""
    late: bool = False
    """Whether it is needless, and left its process before that end was on record.

    Nobody can prevent that, for a creation has no precondition; other rules pass over these.
    """

    @property
    def alive(self) -> int:
        """How many of its tasks, or whether its one pod, may still be running."""
        if self.gone and self.tasks:
            return 0  # the operator does not watch the pods of arrays: their Job speaks for them
        if self.gone:
            return sum(not pod.over for pod in self.pods.values())
        if self.over:
            return 0
        if self.tasks:
            done = {pod.task for pod in self.pods.values() if pod.over}
            return sum(task not in done for task in self.tasks)
        return int(not any(pod.phase in ENDED for pod in self.pods.values()))

    @property
    def succeeded(self) -> bool:
        return any(pod.phase == "Succeeded" for pod in self.pods.values())

    @property
    def failed(self) -> bool:
        return any(pod.phase == "Failed" for pod in self.pods.values())

    @property
    def stuck(self) -> bool:
        return any(pod.stuck for pod in self.pods.values())

    @property
    def cause(self) -> str:
        """Why a single attempt failed by itself; `timeout` and `losses` if it was stopped."""
        told = (pod for pod in self.pods.values() if not pod.taken)
        own = [pod.cause for pod in told if pod.phase == "Failed" and pod.cause]
        return own[0] if own else "stopped"


@dataclass(slots=True)
class FlowFacts:
    """One flow by UID, with every version of its spec, and its status as it is on record."""

    uid: str
    name: str
    obj: Object
    created: float
    specs: list[Object] = field(default_factory=list)
    jobs: dict[str, list[JobFacts]] = field(default_factory=dict)
    terminal: dict[str, float] = field(default_factory=dict)
    """Step -> since when it is final on record; "" is the flow itself."""
    said: dict[str, str] = field(default_factory=dict)
    """Every annotation that was ever set."""
    answers: set[tuple[str, str]] = field(default_factory=set)
    """Every (Manual step, answer) that was ever given."""
    stopped: float | None = None
    """Since when people ask for its end, while it had not ended."""
    stop_mode: str = ""
    held: float | None = None
    """Since when spec.suspend is true."""
    told_held: float | None = None
    """Since when the operator says on record that it is suspended."""
    gone: float | None = None
    deleting: bool = False
    resumes: int = 0

    @property
    def status(self) -> Object:
        status: Object = self.obj.get("status") or {}
        return status

    @property
    def spec(self) -> Object:
        return self.specs[-1]

    @property
    def phase(self) -> str:
        return str(self.status.get("phase", ""))

    @property
    def run(self) -> int:
        return int((self.status.get("resume") or {}).get("run", 1))

    def record(self, step: str) -> Object:
        """What is on record of a step."""
        steps = self.status.get("steps") or ()
        return next((dict(one) for one in steps if one["name"] == step), {})

    def definitions(self, step: str) -> list[Object]:
        """The step in all versions of the spec, newest first; exit handlers, too."""
        found = []
        for spec in reversed(self.specs):
            for one in (*spec["steps"], *(spec.get("onExit") or ())):
                if one["name"] == step:
                    found.append(one)
        return found

    def is_handler(self, step: str) -> bool:
        return any(h["name"] == step for spec in self.specs for h in spec.get("onExit") or ())

    @property
    def all_jobs(self) -> list[JobFacts]:
        return [job for jobs in self.jobs.values() for job in jobs]


class Ears(Protocol):
    """What an invariant may be told."""

    def job_made(self, job: JobFacts) -> None: ...

    def job_over(self, job: JobFacts) -> None: ...

    def job_deleted(self, job: JobFacts) -> None: ...

    def status_written(self, flow: FlowFacts, old: Object, new: Object) -> None: ...


class Facts:
    """All of it, for one world."""

    def __init__(self, server: ApiServer, ears: Sequence[Ears]) -> None:
        self.server = server
        self.flows: dict[str, FlowFacts] = {}
        self.jobs: dict[str, JobFacts] = {}
        self._ears = ears
        server.storage.listeners.append(self._changed)
        server.on_create = self._sent

    def now(self) -> float:
        return self.server.clock.now()

    def living(self) -> list[FlowFacts]:
        """The flows that are there."""
        return [flow for flow in self.flows.values() if flow.gone is None]

    def _sent(self, call: Call, request: Request) -> None:
        """A creation is on its way; what held it up before it came to the server counts, too."""
        _SENT.set(SENT.get(self.now()))

    def _changed(self, change: Change) -> None:
        kind = change.new.kind
        if kind is JOBFLOWS:
            self._flow(change)
        elif kind is JOBS:
            self._job(change.new, change.deleted, change.old is None)
        elif kind is PODS:
            self._pod(change.new, change.deleted)

    def _flow(self, change: Change) -> None:
        new, now = change.new, self.now()
        flow = self.flows.get(new.uid)
        if flow is None:
            flow = self.flows[new.uid] = FlowFacts(new.uid, new.name, new.obj, now)
        old = flow.status
        flow.obj = new.obj
        if not flow.specs or flow.specs[-1] != new.obj["spec"]:
            flow.specs.append(new.obj["spec"])
            held = bool(new.obj["spec"].get("suspend"))
            flow.held = (flow.held or now) if held else None
            flow.told_held = None
        self._hear_people(flow, new.metadata.get("annotations") or {}, now)
        flow.deleting = "deletionTimestamp" in new.metadata
        if change.deleted:
            flow.gone = now
            return
        status = flow.status
        if status is not old and status != old:
            self._status(flow, old, status, now)

    def _hear_people(self, flow: FlowFacts, said: dict[str, str], now: float) -> None:
        if said != flow.said:
            prefix = "approved.workflow.kube-zen.io/"
            for key, value in said.items():
                if key.startswith(prefix):
                    flow.answers.add((key.removeprefix(prefix), value))
            if said.get(RESUME_ANNOTATION) != flow.said.get(RESUME_ANNOTATION):
                flow.resumes += 1
            flow.said = dict(said)
        request = read_stop(said.get(STOP_ANNOTATION, ""))
        if request is None or flow.phase in ENDED:
            if request is None:
                flow.stopped, flow.stop_mode = None, ""
        elif flow.stopped is None or flow.stop_mode != request.mode:
            flow.stopped, flow.stop_mode = now, str(request.mode)

    def _status(self, flow: FlowFacts, old: Object, new: Object, now: float) -> None:
        final = {s["name"] for s in new.get("steps") or () if s.get("phase") in TERMINAL}
        if new.get("phase") in ENDED:
            final.add("")
        flow.terminal = {name: flow.terminal.get(name, now) for name in final}
        current = new.get("observedGeneration") == flow.obj["metadata"]["generation"]
        if new.get("phase") == "Suspended" and flow.held and current:
            flow.told_held = flow.told_held or now
        for ear in self._ears:
            ear.status_written(flow, old, new)

    def _job(self, job: Record, deleted: bool, new: bool) -> None:
        known = self.jobs.get(job.uid)
        if known is None:
            known = self._meet(job) if new else None
            if known is None:
                return
            for ear in self._ears:
                ear.job_made(known)
        conditions = job.obj["status"].get("conditions") or ()
        if not known.over and any(c["type"] in ("Complete", "Failed") for c in conditions):
            known.over = True
            for ear in self._ears:
                ear.job_over(known)
        if not known.deleting and (deleted or "deletionTimestamp" in job.metadata):
            known.deleting, known.deleted_by = True, self.server.caller
            known.deleted = self.now()
            for ear in self._ears:
                ear.job_deleted(known)
        known.gone = deleted

    def _meet(self, job: Record) -> JobFacts | None:
        """A new Job, if it is one of an attempt and the operator made it."""
        marks = job.metadata.get("labels") or {}
        flow = self.flows.get(marks.get(labels.FLOW_UID, ""))
        if flow is None or not is_operator(self.server.caller):
            return None
        notes = job.metadata.get("annotations") or {}
        step = marks[labels.STEP]
        now = self.now()
        sent, ended = _SENT.get(), flow.terminal.get(step)
        facts = JobFacts(
            flow,
            step,
            int(marks[labels.ATTEMPT]),
            job.name,
            job.uid,
            now,
            sent,
            IndexSet.parse(notes.get(labels.TASKS, "")),
            labels.read_locks(notes),
            flow.run,
            job.obj,
            needless=ended is not None,
            late=ended is not None and sent <= ended,
        )
        flow.jobs.setdefault(step, []).append(facts)
        self.jobs[job.uid] = facts
        return facts

    def _pod(self, pod: Record, deleted: bool) -> None:
        owners = pod.metadata.get("ownerReferences") or ()
        job = self.jobs.get(owners[0]["uid"]) if owners else None
        if job is None:
            return
        known = job.pods.get(pod.uid)
        if known is None:
            task = task_of(pod.obj) if job.tasks else None
            known = job.pods[pod.uid] = PodFacts(pod.name, task)
        status = pod.obj["status"]
        known.gone = deleted
        known.taken |= "deletionTimestamp" in pod.metadata and self.server.caller == VANDAL
        known.stuck |= _waits_for_image(status)
        if known.phase not in ENDED:
            known.deleting = "deletionTimestamp" in pod.metadata
            if status["phase"] in ENDED:
                _end(known, status)
        known.phase = status["phase"]


def _waits_for_image(status: Object) -> bool:
    waits = (c["state"].get("waiting") or {} for c in status.get("containerStatuses") or ())
    return any(wait.get("reason") == "ImagePullBackOff" for wait in waits)


def _end(pod: PodFacts, status: Object) -> None:
    ended = [c["state"].get("terminated") or {} for c in status.get("containerStatuses") or ()]
    pod.exit_code = ended[0].get("exitCode") if ended else None
    if status["phase"] == "Succeeded" or pod.deleting:
        return
    disrupted = any(c["type"] == "DisruptionTarget" for c in status.get("conditions") or ())
    memory = any(state.get("reason") == "OOMKilled" for state in ended)
    pod.cause = "losses" if disrupted else "memory" if memory else "app"
