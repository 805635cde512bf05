"""All that is known of one step, gathered from the flow, its Jobs, its pods and their events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from rich.text import Text

from jobflows.cli.cluster import Cluster, Job, Loaded
from jobflows.cli.explain import describe, named
from jobflows.cli.sight import attempt_of, attempts, sample
from jobflows.cli.tables import console, say, table, without_empty
from jobflows.cli.words import STYLES, duration, measured_words, one_line
from jobflows.cluster import Resource
from jobflows.engine import (
    AttemptState,
    Cause,
    CompiledStep,
    Observations,
    Spent,
    StepPhase,
    StepRecord,
    explain,
)
from jobflows.engine.failure import budget
from jobflows.engine.indexes import IndexSet
from jobflows.engine.mapping import read_map, write_map
from jobflows.engine.times import rfc3339
from jobflows.manifests.holdup import KUEUE_QUEUE
from jobflows.manifests.stages import stages

CORE_EVENTS = Resource("", "v1", "events", "Event")
WORKLOADS = Resource("kueue.x-k8s.io", "v1beta1", "workloads", "Workload")

BUDGETS = {
    "retries": Cause.APPLICATION,
    "outOfMemory": Cause.OUT_OF_MEMORY,
    "timeouts": Cause.TIMEOUT,
    "losses": Cause.DISRUPTION,
}

MOST_NEIGHBOURS = 10
MOST_ATTEMPTS = 20
MOST_PODS = 5
MOST_EVENTS = 3


async def tell(cluster: Cluster, loaded: Loaded, name: str) -> dict[str, Any]:
    """The story of a step as a document."""
    index = loaded.step(name)
    flow, record = loaded.flow, loaded.ledger.steps[index]
    step = flow.steps[index]
    now = cluster.now()
    jobs = await cluster.jobs(flow, [name])
    seen = Observations(attempts=attempts(loaded, jobs, now))
    said = explain(flow, loaded.ledger, now, seen)[index]
    tries = [await _attempt(cluster, job) for job in jobs[-MOST_ATTEMPTS:]]
    return describe(said) | without_empty(
        {
            "flow": flow.name,
            "namespace": flow.namespace,
            "type": step.spec.type,
            "when": step.spec.when,
            "attempt": record.attempt,
            **(_budgets(step, record.spent) if record.attempt and not step.is_array else {}),
            "retried": _retried(step, record),
            "startTime": rfc3339(record.started),
            "completionTime": rfc3339(record.finished),
            "nextRetryTime": rfc3339(record.retry_at),
            "map": write_map(record.map) if record.map is not None else {},
            "outputs": dict(record.outputs),
            "dependencies": _neighbours(loaded, flow.graph.parents[index]),
            "dependents": _neighbours(loaded, flow.graph.children[index]),
            "earlierAttempts": max(0, len(jobs) - MOST_ATTEMPTS) or None,
            "attempts": tries,
            "logs": f"jobflow logs {flow.name} {name} -n {flow.namespace}" if tries else "",
        }
    )


def print_story(story: dict[str, Any]) -> None:
    """The story for people."""
    phase = StepPhase(story["phase"])
    reason = f" ({story['reason']})" if "reason" in story else ""
    say((story["name"], "bold"), " is ", (f"{phase}{reason}", STYLES[phase]))
    if "message" in story:
        say(story["message"].strip())
    facts = table("", "")
    facts.show_header = False
    for title in ("when", *BUDGETS, "startTime", "completionTime", "nextRetryTime"):
        if title in story:
            facts.add_row(title, Text(str(story[title])))
    for title in ("dependencies", "dependents"):
        if title in story:
            names = [f"{each['name']} ({each['phase']})" for each in story[title]]
            more = len(names) - MOST_NEIGHBOURS
            rest = f" and {more} more" if more > 0 else ""
            facts.add_row(title, Text(", ".join(names[:MOST_NEIGHBOURS]) + rest))
    for title, words in _map_words(story.get("map", {})):
        facts.add_row(title, Text(words))
    if "outputs" in story:
        facts.add_row("outputs", Text(", ".join(f"{k}={v}" for k, v in story["outputs"].items())))
    if facts.row_count:
        console().print(facts)
    for each in story.get("tasks", ()):
        say(
            (named(IndexSet.parse(each["indexes"])), "bold"),
            f" {each['reason']}: {each['message']}",
        )
    for each in story.get("retried", ()):
        spent = ", ".join(f"{title} {each[title]}" for title in BUDGETS if title in each)
        say((named(IndexSet.parse(each["tasks"])), "bold"), f" tried again: {spent}")
    if "earlierAttempts" in story:
        say((f"{story['earlierAttempts']} earlier attempts are not shown", "dim"))
    for each in story.get("attempts", ()):
        _print_attempt(each)
    if "logs" in story:
        say(("logs: ", "dim"), story["logs"])


def _map_words(written: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """How a map was cut, and what it measured."""
    if "itemsPerTask" in written:
        yield "itemsPerTask", f"{written['itemsPerTask']} ({written['reason']})"
    measured = read_map(written).measured
    if measured is None:
        return
    yield "map", measured_words(measured)
    yield "predicted", f"speedup {measured.predicted_speedup:.3g}"
    yield "itemSeconds", f"{measured.item_seconds:.3g}"
    for failed in measured.failed_items:
        yield f"item {failed.index}", one_line(failed.error)


def _print_attempt(each: dict[str, Any]) -> None:
    what = one_line(each.get("message", ""))
    cause = f" ({each['cause']})" if "cause" in each else ""
    say((f"attempt {each['number']}", "bold"), f" {each['state']}{cause}: {each['job']} {what}")
    for container, wanted in each.get("resources", {}).items():
        words = ", ".join(
            f"{kind} {' '.join(f'{k}={v}' for k, v in wanted[kind].items())}"
            for kind in ("requests", "limits")
            if kind in wanted
        )
        say(f"  container {container}: {words}")
    for pod in each.get("pods", ()):
        spent = ", ".join(f"{stage} {duration(s)}" for stage, s in pod.get("seconds", {}).items())
        say(f"  pod {pod['name']} {pod['phase']}" + (f": {spent}" if spent else ""))
    for note in each.get("notes", ()):
        say(f"  {note}")


def _budgets(step: CompiledStep, spent: Spent) -> dict[str, str]:
    """What is used up of each budget that was touched, and of that of the program's failures."""
    return {
        title: f"{spent.on(cause)} of {budget(step.retry, cause)}"
        for title, cause in BUDGETS.items()
        if spent.on(cause) or cause is Cause.APPLICATION
    }


