"""Bugs of the engine: wrong decisions, and decisions that are forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jobflows.controller import reconciler
from jobflows.engine import attempts, draft, frontier, observations, outcome, planner
from jobflows.engine.draft import Draft
from jobflows.engine.edits import edit
from jobflows.engine.failure import judge
from jobflows.engine.flow import CompiledFlow
from jobflows.engine.frontier import blocks_dependents
from jobflows.engine.ledger import FRESH, FlowPhase, Ledger, Outcome, Reason, Spent, StepPhase
from jobflows.engine.observations import Attempt, AttemptState
from jobflows.engine.plan import Event
from jobflows.engine.starts import start_ready
from jobflows.engine.status import read_status
from jobflows.engine.values import read_outputs
from simulation.bugs.bug import Bug, Patch

PENDING, SUCCEEDED = StepPhase.PENDING, StepPhase.SUCCEEDED


def _restart_forgets() -> list[Patch]:
    def forgetful(flow: CompiledFlow, status: Mapping[str, Any]) -> Ledger:
        ledger = read_status(flow, status)
        steps = tuple(
            replace(FRESH, attempt=r.attempt) if r.phase is SUCCEEDED and r.attempt else r
            for r in ledger.steps
        )
        return replace(ledger, steps=steps, frontier=None)

    return [(reconciler, "read_to_plan", forgetful)]


def _stopping_is_gone() -> list[Patch]:
    live = frozenset({AttemptState.STARTING, AttemptState.RUNNING})
    return [(observations, "_LIVE", live)]


def _retries_are_free() -> list[Patch]:
    return [(Spent, "plus", lambda self, cause: self)]


def _edit_reopens() -> list[Patch]:
    def reopening(
        old: CompiledFlow, new: CompiledFlow, ledger: Ledger
    ) -> tuple[Ledger, tuple[Event, ...]]:
        edited, events = edit(old, new, ledger)
        steps = tuple(replace(FRESH, attempt=r.attempt) if r.outdated else r for r in edited.steps)
        return replace(edited, steps=steps, frontier=None), events

    return [(reconciler, "edit", reopening)]


def _running_is_done() -> list[Patch]:
    return [(frontier, "is_unmet", lambda flow, i, p, record: record.phase is PENDING)]


def _outputs_are_stale() -> list[Patch]:
    def stale(step: Any, text: str | None) -> Mapping[str, str]:
        found = read_outputs(step, text)
        return {name: f"{value.rpartition('-')[0]}-1" for name, value in found.items()}

    return [(attempts, "read_outputs", stale)]


def _skipped_blocks() -> list[Patch]:
    def strict(flow: Any, i: int, record: Any) -> bool:
        return record.phase is StepPhase.SKIPPED or blocks_dependents(flow, i, record)

    return [(draft, "blocks_dependents", strict)]


def _all_is_well() -> list[Patch]:
    def conclude(flow: Draft) -> None:
        outcome._conclude(flow, Outcome(FlowPhase.SUCCEEDED, Reason.COMPLETED))

    return [(planner, "conclude", conclude)]


def _asked_for_takes_no_room() -> list[Patch]:
    counted = (AttemptState.RUNNING, AttemptState.STOPPING)
    counts = property(lambda self: not self.is_over and self.state in counted)
    return [(Attempt, "counts", counts)]


def _nothing_is_stopped() -> list[Patch]:
    return [(Draft, "stop_attempts", lambda self, step: None)]


def _suspend_comes_late() -> list[Patch]:
    def eager(flow: Draft) -> bool:
        known, flow.flow = flow.flow, replace(flow.flow, suspend=False)
        try:
            return start_ready(flow)
        finally:
            flow.flow = known

    return [(planner, "start_ready", eager)]


def _disruptions_raise() -> list[Patch]:
    def brittle(*args: Any) -> Any:
        if args[3].cause is observations.Cause.DISRUPTION:
            raise KeyError("node")
        return judge(*args)

    return [(attempts, "judge", brittle)]


OF_ENGINE = (
    Bug("nothing-finished-runs-again", "a restart forgets what has succeeded", _restart_forgets, 4),
    Bug("one-live-job", "a Job on its way out counts as gone", _stopping_is_gone, 5),
    Bug("budgets-kept", "a retry is not counted", _retries_are_free, 7),
    Bug("terminal-stays", "an edit makes finished steps new", _edit_reopens, 23),
    Bug(
        "dependencies-first", "after a restart a step that runs counts as done", _running_is_done, 1
    ),
    Bug(
        "values-arrive",
        "a step hands on what its first attempt would have said",
        _outputs_are_stale,
        31,
    ),
    Bug("outcome-is-due", "a step skipped by its `when` blocks what is below", _skipped_blocks, 96),
    Bug("ends-are-explained", "a flow succeeds whatever its steps did", _all_is_well, 7),
    Bug("limits-hold", "a Job takes no room until it is seen", _asked_for_takes_no_room, 2),
    Bug("nothing-runs-on", "the end of a flow stops nothing", _nothing_is_stopped, 2),
    Bug(
        "suspension-obeyed",
        "suspend is looked at before the first step only",
        _suspend_comes_late,
        36,
    ),
    Bug("no-errors", "a disruption raises KeyError", _disruptions_raise, 453),
)
