"""A plan in the making: a copy of the ledger that the policies change step by step.

All transitions of a step go through here, so that the records, the frontier and the events can
never disagree. A draft lives for one call of `plan()`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from jobflows.engine.flow import CompiledFlow
from jobflows.engine.frontier import Frontier, blocks_dependents
from jobflows.engine.indexes import IndexSet
from jobflows.engine.ledger import FRESH, Instant, Ledger, Reason, StepPhase, StepRecord
from jobflows.engine.limits import Room, room_taken
from jobflows.engine.observations import Attempt, AttemptState, Observations
from jobflows.engine.plan import Action, Event, Plan, StopAttempt, Waits
from jobflows.engine.tasks import Tasks


class Draft:
    """The working copy. `ledger` is the flow's own part; `records` and `frontier` the steps'."""

    def __init__(
        self, flow: CompiledFlow, ledger: Ledger, seen: Observations, now: Instant
    ) -> None:
        self.flow = flow
        self.seen = seen
        self.now = now
        self.ledger = ledger
        self.records: list[StepRecord] = list(ledger.steps) or [FRESH] * len(flow.steps)
        known = ledger.frontier
        self.frontier = known.copy() if known else self._derive()
        self.look_at_all = known is None or seen.changed is None or ledger.started is None
        self._count_what_is_live()
        self.actions: list[Action] = []
        self.events: list[Event] = []
        self.room: Room | None = None
        """What is left to start of, once the single steps have had their share."""
        self.waits = Waits()
        self._touched = known is None or not ledger.steps

    def _derive(self) -> Frontier:
        return Frontier.of(self.flow, self.records, self.ledger.resume.at)

    def seal(self) -> Plan:
        """Turn the draft into the plan; `steps` is the same object when no step has changed."""
        steps = tuple(self.records) if self._touched else self.ledger.steps
        ledger = replace(self.ledger, steps=steps, frontier=self.frontier)
        return Plan(
            ledger=ledger,
            actions=tuple(self.actions),
            events=tuple(self.events),
            wake_at=self.frontier.next_moment(),
            waits=self.waits,
        )

    def _count_what_is_live(self) -> None:
        frontier = self.frontier
        steps = self.seen.attempts.keys() if self.look_at_all else self.seen.changed or ()
        if self.look_at_all:
            frontier.holding.clear()
            frontier.asked.clear()
        for step in steps:
            tasks = sum(map(room_taken, self.attempts(step)))
            frontier.hold(step, tasks, self.records[step])

    def set_flow(self, **changes: Any) -> None:
        """Change the flow's own fields."""
        if any(getattr(self.ledger, name) != value for name, value in changes.items()):
            self.ledger = replace(self.ledger, **changes)

    @property
    def closing(self) -> bool:
        """Whether the steps are over, and only exit handlers may run."""
        return self.ledger.outcome is not None

    def startable(self) -> Iterator[int]:
        """Ready steps whose time it is: exit handlers once the others are over, and not before."""
        closing, steps = self.closing, self.flow.steps
        return (i for i in self.frontier.ready if steps[i].on_exit == closing)

    @property
    def unfinished(self) -> int:
        """How many steps and exit handlers are not final."""
        return self.frontier.unfinished + self.frontier.handlers

    def attempts(self, step: int) -> Sequence[Attempt]:
        """Attempts seen of a step, oldest first."""
        return self.seen.attempts.get(step, ())

    def event(self, reason: str, message: str, step: int = -1, *, warning: bool = False) -> None:
        name = self.flow.graph.names[step] if step >= 0 else ""
        self.events.append(Event(reason, message, name, warning))

    def update(self, step: int, **changes: Any) -> StepRecord:
        """Change a step's record without a change of phase group."""
        record = self.records[step]
        new = replace(record, **changes)
        if new != record:
            self.records[step] = new
            self._touched = True
            self.frontier.count(self.flow, step, record, -1)
            self.frontier.count(self.flow, step, new)
            if new.phase is not record.phase:
                self.frontier.moved(step, new)
        return new

    def start(self, step: int, **changes: Any) -> None:
        """A ready step becomes live: it runs, or waits for approval."""
        self.frontier.ready.discard(step)
        self.frontier.doomed.discard(step)
        self.frontier.live.add(step)
        self.update(step, **changes)

    def open_array(self, step: int, tasks: Tasks, **changes: Any) -> None:
        """An array becomes live before any of its tasks; what follows task by task may, too."""
        self.start(step, phase=StepPhase.RUNNING, tasks=tasks, started=self.now, **changes)
        self.frontier.open.add(step)
        for child in self.flow.graph.children[step]:
            if step in self.flow.steps[child].early_parents:
                self.frontier.unmet[child] -= 1
                self._consider(child)

    def put_back(self, step: int, retry_at: Instant, **changes: Any) -> None:
        """A live step becomes pending again and waits for its next attempt.

        It may have got new dependencies while it ran, by an edit of the spec.
        """
        self.frontier.live.discard(step)
        self.frontier.set_timer(retry_at, step)
        parents = self.flow.graph.parents[step]
        if any(blocks_dependents(self.flow, p, self.records[p]) for p in parents):
            self.frontier.doomed.add(step)
        elif self.frontier.unmet[step] == 0:
            self.frontier.ready.add(step)
        self.update(step, phase=StepPhase.PENDING, retry_at=retry_at, **changes)

    def finish(
        self, step: int, phase: StepPhase, reason: str, message: str, **changes: Any
    ) -> None:
        """A step becomes final, and what that means for the steps below it happens at once."""
        opened = self.records[step].is_open
        self.close(step, phase, reason, message, **changes)
        below = f"step {self.flow.graph.names[step]} did not succeed"
        if reason == Reason.DEPENDENCY_FAILED:
            below = message  # names the step that failed first
        closed = [step]
        for i in closed:  # grows while it is walked
            blocks = blocks_dependents(self.flow, i, self.records[i])
            for child in self.flow.graph.children[i]:
                if not (opened and i == step and i in self.flow.steps[child].early_parents):
                    self.frontier.unmet[child] -= 1
                if self.records[child].phase is not StepPhase.PENDING:
                    continue
                if blocks:
                    self.close(child, StepPhase.SKIPPED, Reason.DEPENDENCY_FAILED, below)
                    closed.append(child)
                else:
                    self._consider(child)

    def _consider(self, step: int) -> None:
        """A pending step that waits for nothing any more is ready."""
        pending = self.records[step].phase is StepPhase.PENDING
        if pending and self.frontier.unmet[step] == 0 and step not in self.frontier.doomed:
            self.frontier.ready.add(step)

    def stop_attempts(self, step: int) -> None:
        """Ask for the end of whatever still runs of a step."""
        for attempt in self.attempts(step):
            self.stop_attempt(attempt)

    def stop_attempt(self, attempt: Attempt) -> None:
        """Ask for its end, if it runs."""
        if attempt.state is AttemptState.RUNNING:
            self.actions.append(StopAttempt(attempt))

    def close(self, step: int, phase: StepPhase, reason: str, message: str, **changes: Any) -> None:
        """A step becomes final, without a look at the steps below it."""
        frontier = self.frontier
        frontier.ready.discard(step)
        frontier.live.discard(step)
        frontier.doomed.discard(step)
        frontier.open.discard(step)
        fields = {"finished": self.now, "retry_at": None, **changes}
        tasks = self.records[step].tasks
        if tasks is not None:
            everything = IndexSet.span(0, tasks.total)
            fields["tasks"] = replace(tasks, batches={}, histories=tasks.ended(everything))
        self.update(step, phase=phase, reason=reason, message=message, **fields)
        ttl = self.flow.steps[step].job_ttl
        if ttl is not None and any(attempt.was_created for attempt in self.attempts(step)):
            frontier.set_timer(self.now + ttl, step)