def _retried(step: CompiledStep, record: StepRecord) -> list[dict[str, str]]:
    """Tasks of an array that are tried again, by what they have used up."""
    histories = record.tasks.histories if record.tasks is not None else {}
    return [
        {"tasks": str(members), **_budgets(step, history.spent)}
        for history, members in histories.items()
    ]


def _neighbours(loaded: Loaded, indices: Any) -> list[dict[str, str]]:
    names, records = loaded.flow.graph.names, loaded.ledger.steps
    return [{"name": names[i], "phase": str(records[i].phase)} for i in indices]


async def _attempt(cluster: Cluster, job: Job) -> dict[str, Any]:
    if job.is_batch:
        job = await sample(cluster, job)
    attempt = attempt_of(job, cluster.now())
    state = attempt.state if attempt else AttemptState.STOPPING
    failed = attempt is not None and state is AttemptState.FAILED
    waits = state is AttemptState.RUNNING and attempt is not None and bool(attempt.message)
    return without_empty(
        {
            "number": job.number,
            "job": job.record.metadata.name,
            "state": str(state),
            "cause": str(attempt.cause) if failed and attempt else "",
            "reason": str(attempt.reason) if attempt else "",
            "message": attempt.message if attempt else "",
            "resources": _resources(job),
            "pods": [_pod(pod) for pod in job.pods[:MOST_PODS]],
            "notes": await _notes(cluster, job) if waits else [],
        }
    )


def _pod(pod: Any) -> dict[str, Any]:
    spent = stages(pod)._asdict()
    seconds = {stage: value for stage, value in spent.items() if value is not None}
    return without_empty({"name": pod.metadata.name, "phase": pod.status.phase, "seconds": seconds})


def _resources(job: Job) -> dict[str, Any]:
    """What the containers of an attempt asked for; a retry may have asked for more."""
    template = msgspec.json.decode(job.manifest)["spec"]["template"]["spec"]
    return {
        container["name"]: wanted
        for container in template.get("containers", ())
        if (wanted := without_empty(container.get("resources") or {}))
    }


async def _notes(cluster: Cluster, job: Job) -> list[str]:
    """What Kueue and the warnings about the Job and its pods say of an attempt that waits."""
    notes = []
    meta = job.record.metadata
    if job.record.spec.suspend and KUEUE_QUEUE in meta.labels:
        selector = f"kueue.x-k8s.io/job-uid={meta.uid}"
        for workload in await cluster.items(WORKLOADS, selector):
            for condition in workload.get("status", {}).get("conditions", ()):
                if condition["type"] == "QuotaReserved" and condition["status"] == "False":
                    notes.append(f"Kueue: {condition['message']}")
    for uid in (meta.uid, *(pod.metadata.uid for pod in job.pods[:MOST_PODS])):
        found = await cluster.items(CORE_EVENTS, fields=f"involvedObject.uid={uid},type=Warning")
        notes += [f"{event['reason']}: {event['message']}" for event in found[-MOST_EVENTS:]]
    return notes
