"""What happens to ready steps: skipped by `when`, put before a person, or started.

`when` and the inputs are evaluated only now, because only now everything they can refer to is
final; evaluating them twice gives the same answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from jobflows.api.expressions import ExpressionError
from jobflows.engine.draft import Draft
from jobflows.engine.flow import CompiledStep
from jobflows.engine.ledger import Reason, StepPhase
from jobflows.engine.observations import AttemptState
from jobflows.engine.opening import open_array
from jobflows.engine.plan import StartAttempt
from jobflows.engine.values import (
    ValueUnavailableError,
    outcome_document,
    resolve_inputs,
    step_document,
)

APPROVED_PREFIX = "approved.workflow.kube-zen.io/"
"""Annotation prefix: `approved.workflow.kube-zen.io/<step>: "true"` approves, `"false"` rejects."""


def start_ready(draft: Draft) -> bool:
    """Move every ready step on as far as it can go now; longest remaining path first.

    Nothing is started, and the answer is False, when a step has ended instead, or an array begun:
    that may make other steps ready, or be a reason to start none.
    """
    if draft.flow.suspend and not draft.closing:
        return True
    if draft.closing and _steps_still_run(draft):
        return True
    before = draft.unfinished, len(draft.frontier.open)
    candidates = (start for i in _in_order(draft) if (start := _start(draft, i)) is not None)
    starts = list(islice(candidates, draft.seen.window))
    if (draft.unfinished, len(draft.frontier.open)) != before:
        return False
    draft.actions.extend(starts)
    return True


def _in_order(draft: Draft) -> Iterator[int]:
    """Longest remaining path first; blocked ones last, or the others might starve.

    Looks at no more steps than are asked for.
    """
    blocked = []
    for i in draft.startable():
        if _is_blocked(draft, i):
            blocked.append(i)
        else:
            yield i
    yield from blocked


def _steps_still_run(draft: Draft) -> bool:
    """Whether something of the steps is on its way out; nothing is cleaned up under its feet."""
    if not any(draft.startable()):
        return False
    groups = [group for i, group in draft.seen.attempts.items() if not draft.flow.steps[i].on_exit]
    return any(attempt.is_live for group in (draft.seen.strays, *groups) for attempt in group)


def _is_blocked(draft: Draft, i: int) -> bool:
    """Whether the last try to create an attempt failed."""
    attempts = draft.attempts(i)
    return bool(attempts) and attempts[-1].state is AttemptState.BLOCKED


def _start(draft: Draft, i: int) -> StartAttempt | None:
    record = draft.records[i]
    step = draft.flow.steps[i]
    if record.phase is not StepPhase.PENDING:
        return None
    if record.retry_at is not None and record.retry_at > draft.now:
        return None
    if any(attempt.is_live for attempt in draft.attempts(i)):
        return None  # the attempt before is still on its way out
    if record.started is None and not _wanted(draft, step):
        return None
    if step.is_manual:
        _ask(draft, step)
        return None
    try:
        parameters = resolve_inputs(draft.flow, step, draft.records)
        if step.on_exit:
            facts = outcome_document(draft.ledger)
            parameters = {**parameters, **{f"flow.{key}": facts[key] for key in facts}}
    except ValueUnavailableError as error:
        draft.finish(i, StepPhase.FAILED, Reason.INPUT_INVALID, str(error))
        draft.event(Reason.INPUT_INVALID, str(error), i, warning=True)
        return None
    if step.is_array:
        open_array(draft, step)
        return None
    return StartAttempt(i, record.attempt + 1, parameters, resources=record.resources)


def _wanted(draft: Draft, step: CompiledStep) -> bool:
    """Evaluate `when`; a step that is not wanted is finished here."""
    if step.when is None:
        return True
    names = draft.flow.graph.index
    steps = {name: step_document(draft.records[names[name]]) for name in step.when.references.steps}
    try:
        if step.when.evaluate(steps, draft.flow.parameters, outcome_document(draft.ledger)):
            return True
    except ExpressionError as error:
        draft.finish(step.index, StepPhase.FAILED, Reason.WHEN_ERROR, f"when: {error}")
        draft.event(Reason.WHEN_ERROR, f"when: {error}", step.index, warning=True)
        return False
    words = f"when is false: {step.spec.when}"
    draft.finish(step.index, StepPhase.SKIPPED, Reason.WHEN_FALSE, words)
    draft.event(Reason.WHEN_FALSE, words, step.index)
    return False


def _ask(draft: Draft, step: CompiledStep) -> None:
    words = step.spec.message or f"waits for approval of step {step.name}"
    draft.start(
        step.index,
        phase=StepPhase.PENDING_APPROVAL,
        reason=Reason.AWAITING_APPROVAL,
        message=words,
        started=draft.now,
        attempt_started=draft.now,
    )
    if step.timeout is not None:
        draft.frontier.set_timer(draft.now + step.timeout, step.index)
    hint = f'approve with the annotation {APPROVED_PREFIX}{step.name}="true", or "false" to reject'
    draft.event(Reason.AWAITING_APPROVAL, f"{words} ({hint})", step.index)
    decide(draft, step.index)


def decide(draft: Draft, i: int) -> None:
    """Take in a person's answer to a waiting step, or the end of their time."""
    record = draft.records[i]
    step = draft.flow.steps[i]
    if record.phase is not StepPhase.PENDING_APPROVAL:
        return
    answer = draft.seen.approvals.get(step.name)
    timeout = step.timeout
    if answer is True:
        draft.finish(i, StepPhase.SUCCEEDED, Reason.APPROVED, "approved")
        draft.event(Reason.APPROVED, "approved", i)
    elif answer is False:
        draft.finish(i, StepPhase.FAILED, Reason.APPROVAL_DENIED, "approval was denied")
        draft.event(Reason.APPROVAL_DENIED, "approval was denied", i, warning=True)
    elif timeout is not None and record.started is not None:
        if draft.now >= record.started + timeout:
            words = f"nobody answered within timeoutSeconds {timeout}"
            draft.finish(i, StepPhase.FAILED, Reason.TIMEOUT, words)
            draft.event(Reason.TIMEOUT, words, i, warning=True)
        elif draft.look_at_all:
            draft.frontier.set_timer(record.started + timeout, i)
