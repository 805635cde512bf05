"""What becomes of the tasks of an open array.

A batch is an attempt with some of its tasks; several live at once. What happens to a task is
decided by the same judge as for a step, once for all tasks that failed in the same way and have the
same history, so that ten thousand failures cost one decision.
"""

from __future__ import annotations

import json
from dataclasses import replace

from jobflows.engine.allowance import more, retry_words
from jobflows.engine.draft import Draft
from jobflows.engine.failfast import is_failing_fast
from jobflows.engine.failure import Verdict, judge
from jobflows.engine.indexes import EMPTY, IndexSet, union
from jobflows.engine.ledger import AttemptRef, Reason, StepPhase
from jobflows.engine.observations import Attempt, AttemptState, Cause, TaskFailure
from jobflows.engine.tasks import NEW, History, Tasks
from jobflows.engine.values import ValueUnavailableError, read_outputs

HOPELESS = (Cause.REJECTED, Cause.CONFIGURATION)
"""What all tasks share, and another try cannot mend."""

PUNCTUAL = 1 / 16
"""Part of its back-off by which a task may be early, to go with others that failed before it.

Ten thousand tasks that fail one after the other would be ten thousand entries in the status.
"""

MOST_RANGES = 56
"""Characters that the indexes of tasks may take in a sentence."""

_ON_RECORD = frozenset(
    {
        AttemptState.RUNNING,
        AttemptState.STOPPING,
        AttemptState.SUCCEEDED,
        AttemptState.FAILED,
    }
)


def take_in_array(draft: Draft, i: int) -> None:
    """Bring the tasks of a running array up to what is seen of its batches."""
    attempts = draft.attempts(i)
    stop_former(draft, i)
    in_order = True
    for attempt in attempts:
        if attempt.number <= draft.records[i].former:
            continue
        in_order = in_order and not _comes_later(draft, i, attempt)
        _adopt_if_new(draft, i, attempt, in_order=in_order)
        if attempt.number in _tasks(draft, i).batches:
            _take_in_batch(draft, i, attempt)
        _stop_if_hopeless(draft, attempt)
    seen = {attempt.number for attempt in attempts}
    for number in sorted(_tasks(draft, i).batches.keys() - seen):
        _lost(draft, i, number)
    _date(draft, i)
    words = [a.message for a in attempts if a.state is AttemptState.RUNNING and a.message]
    draft.update(i, message=words[-1] if words else _progress_words(draft, i))


def _date(draft: Draft, i: int) -> None:
    """Say when the newest batch began, which a restart has forgotten: the next one waits for it."""
    batches = _tasks(draft, i).batches
    if batches and draft.records[i].attempt_started is None:
        made = [a.created for a in draft.attempts(i) if a.number in batches and a.created]
        draft.update(i, attempt_started=min(draft.now, max(made, default=draft.now)))


def stop_former(draft: Draft, i: int) -> None:
    """Stop the batches that a cold resume has ended."""
    for attempt in draft.attempts(i):
        if attempt.number <= draft.records[i].former:
            draft.stop_attempt(attempt)


def _stop_if_hopeless(draft: Draft, attempt: Attempt) -> None:
    """Stop a batch whose pods would wait for ever, and would take room as long."""
    if any(failure.cause in HOPELESS for failure in attempt.failures):
        draft.stop_attempt(attempt)


def settle_arrays(draft: Draft) -> None:
    """Skip tasks that can never run, and end the arrays all of whose tasks are final."""
    rank = draft.flow.graph.rank
    open_before = -1
    while open_before != len(draft.frontier.open):  # the end of one may be that of another
        open_before = len(draft.frontier.open)
        for i in sorted(draft.frontier.open, key=lambda i: (-rank[i], i)):
            tasks = _tasks(draft, i)
            hopeless = _hopeless(draft, i) & tasks.waiting
            if hopeless:
                histories = tasks.ended(hopeless)
                _change(draft, i, skipped=tasks.skipped | hopeless, histories=histories)
            _settle(draft, i)


def _hopeless(draft: Draft, i: int) -> IndexSet:
    """Tasks that may not start any more."""
    tasks = _tasks(draft, i)
    step = draft.flow.steps[i]
    fails = tasks.failed and not step.spec.continue_on_failure
    if (is_failing_fast(draft) and not step.on_exit) or (draft.flow.policy.fail_fast and fails):
        return IndexSet.span(0, tasks.total)
    broken = []
    for parent in draft.flow.steps[i].index_parents:
        above = draft.records[parent].tasks
        if above is not None and not draft.flow.steps[parent].spec.continue_on_failure:
            broken.append(above.skipped | above.failed)
    return union(broken)


