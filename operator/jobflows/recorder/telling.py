"""What became of an attempt, as its Job and its pods tell it.

The same judgement as the operator's (`manifests/observe.py`), so that the archive and the status
agree. Of an array each task has a pod, and a row. What cannot be told yet is left for later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jobflows.api.containers import MAIN
from jobflows.api.quantities import QuantityError, to_bytes, to_millis
from jobflows.archive import NO_TASK, AttemptFact, KindOf, Known, MeasuredBy, TasksFact
from jobflows.engine import Attempt, AttemptState, Reason
from jobflows.engine.indexes import IndexSet
from jobflows.engine.mapping import read_measured
from jobflows.engine.times import parse_rfc3339
from jobflows.manifests.causes import disruption, explain_failure
from jobflows.manifests.observe import observe_attempt, output_of
from jobflows.manifests.place import Place
from jobflows.manifests.records import JobRecord
from jobflows.recorder.records import RecordedPod, main_of
from jobflows.recorder.sampling import Sampled
from jobflows.recorder.sight import Seen
from jobflows.recorder.tasks import is_of_array, position_of, task_of, tell_counted


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of an attempt: facts, each with the pod whose log tells more of it."""

    attempts: Sequence[tuple[AttemptFact, RecordedPod | None]] = ()
    counted: TasksFact | None = None
    """Tasks that only the Job tells of."""


def tell(
    place: Place, seen: Seen, usage: Mapping[str, Sampled], *, kind: KindOf, run: int, now: float
) -> Told:
    """What is known of an attempt, and is news; `usage` is what was sampled of pods, by UID."""
    job, pods = seen.job, seen.pods
    if is_of_array(job, pods):
        return _tell_tasks(place, seen, usage, kind=kind, run=run)
    newest_pod = max(pods.values(), key=_age, default=None)
    plain = [pod.plain for pod in pods.values()]
    found = observe_attempt(place.attempt, job, plain, wants_output=True, now=now)
    if found is not None and found.state in (AttemptState.SUCCEEDED, AttemptState.FAILED):
        fact = _of_attempt(place, found, job, newest_pod, usage, kind=kind, run=run)
        return Told([(fact, newest_pod)])
    if newest_pod is None:
        return Told()
    fact = _of_pod(place, newest_pod, usage, kind=kind, run=run, task=NO_TASK)
    return Told([(fact, newest_pod)])


def _tell_tasks(
    place: Place, seen: Seen, usage: Mapping[str, Sampled], *, kind: KindOf, run: int
) -> Told:
    """Of each task its newest pod. One that is gone and has not said how it ended says nothing of
    its end; its Job may."""
    newest: dict[int, RecordedPod] = {}
    for pod in sorted(seen.pods.values(), key=_age):
        task = task_of(pod)
        if task is not None:
            newest[task] = pod
    told = [
        (_of_pod(place, pod, usage, kind=kind, run=run, task=task), pod)
        for task, pod in newest.items()
        if pod.metadata.uid in seen.news
    ]
    speaking = (
        position_of(pod)
        for pod in newest.values()
        if pod.is_over or pod.metadata.uid not in seen.gone
    )
    known = seen.counted | IndexSet.of(each for each in speaking if each is not None)
    return Told(told, tell_counted(place, seen.job, known, kind=kind, run=run))


def _age(pod: RecordedPod) -> tuple[str, int]:
    return pod.metadata.creationTimestamp, int(pod.metadata.resourceVersion)


def _of_attempt(
    place: Place,
    seen: Attempt,
    job: JobRecord | None,
    pod: RecordedPod | None,
    usage: Mapping[str, Sampled],
    *,
    kind: KindOf,
    run: int,
) -> AttemptFact:
    failed = seen.state is AttemptState.FAILED
    versions = [int(each.metadata.resourceVersion) for each in (job, pod) if each is not None]
    codes = dict(seen.exit_codes)
    made = AttemptFact(
        flow_id=place.flow_id,
        step=place.step,
        attempt=place.attempt,
        kind=kind,
        version=_source(seen, job, pod).at(max(versions)),
        run=run,
        phase="Failed" if failed else "Succeeded",
        cause=str(seen.cause) if failed else "",
        reason=str(seen.reason) if failed else "",
        message=seen.message if failed else "",
        exit_code=codes.get(MAIN, next(iter(codes.values()), None)) if failed else 0,
        started=seen.created,
        finished=_verdict(job),
    )
    return made if pod is None else replace(made, **_of(pod, made.finished, usage))


