"""What attempts that were seen mean for the ledger.

A final step is never touched again: its attempts can only be cleaned up. For a step that is not
final the newest attempt counts. One that is newer than the ledger knows was started by an operator
that died before it could say so, and is adopted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from jobflows.api.containers import MAIN
from jobflows.engine.allowance import more, retry_words
from jobflows.engine.draft import Draft
from jobflows.engine.failfast import is_failing_fast
from jobflows.engine.failure import Verdict, judge
from jobflows.engine.growth import timeout_of
from jobflows.engine.ledger import (
    FAILURES_KEPT,
    AttemptRef,
    FailedAttempt,
    Reason,
    StepPhase,
    StepRecord,
)
from jobflows.engine.mapping import MapRecord
from jobflows.engine.observations import Attempt, AttemptState, Cause
from jobflows.engine.plan import DeleteAttempt
from jobflows.engine.values import (
    ValueUnavailableError,
    read_outputs,
)

_NOT_YET = (AttemptState.STARTING, AttemptState.UNANSWERED, AttemptState.STOPPING)
"""States of an attempt that nothing follows from as long as it is not on record."""


def take_in(draft: Draft, step: int) -> None:
    """Bring the record of `step` up to what is seen of its attempts."""
    record = draft.records[step]
    attempts = draft.attempts(step)
    if record.phase.terminal:
        _clean_up(draft, step)
        return
    for old in attempts[:-1]:
        draft.stop_attempt(old)
    newest = attempts[-1] if attempts else None
    if record.phase is StepPhase.RUNNING:
        if newest is None or newest.number < record.attempt:
            _lost(draft, step)
        else:
            _follow(draft, step, newest)
    elif record.phase is StepPhase.PENDING and newest is not None:
        if newest.number > record.attempt:
            if newest.state is AttemptState.BLOCKED:
                draft.update(step, reason=newest.reason, message=newest.message)
                _recheck(draft, step, newest)
            elif newest.state not in _NOT_YET:
                _follow(draft, step, newest)
        else:
            draft.stop_attempt(newest)  # timed out before; not gone yet


def _follow(draft: Draft, step: int, attempt: Attempt) -> None:
    record = draft.records[step]
    if attempt.number > record.attempt:
        _adopt(draft, step, attempt)
    elif draft.look_at_all:
        if record.attempt_started is None:  # known only by its number since a restart
            draft.update(step, attempt_started=attempt.created or draft.now)
        _set_timers(draft, step, attempt)
    if attempt.state is AttemptState.SUCCEEDED:
        _succeeded(draft, step, attempt)
    elif attempt.state is AttemptState.FAILED:
        _failed(draft, step, attempt)
    elif attempt.cause is Cause.CONFIGURATION:
        draft.stop_attempts(step)
        _failed(draft, step, attempt)
    else:
        draft.update(step, reason=attempt.reason, message=attempt.message)
        _recheck(draft, step, attempt)
        _check_timeout(draft, step, attempt)


def _recheck(draft: Draft, step: int, attempt: Attempt) -> None:
    if attempt.recheck_at is not None and attempt.recheck_at > draft.now:
        draft.frontier.set_timer(attempt.recheck_at, step)


def _adopt(draft: Draft, step: int, attempt: Attempt) -> None:
    record = _charge(draft, step, attempt.number)
    is_first = record.started is None
    draft.start(
        step,
        phase=StepPhase.RUNNING,
        reason="",
        message="",
        attempt=attempt.number,
        started=record.started or draft.now,
        attempt_started=draft.now,
        retry_at=None,
        job=attempt.ref,
    )
    _set_timers(draft, step, attempt)
    if is_first and attempt.cause is not Cause.REJECTED:
        draft.event(Reason.STARTED, f"started as {attempt.ref.name}", step)


def _charge(draft: Draft, step: int, number: int) -> StepRecord:
    """Book what the attempts before `number` must have cost, if nobody could write it down.

    An operator that dies forgets its last decisions, but no budget may grow by that. An attempt of
    which nothing is left is counted as lost.
    """
    record = draft.records[step]
    seen = {attempt.number: attempt for attempt in draft.attempts(step)}
    first = record.attempt + (record.phase is not StepPhase.RUNNING)
    for n in range(max(first, 1), number):
        old = seen.get(n) or _vanished(n, AttemptRef(""))
        record = draft.update(
            step,
            spent=record.spent.plus(old.cause),
            failures=_remember(record, old),
            resources=more(draft, step, old.cause, record.resources),
        )
    return record


def _set_timers(draft: Draft, step: int, attempt: Attempt) -> None:
    started = draft.records[step].attempt_started
    timeout = timeout_of(draft.flow.steps[step], draft.records[step].resources)
    if timeout is None or started is None or not attempt.is_live:
        return
    if started + timeout > draft.now:
        draft.frontier.set_timer(started + timeout, step)


def _check_timeout(draft: Draft, step: int, attempt: Attempt) -> None:
    timeout = timeout_of(draft.flow.steps[step], draft.records[step].resources)
    started = draft.records[step].attempt_started
    if timeout is None or started is None or draft.now < started + timeout:
        return
    late = replace(
        attempt,
        cause=Cause.TIMEOUT,
        reason=Reason.TIMEOUT,
        message=f"attempt {attempt.number} ran longer than timeoutSeconds {timeout}",
        exit_codes={},  # those of earlier pods; no rule may take them for this one's
    )
    draft.stop_attempts(step)
    _failed(draft, step, late)


def _succeeded(draft: Draft, step: int, attempt: Attempt) -> None:
    try:
        outputs = read_outputs(draft.flow.steps[step], attempt.output)
    except ValueUnavailableError as error:
        broken = replace(
            attempt, cause=Cause.OUTPUT, reason=Reason.OUTPUT_INVALID, message=str(error)
        )
        _failed(draft, step, broken)
        return
    _measure(draft, step, attempt)
    draft.finish(step, StepPhase.SUCCEEDED, Reason.COMPLETED, "", outputs=outputs)
    draft.event(Reason.COMPLETED, "succeeded", step)


def _measure(draft: Draft, step: int, attempt: Attempt) -> None:
    """Keep what a map says of itself; the newest attempt knows what those before it did."""
    mapping = draft.flow.steps[step].spec.map
    if mapping is not None and attempt.output:
        draft.update(step, map=MapRecord(function=mapping.function).with_task(attempt.output))


def _lost(draft: Draft, step: int) -> None:
    record = draft.records[step]
    _failed(draft, step, _vanished(record.attempt, record.job or AttemptRef("its Job")))


def _vanished(number: int, ref: AttemptRef) -> Attempt:
    return Attempt(
        number=number,
        state=AttemptState.FAILED,
        ref=ref,
        cause=Cause.DISRUPTION,
        reason=Reason.LOST,
        message=f"{ref.name} vanished before it had finished",
    )


def _failed(draft: Draft, step: int, attempt: Attempt) -> None:
    record = draft.records[step]
    compiled = draft.flow.steps[step]
    _measure(draft, step, attempt)
    verdict = judge(draft.flow, compiled, record.spent, attempt, draft.frontier.retries)
    if verdict.verdict is Verdict.RETRY and not compiled.on_exit and is_failing_fast(draft):
        verdict = replace(verdict, verdict=Verdict.FAIL, spent=record.spent)
    on_record: dict[str, Any] = {"spent": verdict.spent, "failures": _remember(record, attempt)}
    match verdict.verdict:
        case Verdict.IGNORE:
            draft.finish(step, StepPhase.SUCCEEDED, verdict.reason, verdict.message, **on_record)
            draft.event(verdict.reason, verdict.message, step)
        case Verdict.RETRY:
            resources = more(draft, step, attempt.cause, record.resources)
            words = f"attempt {attempt.number}: {verdict.message}"
            draft.put_back(
                step,
                draft.now + verdict.delay,
                reason=Reason.BACKING_OFF,
                message=words,
                resources=resources,
                **on_record,
            )
            told = retry_words(compiled, verdict, attempt.cause, resources)
            words = f"attempt {attempt.number}: {told}"
            draft.event("StepRetry", words, step, warning=True)
        case Verdict.FAIL:
            draft.finish(step, StepPhase.FAILED, verdict.reason, verdict.message, **on_record)
            timed_out = verdict.reason == Reason.TIMEOUT
            name = Reason.TIMEOUT if timed_out else Reason.STEP_FAILED
            words = verdict.message if timed_out else f"{verdict.reason}: {verdict.message}"
            draft.event(name, words, step, warning=True)
            if verdict.ends_flow:
                draft.set_flow(
                    reason=verdict.reason, message=f"step {compiled.name}: {verdict.message}"
                )


def _remember(record: StepRecord, attempt: Attempt) -> tuple[FailedAttempt, ...]:
    codes = attempt.exit_codes
    failed = FailedAttempt(
        number=attempt.number,
        cause=attempt.cause,
        reason=str(attempt.reason),
        exit_code=codes.get(MAIN, next(iter(codes.values()), None)),
        resources=record.resources,
    )
    before = (f for f in record.failures if f.number < attempt.number)  # it may fail once more
    return (*before, failed)[-FAILURES_KEPT:]


def _may_have_succeeded(record: StepRecord, attempt: Attempt) -> bool:
    """Whether this may be what a final step owes its success to.

    Other Jobs that run come of requests that were held up until the step was done.
    """
    if record.phase is not StepPhase.SUCCEEDED:
        return False
    if attempt.tasks:
        return not attempt.held
    known = record.job
    same = known is None or known.uid in ("", attempt.ref.uid)  # large flows do not name all Jobs
    return same and attempt.number == record.attempt


def _clean_up(draft: Draft, step: int) -> None:
    """Stop what still runs of a final step; delete remains whose TTL is over.

    A step that succeeded by its pod keeps its Job untouched until the Job controller has counted
    it: stopping it would turn a success into a failure for everybody who looks at the Job.
    """
    record = draft.records[step]
    for attempt in draft.attempts(step):
        if not _may_have_succeeded(record, attempt):
            draft.stop_attempt(attempt)
    ttl = draft.flow.steps[step].job_ttl
    remains = [a for a in draft.attempts(step) if a.was_created]
    if ttl is None or record.finished is None or not remains:
        return
    if draft.now < record.finished + ttl:
        draft.frontier.set_timer(record.finished + ttl, step)
        return
    draft.actions.extend(DeleteAttempt(attempt) for attempt in remains if not attempt.is_live)