def _settle(draft: Draft, i: int) -> None:
    tasks = _tasks(draft, i)
    if not tasks.is_done:
        return
    failed, skipped = len(tasks.failed), len(tasks.skipped)
    if failed:
        words = f"{failed} of {tasks.total} tasks failed: {draft.records[i].message}"
        draft.finish(i, StepPhase.FAILED, Reason.TASKS_FAILED, words)
        draft.event(Reason.STEP_FAILED, words, i, warning=True)
    elif skipped:
        hasty = is_failing_fast(draft)
        why = "failFast is set" if hasty else "tasks before them failed"
        words = f"{skipped} of {tasks.total} tasks were skipped, since {why}"
        phase = StepPhase.SKIPPED if skipped == tasks.total else StepPhase.FAILED
        draft.finish(i, phase, Reason.FAIL_FAST if hasty else Reason.DEPENDENCY_FAILED, words)
    else:
        _succeeded(draft, i, tasks.total)


def _succeeded(draft: Draft, i: int, total: int) -> None:
    """All tasks have: those of a map have outputs, too, in what they have measured together."""
    step, record = draft.flow.steps[i], draft.records[i].map
    measured = record.measured if record is not None else None
    try:
        outputs = read_outputs(step, json.dumps({"map": measured.document()} if measured else {}))
    except ValueUnavailableError as error:
        draft.finish(i, StepPhase.FAILED, Reason.OUTPUT_INVALID, str(error))
        draft.event(Reason.OUTPUT_INVALID, str(error), i, warning=True)
        return
    draft.finish(i, StepPhase.SUCCEEDED, Reason.COMPLETED, "", outputs=outputs)
    draft.event(Reason.COMPLETED, f"{total} tasks succeeded", i)


def _tasks(draft: Draft, i: int) -> Tasks:
    tasks = draft.records[i].tasks
    assert tasks is not None
    return tasks


def _change(draft: Draft, i: int, **changes: object) -> None:
    draft.update(i, tasks=replace(_tasks(draft, i), **changes))  # type: ignore[arg-type]


def _comes_later(draft: Draft, i: int, attempt: Attempt) -> bool:
    """Whether a batch cannot be entered yet, nor those after it, which would make it seem old.

    Nothing is seen of it, or it has tasks of one before it of which is not known yet how they ended
    there.
    """
    if attempt.number <= draft.records[i].attempt:
        return False
    asked = attempt.state in (AttemptState.STARTING, AttemptState.UNANSWERED)
    return asked or bool(attempt.tasks & _tasks(draft, i).running)


def _adopt_if_new(draft: Draft, i: int, attempt: Attempt, *, in_order: bool) -> None:
    """Enter a batch that was asked for and is there now.

    It may be one of an operator that died before it could say so, or one that was created although
    the answer was lost: of such a one only what has not been decided in the meantime.
    """
    tasks = _tasks(draft, i)
    if attempt.number in tasks.batches:
        return
    if attempt.number > draft.records[i].attempt:
        if in_order and attempt.state in _ON_RECORD:
            _adopt(draft, i, attempt, attempt.tasks & tasks.waiting)
    elif attempt.state in (AttemptState.RUNNING, AttemptState.STOPPING):
        late = attempt.unfinished & tasks.waiting
        if late:
            _adopt(draft, i, attempt, late)


def _adopt(draft: Draft, i: int, attempt: Attempt, taken: IndexSet) -> None:
    tasks = _tasks(draft, i)
    batches = dict(sorted({**tasks.batches, attempt.number: taken}.items()))
    record = draft.records[i]
    draft.update(
        i,
        attempt=max(record.attempt, attempt.number),
        attempt_started=draft.now,
        job=attempt.ref,
        tasks=replace(tasks, batches=batches),
    )


def _take_in_batch(draft: Draft, i: int, attempt: Attempt) -> None:
    open_tasks = _tasks(draft, i).batches[attempt.number]
    all_done = attempt.state is AttemptState.SUCCEEDED
    succeeded = open_tasks if all_done else open_tasks & attempt.succeeded
    left = open_tasks - succeeded
    failures = []
    for failure in attempt.failures:
        hit = failure.tasks & left
        if hit:
            failures.append(replace(failure, tasks=hit))
            left = left - hit
    if attempt.state is AttemptState.FAILED and left:
        failures.append(_as_a_whole(attempt, left))
        left = EMPTY
    _leave_batch(draft, i, attempt.number, left)
    if succeeded:
        tasks = _tasks(draft, i)
        _change(
            draft,
            i,
            succeeded=tasks.succeeded | succeeded,
            histories=tasks.with_history(NEW, succeeded),
        )
        _measure(draft, i, attempt, succeeded)
    for failure in failures:
        _fail(draft, i, attempt, failure)
    if attempt.recheck_at is not None and attempt.recheck_at > draft.now:
        draft.frontier.set_timer(attempt.recheck_at, i)