def _source(seen: Attempt, job: JobRecord | None, pod: RecordedPod | None) -> Known:
    """How much is known. What goes with its flow looks as if somebody had deleted it: then what was
    seen before counts, and what the status says."""
    is_going = job is not None and job.metadata.deletionTimestamp is not None
    if is_going or seen.reason == Reason.POD_DELETED:
        return Known.LOST
    return Known.JOB if pod is None else Known.POD


def _of_pod(
    place: Place,
    pod: RecordedPod,
    usage: Mapping[str, Sampled],
    *,
    kind: KindOf,
    run: int,
    task: int,
) -> AttemptFact:
    """By a pod alone. One that was told to go says how it went, and not why: others know more."""
    made = AttemptFact(
        flow_id=place.flow_id,
        step=place.step,
        attempt=place.attempt,
        task=task,
        kind=kind,
        version=Known.RUNNING.at(int(pod.metadata.resourceVersion)),
        run=run,
    )
    made = replace(made, **_of(pod, None, usage))
    if not pod.is_over:
        return replace(made, finished=None)
    told_to_go = pod.metadata.deletionTimestamp is not None and disruption(pod.plain) is None
    known = Known.LOST if told_to_go else Known.POD
    made = replace(made, version=known.at(int(pod.metadata.resourceVersion)))
    if pod.status.phase == "Succeeded":
        return replace(made, phase="Succeeded", exit_code=0)
    why = explain_failure(pod.plain)
    code = why.exit_codes.get(MAIN, next(iter(why.exit_codes.values()), None))
    return replace(
        made,
        phase="Failed",
        cause=str(why.cause),
        reason=why.reason,
        message=why.message,
        exit_code=code,
    )


def _of(pod: RecordedPod, finished: float | None, usage: Mapping[str, Sampled]) -> dict[str, Any]:
    """Where and when a pod ran, what it asked for, and what it has used."""
    states = [status.state for status in pod.status.containerStatuses]
    begun = [(s.terminated or s.running) for s in states if s.terminated or s.running]
    times = [t for s in begun if s and (t := parse_rfc3339(s.startedAt)) is not None]
    ended = [t for s in states if s.terminated and (t := parse_rfc3339(s.terminated.finishedAt))]
    started, finished = min(times, default=None), max(ended, default=finished)
    return {
        "pod": pod.metadata.name,
        "node": pod.spec.nodeName,
        "started": started,
        "finished": finished,
        **_used(pod, usage.get(pod.metadata.uid), started, finished),
        **_asked(pod),
    }


def _used(
    pod: RecordedPod, sampled: Sampled | None, started: float | None, finished: float | None
) -> dict[str, Any]:
    """What it says of itself, or else what was sampled of it, or else nothing."""
    said = read_measured(output_of(pod.plain)) if pod.is_over else None
    if said is not None and (said.peak_memory or said.cpu_seconds):
        return {
            "peak_memory": said.peak_memory or None,
            "cpu_seconds": said.cpu_seconds or None,
            "measured_by": MeasuredBy.RUNTIME,
        }
    if sampled is None:
        return {}
    return {
        "peak_memory": sampled.peak,
        "cpu_seconds": sampled.cpu_seconds(started, finished if pod.is_over else None),
        "measured_by": MeasuredBy.METRICS,
    }


def _asked(pod: RecordedPod) -> dict[str, int | None]:
    main = main_of(pod)
    if main is None:
        return {}
    limits, requests = main.resources.limits, main.resources.requests
    try:
        memory, cpu = limits.get("memory"), limits.get("cpu", requests.get("cpu"))
        request = requests.get("memory", memory)
        return {
            "memory": None if memory is None else to_bytes(memory),
            "memory_request": None if request is None else to_bytes(request),
            "cpu": None if cpu is None else to_millis(cpu),
        }
    except QuantityError:
        return {}


def _verdict(job: JobRecord | None) -> float | None:
    """When a Job says that it was over."""
    for kind in ("Complete", "Failed"):
        found = job.condition(kind) if job is not None else None
        if found is not None:
            return parse_rfc3339(found.lastTransitionTime)
    return None
