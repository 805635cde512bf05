"""What happens to ready steps: skipped by `when`, put before a person, or started.

`when` and the inputs are evaluated only now, because only now everything they can refer to is
final; evaluating them twice gives the same answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from jobflows.api.expressions import ExpressionError
from jobflows.engine.draft import Draft
from jobflows.engine.flow import CompiledStep
from jobflows.engine.ledger import Reason, StepPhase
from jobflows.engine.limits import Room
from jobflows.engine.observations import AttemptState
from jobflows.engine.opening import open_array
from jobflows.engine.plan import Queue, StartAttempt, Waiting, Waits
from jobflows.engine.values import (
    ValueUnavailableError,
    outcome_document,
    resolve_inputs,
    step_document,
)

APPROVED_PREFIX = "approved.workflow.kube-zen.io/"
"""Annotation prefix: `approved.workflow.kube-zen.io/<step>: "true"` approves, `"false"` rejects."""


def read_approvals(annotations: Mapping[str, str]) -> dict[str, bool]:
    """Answers to Manual steps by step name; anything but true and false is no answer yet."""
    answers = {"true": True, "false": False}
    return {
        key.removeprefix(APPROVED_PREFIX): answers[value.strip().lower()]
        for key, value in annotations.items()
        if key.startswith(APPROVED_PREFIX) and value.strip().lower() in answers
    }


_OUT_OF_TURN = (AttemptState.UNANSWERED, AttemptState.BLOCKED)
"""States of the newest attempt with which a ready step does not stand in its lane's turn."""


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
    room = Room(draft)
    starts, waits = _fill(draft, room)
    if (draft.unfinished, len(draft.frontier.open)) != before:
        return False
    draft.actions.extend(starts)
    draft.room, draft.waits = room, waits
    return True


def _fill(draft: Draft, room: Room) -> tuple[list[StartAttempt], Waits]:
    """Start what there is room for, and say of the others why they wait."""
    holding = draft.frontier.holding
    starts: list[StartAttempt] = []
    waits: dict[int, Waiting] = {}
    queues: dict[int, Queue] = {}
    left = _how_many(draft) - sum(_is_startable(draft, i) for i in draft.frontier.asked)
    for i in _in_order(draft, room, queues):
        left -= i not in holding
        found = _start(draft, i, room)
        if isinstance(found, Waiting):
            newest = draft.attempts(i)[-1:]
            if newest and newest[0].state in _OUT_OF_TURN:
                waits[i] = found
            else:
                queues[draft.flow.lanes[i]] = Queue(found, i, draft.frontier.ready.behind(i))
        elif found is not None:
            starts.append(found)
    shut = room.shut if not room.is_over else None
    if shut is not None and queues:
        left -= _passed_over(draft, queues)
    shut = shut if left > 0 else None
    return starts, Waits(waits, queues, shut, left if shut is not None else 0)


def _passed_over(draft: Draft, queues: Mapping[int, Queue]) -> int:
    """How many steps were not looked at because of the first of their lane, and hold nothing."""
    lanes, place, frontier = draft.flow.lanes, draft.flow.graph.place, draft.frontier
    holding = sum(
        i in frontier.ready and lanes[i] in queues and place[i] > place[queues[lanes[i]].first]
        for i in frontier.asked
    )
    return sum(queue.length - 1 for queue in queues.values()) - holding


def _in_order(draft: Draft, room: Room, shut: Collection[int]) -> Iterator[int]:
    """Ready steps, as long as there is room for another one; longest remaining path first.

    Those that need no room come before the others: what was asked for and may exist, and what waits
    for people. Blocked ones come last, or the others might starve. What is in a lane that is `shut`
    by then is left out, unless it is out of turn.
    """
    asked = (i for i in draft.frontier.asked if _last_is(draft, i, AttemptState.UNANSWERED))
    without_room = {i for i in (*asked, *draft.flow.manual) if _is_startable(draft, i)}
    yield from sorted(without_room)
    blocked = []
    steps, closing = draft.flow.steps, draft.closing
    for i in draft.frontier.ready.walk(shut) if _is_open(room) else ():
        if steps[i].on_exit != closing:
            continue
        if _last_is(draft, i, AttemptState.BLOCKED):
            blocked.append(i)
        elif i not in without_room:
            yield i
        if not _is_open(room):
            return
    for i in blocked:
        if draft.flow.lanes[i] in shut:
            continue
        yield i
        if not _is_open(room):
            return


def _steps_still_run(draft: Draft) -> bool:
    """Whether something of the steps is on its way out; nothing is cleaned up under its feet."""
    if not any(draft.startable()):
        return False
    groups = [group for i, group in draft.seen.attempts.items() if not draft.flow.steps[i].on_exit]
    return any(attempt.is_live for group in (draft.seen.strays, *groups) for attempt in group)


def _how_many(draft: Draft) -> int:
    """The number of startable steps."""
    ready = draft.frontier.ready
    handlers = sum(i in ready for i in draft.flow.handlers)
    return handlers if draft.closing else len(ready) - handlers


def _is_startable(draft: Draft, i: int) -> bool:
    return i in draft.frontier.ready and draft.flow.steps[i].on_exit == draft.closing


def _last_is(draft: Draft, i: int, state: AttemptState) -> bool:
    """Whether this is how the newest attempt is seen; BLOCKED if its creation was refused."""
    attempts = draft.attempts(i)
    return bool(attempts) and attempts[-1].state is state


def _is_open(room: Room) -> bool:
    return room.shut is None and not room.is_over


def _start(draft: Draft, i: int, room: Room) -> StartAttempt | Waiting | None:
    record = draft.records[i]
    step = draft.flow.steps[i]
    if record.phase is not StepPhase.PENDING:
        return None
    if record.retry_at is not None and record.retry_at > draft.now:
        draft.frontier.set_timer(record.retry_at, i)  # once more, if the clock was set back since
        return None
    attempts = draft.attempts(i)
    if any(attempt.is_live for attempt in attempts) and not step.is_array:
        return None  # the attempt before is still on its way out
    again = any(attempt.state is AttemptState.UNANSWERED for attempt in attempts)
    if not step.is_manual:
        waiting = room.refuses(step, again=again)
        if waiting is not None or room.is_over:
            return waiting
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
    room.take(step, again=again)
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