def _measure(draft: Draft, i: int, attempt: Attempt, succeeded: IndexSet) -> None:
    """Add what tasks of a map say of themselves."""
    record = draft.records[i].map
    if record is None:
        return
    alone = {next(iter(attempt.tasks)): attempt.output} if len(attempt.tasks) == 1 else {}
    said = {**alone, **attempt.outputs}
    for task in succeeded & IndexSet.of(said):
        record = record.with_task(said[task])
    draft.update(i, map=record)


def _leave_batch(draft: Draft, i: int, number: int, left: IndexSet) -> None:
    batches = {n: members for n, members in _tasks(draft, i).batches.items() if n != number}
    if left:
        batches[number] = left
    _change(draft, i, batches=dict(sorted(batches.items())))


def _as_a_whole(attempt: Attempt, tasks: IndexSet) -> TaskFailure:
    return TaskFailure(
        tasks=tasks,
        cause=attempt.cause,
        reason=attempt.reason,
        message=attempt.message,
        exit_codes=attempt.exit_codes,
    )


def _lost(draft: Draft, i: int, number: int) -> None:
    tasks = _tasks(draft, i).batches[number]
    gone = Attempt(number=number, state=AttemptState.FAILED, ref=AttemptRef(""))
    failure = TaskFailure(
        tasks=tasks,
        cause=Cause.DISRUPTION,
        reason=Reason.LOST,
        message=f"the Job of attempt {number} vanished before it had finished",
    )
    _leave_batch(draft, i, number, EMPTY)
    _fail(draft, i, gone, failure)


def _fail(draft: Draft, i: int, attempt: Attempt, failure: TaskFailure) -> None:
    """Judge tasks that failed in the same way, once for each history among them.

    Retries of tasks do not count towards the flow's backoffLimit: ten flaky tasks among ten
    thousand are no reason to end it.
    """
    step = draft.flow.steps[i]
    evidence = replace(
        attempt,
        cause=failure.cause,
        reason=failure.reason,
        message=failure.message,
        exit_codes=failure.exit_codes,
    )
    for history, members in _tasks(draft, i).history_of(failure.tasks):
        verdict = judge(draft.flow, step, history.spent, evidence, 0)
        tasks = _tasks(draft, i)
        what = _named(members)
        if verdict.verdict is Verdict.RETRY:
            after = tasks.together(
                History(
                    spent=verdict.spent,
                    resources=more(draft, i, failure.cause, history.resources),
                    retry_at=draft.now + verdict.delay,
                ),
                verdict.delay * PUNCTUAL,
            )
            _change(draft, i, histories=tasks.with_history(after, members))
            draft.frontier.set_timer(draft.now + verdict.delay, i)
            words = f"{what}: {retry_words(step, verdict, failure.cause, after.resources)}"
            draft.event("StepRetry", words, i, warning=True)
            continue
        if verdict.verdict is Verdict.IGNORE:
            histories = tasks.with_history(NEW, members)
            _change(draft, i, histories=histories, succeeded=tasks.succeeded | members)
        else:
            _change(draft, i, histories=tasks.ended(members), failed=tasks.failed | members)
            if failure.cause in HOPELESS:
                rest = _tasks(draft, i).waiting
                histories = _tasks(draft, i).ended(rest)
                _change(draft, i, skipped=tasks.skipped | rest, histories=histories)
            if not tasks.failed:
                draft.update(i, message=f"{what}: {verdict.message}")
            draft.event(Reason.TASKS_FAILED, f"{what}: {verdict.message}", i, warning=True)


def _progress_words(draft: Draft, i: int) -> str:
    """The first failure is worth remembering; progress itself is counted elsewhere."""
    return draft.records[i].message if _tasks(draft, i).failed else ""


def _named(tasks: IndexSet) -> str:
    if len(tasks) == 1:
        return f"task {tasks}"
    return f"tasks {tasks.short(MOST_RANGES)} ({len(tasks)})"


def occupied(draft: Draft, i: int) -> IndexSet:
    """Tasks that an attempt has, or has been asked for and may get, or has not let go of yet."""
    record = draft.records[i]
    attempts = draft.attempts(i)
    alive = [a for a in attempts if a.is_live or a.counts]
    # One that has ended is not on record either as long as one before it is not answered.
    asked = [
        a.tasks
        for a in attempts
        if a.number > record.attempt and (a.counts or a.state in _ON_RECORD)
    ]
    left = [a.held if a.number <= record.former else a.stuck for a in alive]
    return union([*_tasks(draft, i).batches.values(), *asked, *left])


def next_number(draft: Draft, i: int) -> int:
    """The number of the next batch: above all that were ever made."""
    made = [a.number for a in draft.attempts(i) if a.is_live or a.counts or a.was_created]
    return 1 + max([draft.records[i].attempt, *made])
