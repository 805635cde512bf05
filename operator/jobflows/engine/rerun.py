"""Which steps run again when a flow is resumed, and which keep their results.

A request that names no steps is about all that did not succeed. One that names steps, in `from` or
`set`, is about those and what is below them, and nothing else. A step that succeeded runs again
only if it is named, or below a step that is named in `from`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jobflows.api.resume import ResumeError, ResumeRequest
from jobflows.engine.flow import CompiledFlow
from jobflows.engine.frontier import blocks_dependents, is_failure
from jobflows.engine.ledger import Ledger, Reason, StepPhase, StepRecord

SHOWN = 10


@dataclass(frozen=True, slots=True)
class Rerun:
    """Indices of steps: `again` are reset, `marked` are taken as succeeded, the others stay.

    Of those that are reset, `repeated` were named, or are below one that was: nothing of them is
    kept. Of the others, an array keeps the tasks that succeeded.
    """

    again: frozenset[int]
    repeated: frozenset[int]
    marked: frozenset[int]


def choose(flow: CompiledFlow, ledger: Ledger, request: ResumeRequest) -> Rerun:
    """Choose the steps that `request` is about; raises `ResumeError` when it makes no sense."""
    names = [*request.from_, *request.set_]
    unknown = sorted({name for name in names if name not in flow.graph.index})
    if unknown:
        known = listed(flow.graph.names[: flow.handlers.start])
        raise ResumeError(f"there is no step {listed(unknown)}; the steps are {known}")
    handlers = [name for name in names if flow.graph.index[name] in flow.handlers]
    if handlers:
        raise ResumeError(f"{listed(handlers)}: exit handlers run again with every resume, unnamed")
    if ledger.outcome is not None and not ledger.phase.terminal:
        raise ResumeError(
            "the flow is about to end, its exit handlers run; ask again, with another id, when it "
            "has ended"
        )
    again, marked = _named(flow, ledger, request) if names else (_failed(flow, ledger), set[int]())
    again |= _added(ledger)
    again |= _asked_again(flow, ledger.steps, again | marked)
    again -= set(flow.handlers)
    if not again and not marked and ledger.phase is not ledger.phase.FAILED:
        raise ResumeError(f"nothing to resume: {_why_nothing(flow, ledger, request)}")
    if request.mode == "cold" and not names:
        again |= {i for i, r in enumerate(ledger.steps) if r.phase is StepPhase.RUNNING}
    repeated = again & _repeated(flow, request)
    return Rerun(frozenset(again), frozenset(repeated), frozenset(marked))


def _repeated(flow: CompiledFlow, request: ResumeRequest) -> set[int]:
    """What is named to run again, and all below it."""
    names = [*request.from_, *(n for n, phase in request.set_.items() if phase == "Pending")]
    tops = {flow.graph.index[name] for name in names}
    return tops | _below(flow, tops)


def listed(names: Iterable[str]) -> str:
    """Names for a message, the first ones of many."""
    names = list(names)
    shown = ", ".join(names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"


def _failed(flow: CompiledFlow, ledger: Ledger) -> set[int]:
    """What did not succeed. A flow that succeeded had nothing but failures that it tolerates."""
    if ledger.phase is ledger.phase.SUCCEEDED:
        return set()
    return {i for i in range(len(ledger.steps)) if _is_open(flow, ledger.steps, i)}


def _named(flow: CompiledFlow, ledger: Ledger, request: ResumeRequest) -> tuple[set[int], set[int]]:
    index, records = flow.graph.index, ledger.steps
    again = _repeated(flow, request)
    marked = {index[n] for n, phase in request.set_.items() if phase == "Succeeded"}
    for i in sorted(marked):
        name = flow.graph.names[i]
        if i in again:
            raise ResumeError(f"step {name} cannot be set to Succeeded and run again, too")
        if records[i].phase not in (StepPhase.FAILED, StepPhase.SKIPPED):
            raise ResumeError(
                f"step {name} is {records[i].phase}; only one that failed or was skipped can be "
                "set to Succeeded"
            )
    below = _below(flow, marked) - marked
    if not ledger.phase.terminal:
        _not_too_late(flow, records, below | _strictly_below(flow, again))
        again = {i for i in again if _can_be_reset(records[i], request)}
    return again | {i for i in below if _is_open(flow, records, i)}, marked


def _below(flow: CompiledFlow, steps: Iterable[int]) -> set[int]:
    """All descendants of `steps`."""
    found: set[int] = set()
    waiting = list(steps)
    while waiting:
        for child in flow.graph.children[waiting.pop()]:
            if child not in found:
                found.add(child)
                waiting.append(child)
    return found


def _not_too_late(flow: CompiledFlow, records: Sequence[StepRecord], below: set[int]) -> None:
    started = [flow.graph.names[i] for i in sorted(below) if records[i].started is not None]
    if started:
        raise ResumeError(
            f"the flow still runs, and has started {listed(started)} below the steps that are "
            "named; ask again, with another id, when it has ended"
        )


def _strictly_below(flow: CompiledFlow, steps: set[int]) -> set[int]:
    return {i for i in steps if not steps.isdisjoint(flow.graph.parents[i])}


def _can_be_reset(record: StepRecord, request: ResumeRequest) -> bool:
    """Whether a step of a flow that still runs has anything to be repeated."""
    cold = request.mode == "cold"
    return record.phase.terminal or (cold and record.phase is StepPhase.RUNNING)


def _is_open(flow: CompiledFlow, records: Sequence[StepRecord], step: int) -> bool:
    """Whether a step ended without a result that the flow went on with.

    A tolerated failure is such a result once a step below it has started: that one ran with it.
    """
    record = records[step]
    if record.phase is StepPhase.SKIPPED:
        return blocks_dependents(flow, step, record)
    if record.phase is not StepPhase.FAILED:
        return False
    children = (records[child] for child in flow.graph.children[step])
    return is_failure(flow, step, record) or not any(map(_has_results, children))


def _has_results(record: StepRecord) -> bool:
    """Whether something runs, or was done, that a resume keeps; of an array also single tasks."""
    went_on = (StepPhase.SUCCEEDED, StepPhase.RUNNING, StepPhase.PENDING_APPROVAL)
    return record.phase in went_on or bool(record.tasks and record.tasks.succeeded)


def _added(ledger: Ledger) -> set[int]:
    return {i for i, record in enumerate(ledger.steps) if record.reason == Reason.FLOW_FINISHED}


def _asked_again(flow: CompiledFlow, records: Sequence[StepRecord], changed: set[int]) -> set[int]:
    """Steps skipped by their `when` that may come out differently: what it reads changes."""
    found: set[int] = set()
    for i in flow.graph.order:
        when = flow.steps[i].when
        if when is None or records[i].reason != Reason.WHEN_FALSE or i in changed:
            continue
        read = {flow.graph.index[name] for name in when.references.steps}
        if not (changed | found).isdisjoint(read.union(flow.graph.parents[i])):
            found.add(i)
    return found


def _why_nothing(flow: CompiledFlow, ledger: Ledger, request: ResumeRequest) -> str:
    named = dict.fromkeys([*request.from_, *request.set_])
    if named:
        phases = (f"{n} is {ledger.steps[flow.graph.index[n]].phase}" for n in named)
        return f"{listed(phases)}, and the flow still runs"
    if ledger.phase.terminal:
        return 'the flow succeeded; name steps to run again with "from"'
    return "the flow still runs, and no step has failed"
