"""The ledger as the `status` of a JobFlow, and back.

Only what was decided is written; what can be derived is not, except for what people read:
progress, conditions and the estimated end. A status read back gives the same ledger, so a restart
needs nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from jobflows.api.status import Cause
from jobflows.engine.alike import gather, spread
from jobflows.engine.coherence import contradiction
from jobflows.engine.conditions import MESSAGE_LENGTH
from jobflows.engine.edits import rebase
from jobflows.engine.flow import CompiledFlow
from jobflows.engine.growth import UNGROWN, Grown
from jobflows.engine.ledger import (
    AttemptRef,
    FailedAttempt,
    FlowPhase,
    Instant,
    Ledger,
    Outcome,
    Reason,
    Resume,
    StepPhase,
    StepRecord,
)
from jobflows.engine.mapping import read_map, write_map
from jobflows.engine.task_status import read_spent, read_tasks, write_spent, write_tasks
from jobflows.engine.times import parse_rfc3339, rfc3339

_PLAIN = {StepPhase.SUCCEEDED: str(Reason.COMPLETED)}
"""Reasons that go without saying, which saves a line for each of 10,000 steps."""


class UnreadableStatusError(ValueError):
    """The status is no ledger: somebody has edited it."""


def read_status(flow: CompiledFlow, status: Mapping[str, Any]) -> Ledger:
    """Rebuild the ledger of `flow` from its status; an empty status is an empty ledger.

    Raises `UnreadableStatusError` for what cannot have been written here.
    """
    try:
        return _read(flow, status)
    except (ValueError, ArithmeticError, LookupError, TypeError) as error:
        raise UnreadableStatusError(f"{type(error).__name__}: {error}") from error


def read_to_plan(flow: CompiledFlow, status: Mapping[str, Any]) -> Ledger:
    """The same for a plan to follow; raises `UnreadableStatusError` if none could be made of it.

    Who only looks at a flow is better told what its status says than nothing.
    """
    ledger = read_status(flow, status)
    wrong = contradiction(flow, ledger)
    if wrong:
        raise UnreadableStatusError(wrong)
    return ledger


def _read(flow: CompiledFlow, status: Mapping[str, Any]) -> Ledger:
    ledger = Ledger(
        phase=FlowPhase(status.get("phase") or FlowPhase.PENDING),
        reason=status.get("reason") or "",
        message=status.get("message") or "",
        started=parse_rfc3339(status.get("startTime")),
        finished=parse_rfc3339(status.get("completionTime")),
        outcome=_read_outcome(status.get("outcome")),
        resume=_read_resume(status.get("resume") or {}),
    )
    records: dict[str, StepRecord] = {}
    for step in status.get("steps") or ():
        record = records[step["name"]] = _read_step(step)
        if step.get("alike"):
            records.update(spread(step["alike"], record, _beginning(ledger)))
    return rebase(flow, ledger, records)


def write_status(flow: CompiledFlow, ledger: Ledger, now: Instant) -> dict[str, Any]:
    """Render the ledger; every key is present, so that a merge patch also clears."""
    return {
        **write_head(flow, ledger, now),
        "steps": [
            *_write_steps(flow, ledger),
            *(
                write_step(flow.graph.names[i], ledger.steps[i], on_exit=True)
                for i in flow.handlers
            ),
        ],
    }


def write_head(flow: CompiledFlow, ledger: Ledger, now: Instant) -> dict[str, Any]:
    """The same without its steps."""
    counts = Counter(record.phase for record in ledger.steps)
    total = len(flow.steps)
    final = sum(counts[phase] for phase in StepPhase if phase.terminal)
    return {
        "observedGeneration": flow.generation,
        "phase": str(ledger.phase),
        "reason": ledger.reason or None,
        "message": ledger.message[:MESSAGE_LENGTH] or None,
        "outcome": _write_outcome(ledger.outcome),
        "startTime": rfc3339(ledger.started),
        "completionTime": rfc3339(ledger.finished),
        "estimatedCompletionTime": rfc3339(estimate_end(flow, ledger, now)),
        "progress": {
            "completedSteps": final,
            "totalSteps": total,
            "successfulSteps": counts[StepPhase.SUCCEEDED],
            "failedSteps": counts[StepPhase.FAILED],
            "skippedSteps": counts[StepPhase.SKIPPED],
            "summary": f"{final}/{total}",
        },
        "resume": _write_resume(ledger.resume) or None,
    }


def estimate_end(flow: CompiledFlow, ledger: Ledger, now: Instant) -> Instant | None:
    """When the flow may be done: the mean step so far, times the longest path that is left.

    None before the first step is done, when it is not running, and when people are waited for.
    """
    if ledger.phase is not FlowPhase.RUNNING or ledger.frontier is None:
        return None
    took = [
        r.finished - r.started
        for r in ledger.steps
        if r.finished is not None and r.started is not None
    ]
    if not took:
        return None
    left = [0, 0]
    for i in ledger.frontier.ready | ledger.frontier.live:
        kind = flow.steps[i].on_exit
        left[kind] = max(left[kind], flow.graph.rank[i])
    return round(now + sum(left) * sum(took) / len(took))


def _write_outcome(outcome: Outcome | None) -> dict[str, str] | None:
    if outcome is None:
        return None
    words = {"message": outcome.message[:MESSAGE_LENGTH]} if outcome.message else {}
    return {"phase": str(outcome.phase), "reason": str(outcome.reason), **words}


def _read_outcome(outcome: Mapping[str, str] | None) -> Outcome | None:
    if outcome is None:
        return None
    return Outcome(FlowPhase(outcome["phase"]), outcome["reason"], outcome.get("message", ""))


def _beginning(ledger: Ledger) -> Instant:
    """What the times in `alike` count from."""
    return ledger.started or ledger.finished or 0.0


def _write_steps(flow: CompiledFlow, ledger: Ledger) -> Iterator[dict[str, Any]]:
    end = flow.handlers.start
    names, records = flow.graph.names[:end], ledger.steps[:end]
    for name, record, others in gather(names, records, _beginning(ledger)):
        yield {**write_step(name, record), **({"alike": others} if others else {})}


def _write_resume(resume: Resume) -> dict[str, Any]:
    written: dict[str, Any] = {}
    if resume.id:
        written |= {"id": resume.id, "time": rfc3339(resume.at), "run": resume.run}
    if resume.refused:
        written["refusal"] = {
            "request": resume.refused,
            "message": resume.refusal[:MESSAGE_LENGTH],
        }
    return written


def _read_resume(resume: Mapping[str, Any]) -> Resume:
    refusal = resume.get("refusal") or {}
    return Resume(
        id=resume.get("id") or "",
        at=parse_rfc3339(resume.get("time")),
        run=resume.get("run") or 1,
        refused=refusal.get("request") or "",
        refusal=refusal.get("message") or "",
    )


def write_step(name: str, record: StepRecord, *, on_exit: bool = False) -> dict[str, Any]:
    """What is decided about one step, or one exit handler."""
    step: dict[str, Any] = {"name": name, "phase": str(record.phase)}
    if record.reason and record.reason != _PLAIN.get(record.phase):
        step["reason"] = str(record.reason)
    if record.message:
        step["message"] = record.message[:MESSAGE_LENGTH]
    if record.attempt:
        step["attempt"] = record.attempt
    step |= write_spent(record.spent)
    if record.resources != UNGROWN:
        step["resources"] = record.resources.document()
    if record.failures:
        step["failures"] = [_write_failure(failed) for failed in record.failures]
    if record.started is not None:
        step["startTime"] = rfc3339(record.started)
    if record.finished is not None:
        step["completionTime"] = rfc3339(record.finished)
    if record.retry_at is not None:
        step["nextRetryTime"] = rfc3339(record.retry_at)
    if record.job is not None:
        step["jobRef"] = {"name": record.job.name, "uid": record.job.uid}
    if record.outputs:
        step["outputs"] = dict(record.outputs)
    if record.tasks is not None:
        step["tasks"] = write_tasks(record.tasks)
    if record.former:
        step["formerAttempts"] = record.former
    if record.map is not None:
        step["map"] = write_map(record.map)
    if record.outdated:
        step["outdated"] = True
    if on_exit:
        step["onExit"] = True
    return step


def _write_failure(failed: FailedAttempt) -> dict[str, Any]:
    document: dict[str, Any] = {"attempt": failed.number, "cause": str(failed.cause)}
    if failed.reason:
        document["reason"] = failed.reason
    if failed.exit_code is not None:
        document["exitCode"] = failed.exit_code
    if failed.resources != UNGROWN:
        document["resources"] = failed.resources.document()
    return document


def _read_failure(document: Mapping[str, Any]) -> FailedAttempt:
    return FailedAttempt(
        number=document["attempt"],
        cause=Cause(document["cause"]),
        reason=document.get("reason", ""),
        exit_code=document.get("exitCode"),
        resources=Grown.read(document.get("resources") or {}),
    )


def _read_step(step: Mapping[str, Any]) -> StepRecord:
    job = step.get("jobRef")
    phase = StepPhase(step.get("phase") or StepPhase.PENDING)
    return StepRecord(
        phase=phase,
        reason=step.get("reason") or _PLAIN.get(phase, ""),
        message=step.get("message", ""),
        attempt=step.get("attempt", 0),
        spent=read_spent(step),
        resources=Grown.read(step.get("resources") or {}),
        failures=tuple(_read_failure(failed) for failed in step.get("failures") or ()),
        started=parse_rfc3339(step.get("startTime")),
        finished=parse_rfc3339(step.get("completionTime")),
        retry_at=parse_rfc3339(step.get("nextRetryTime")),
        job=AttemptRef(job["name"], job.get("uid", "")) if job else None,
        outputs=step.get("outputs") or {},
        tasks=read_tasks(step["tasks"]) if step.get("tasks") else None,
        former=step.get("formerAttempts", 0),
        map=read_map(step["map"]) if step.get("map") else None,
        outdated=step.get("outdated", False),
    )
