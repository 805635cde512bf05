"""A small world around the engine: it carries out plans and shows what became of them.

Time is virtual. Every plan is made several times, so that each test, whatever it is about, also
shows that the engine is deterministic, idempotent, and as good from scratch as step by step.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from engine.flows import START
from engine.jobs import Job, refused
from engine.outcomes import Outcome, succeed
from jobflows.api.quantities import to_bytes
from jobflows.engine import (
    Action,
    Attempt,
    AttemptState,
    CompiledFlow,
    CreateResources,
    DeleteAttempt,
    DeleteFlow,
    Event,
    Grown,
    Ledger,
    LockUse,
    Observations,
    Peer,
    Plan,
    StartAttempt,
    StepPhase,
    StepRecord,
    StopAttempt,
    StopRequest,
    edit,
    plan,
    read_status,
    write_status,
)
from jobflows.engine.frontier import Frontier


class World:
    """One flow and its Jobs. `scripts` says how the attempts of a step end, the last one for ever.

    `shows(step)` may keep news of a step from the operator for a while, `writes()` may keep the
    status from being written; what a plan wants removed is removed only once the status is written,
    and a resume is on record before anything is started because of it.
    """

    def __init__(self, flow: CompiledFlow, **scripts: Outcome | list[Outcome]) -> None:
        self.flow = flow
        self.now = START
        self.ledger = Ledger()
        self.status: dict[str, Any] = {}
        self.scripts = {
            name.replace("_", "-"): script if isinstance(script, list) else [script]
            for name, script in scripts.items()
        }
        self.jobs: list[Job] = []
        self.refused: dict[tuple[str, int], Attempt] = {}
        self.tries: dict[tuple[str, int], int] = {}
        self.approvals: dict[str, bool] = {}
        self.stop: StopRequest | None = None
        self.resume = ""
        self.peers: list[Peer] = []
        self.window: int | None = None
        self.quota: int | None = None
        self.locks: dict[str, LockUse] = {}
        self.knows_own_starts = False
        """Whether a start is seen at once, as an operator does that remembers what it asked for."""
        self.resources_ready = False
        self.creates_resources = True
        self.resources_problem = ""
        self.look_at_all = True
        self.always_look_at_all = False
        self.shown: dict[str, tuple[Attempt, ...]] = {}
        self.shows: Callable[[str], bool] = lambda _: True
        self.writes: Callable[[], bool] = lambda: True
        self.events: list[Event] = []
        self.starts: list[tuple[str, int, float]] = []
        self.parameters: dict[str, Mapping[str, str]] = {}
        self.resources: dict[tuple[str, int], Grown] = {}
        self.stopped: list[tuple[str, float]] = []
        self.deleted: list[tuple[str, float]] = []
        self.flow_deleted: float | None = None
        self.last: Plan | None = None

    # what happened, in short ------------------------------------------------------------------

    @property
    def elapsed(self) -> float:
        return self.now - START

    def record(self, name: str) -> StepRecord:
        return self.ledger.steps[self.flow.graph.index[name]]

    @property
    def phases(self) -> dict[str, str]:
        names = self.flow.graph.names
        return {n: str(r.phase) for n, r in zip(names, self.ledger.steps, strict=True)}

    def started_at(self, name: str) -> list[float]:
        """When each attempt of a step was started, in seconds from the beginning."""
        return [at - START for step, _, at in self.starts if step == name]

    @property
    def reasons(self) -> list[str]:
        return [event.reason for event in self.events]

    def asked(self, name: str) -> list[dict[str, Any]]:
        """What each attempt of a step may use beyond its template."""
        return [self.resources[step, n].document() for step, n, _ in self.starts if step == name]

    # time --------------------------------------------------------------------------------------

    def run(self, seconds: float | None = None) -> World:
        """Go on until nothing moves any more, or for so many seconds."""
        end = None if seconds is None else self.now + seconds
        for _ in range(10_000):
            self.tick()
            after = self.next_moment()
            if after is None or (end is not None and after > end) or self.flow_deleted is not None:
                if end is not None:
                    self.now = end
                    self.tick()
                return self
            self.now = after
        raise AssertionError("the flow never comes to rest")

    def finish(self) -> World:
        """Go on until the flow has ended."""
        for _ in range(10_000):
            self.tick()
            if self.ledger.phase.terminal:
                return self
            after = self.next_moment()
            assert after is not None, f"{self.ledger.phase} for ever: {self.phases}"
            self.now = after
        raise AssertionError("the flow never ends")

    def tick(self) -> None:
        """Plan at this moment until there is nothing new to plan for."""
        for _ in range(1000):
            self.plan()
            wake_at = self.last.wake_at if self.last else None
            created = self.last is not None and CreateResources() in self.last.actions
            if created and self.resources_ready:
                continue
            if self._news() == {} and (wake_at is None or wake_at > self.now):
                return
        raise AssertionError("plans without end at one moment")

    def next_moment(self) -> float | None:
        moments = [m for job in self.jobs if (m := job.next_moment(self.now)) is not None]
        if self.last is not None and self.last.wake_at is not None:
            moments.append(self.last.wake_at)
        return min((m for m in moments if m > self.now), default=None)

    # planning ------------------------------------------------------------------------------------

    def plan(self) -> Plan:
        """Observe, plan, check the plan, and carry it out."""
        if self.flow_deleted is not None:
            return self.last or Plan(ledger=self.ledger)
        news = self._news()
        self.shown = {name: group for name, group in {**self.shown, **news}.items() if group}
        index = self.flow.graph.index
        everything = self.look_at_all or self.always_look_at_all
        self.look_at_all = False
        seen = Observations(
            attempts={index[n]: group for n, group in self.shown.items() if n in index},
            changed=None if everything else {index[n] for n in news if n in index},
            strays=[a for n, group in self.shown.items() if n not in index for a in group],
            approvals=dict(self.approvals),
            stop=self.stop,
            resume=self.resume,
            peers=self.peers,
            window=self.window,
            quota=self.quota,
            locks=self.locks,
            resources_ready=self.resources_ready,
            resources_problem=self.resources_problem,
        )
        answer = plan(self.flow, self.ledger, seen, self.now)
        check(self.flow, self.ledger, seen, self.now, answer)
        self.ledger = answer.ledger
        self.events += answer.events
        self.last = answer
        if self.writes():
            self.write()
        self._carry_out(answer)
        return answer

    def _news(self) -> dict[str, tuple[Attempt, ...]]:
        """What a look at the world shows now and did not show before, by step."""
        self.jobs = [job for job in self.jobs if job.exists(self.now)]
        world: dict[str, dict[int, Attempt]] = {name: {} for name in self.shown}
        for (step, number), attempt in self.refused.items():
            world.setdefault(step, {})[number] = attempt
        for job in self.jobs:
            world.setdefault(job.step, {})[job.number] = job.seen(self.now)
        groups = {n: tuple(group[k] for k in sorted(group)) for n, group in world.items()}
        return {
            name: group
            for name, group in groups.items()
            if group != self.shown.get(name, ())
            and (self.look_at_all or self._is_own(name, group) or self.shows(name))
        }

    def _is_own(self, name: str, group: tuple[Attempt, ...]) -> bool:
        """Whether the news is that an attempt was started here."""
        known = {attempt.number for attempt in self.shown.get(name, ())}
        return self.knows_own_starts and bool({attempt.number for attempt in group} - known)

    def _carry_out(self, answer: Plan) -> None:
        removals = (StopAttempt, DeleteAttempt, DeleteFlow)
        told = (self.status.get("resume") or {}).get("id", "") == self.ledger.resume.id
        if not told or any(
            isinstance(a, removals) or self._begins_handler(a) for a in answer.actions
        ):
            self.write()
        for action in answer.actions:
            match action:
                case StartAttempt():
                    self._start(self.flow.graph.names[action.step], action)
                case CreateResources():
                    self.resources_ready = self.creates_resources
                case StopAttempt(attempt):
                    self.stopped.append((attempt.ref.name, self.elapsed))
                    for job in self.jobs:
                        if job.name == attempt.ref.name:
                            job.stop(self.now)
                case DeleteAttempt(attempt):
                    self.deleted.append((attempt.ref.name, self.elapsed))
                    self.jobs = [job for job in self.jobs if job.name != attempt.ref.name]
                case DeleteFlow():
                    self.flow_deleted = self.elapsed

    def _begins_handler(self, action: Action) -> bool:
        return isinstance(action, StartAttempt) and self.flow.steps[action.step].on_exit

    def _start(self, name: str, action: StartAttempt) -> None:
        place = (name, action.number)
        mine = [job for job in self.jobs if job.step == name]
        if any(job.number == action.number for job in mine):
            return  # it exists: a plan from before an observation said so
        assert not any(job.is_live(self.now) for job in mine), f"two attempts of {name} at once"
        script = self.scripts.get(name, [succeed()])
        outcome = script[min(action.number, len(script)) - 1]
        if outcome.end == "reject":
            self.refused[place] = refused(*place, outcome, 1, self.now)
            return
        if outcome.end == "block":
            again_at = self.refused[place].recheck_at if place in self.refused else None
            if again_at is not None and again_at > self.now:
                return
            self.tries[place] = self.tries.get(place, 0) + 1
            if self.tries[place] <= outcome.times:
                self.refused[place] = refused(*place, outcome, self.tries[place], self.now)
                return
            outcome = succeed()
        self.refused.pop(place, None)
        self.starts.append((name, action.number, self.now))
        self.parameters[name] = action.parameters
        self.resources[place] = action.resources
        if outcome.needs and (action.resources.memory or 0) >= to_bytes(outcome.needs):
            outcome = succeed(outcome.after)
        locks = self.flow.steps[action.step].locks
        self.jobs.append(Job(name, action.number, outcome, self.now, locks=locks))

    # the operator --------------------------------------------------------------------------------

    def write(self) -> None:
        """Write the status, through JSON as the API server would."""
        self.status = json.loads(json.dumps(write_status(self.flow, self.ledger, self.now)))

    def crash(self) -> None:
        """The operator dies; another one knows the status and lists the Jobs."""
        self.ledger = read_status(self.flow, self.status)
        self.shown = {}
        self.refused = {}
        self.look_at_all = True

    def ask(self, **request: Any) -> list[Event]:
        """The user asks for a resume; returns what they are told at once."""
        self.resume = json.dumps(request)
        before = len(self.events)
        self.tick()
        return self.events[before:]

    def edit(self, new: CompiledFlow) -> list[Event]:
        """The user applies another spec."""
        new = replace(new, generation=self.flow.generation + 1)
        self.ledger, events = edit(self.flow, new, self.ledger)
        self.flow = new
        self.look_at_all = True
        return list(events)


def check(flow: CompiledFlow, before: Ledger, seen: Observations, now: float, answer: Plan) -> None:
    """What holds for any plan at any time."""
    assert plan(flow, before, seen, now) == answer, "not deterministic"
    scratch = plan(flow, replace(before, frontier=None), replace(seen, changed=None), now)
    assert scratch.ledger == answer.ledger, "step by step is not as from scratch"
    starts = [action for action in answer.actions if isinstance(action, StartAttempt)]
    assert [a for a in scratch.actions if isinstance(a, StartAttempt)] == starts
    if scratch.wake_at is not None:
        assert answer.wake_at is not None, "a timer is missing"
        assert answer.wake_at <= scratch.wake_at, "a timer is late"
    again = plan(flow, answer.ledger, replace(seen, changed=()), now)
    assert again.ledger == answer.ledger, "not idempotent"
    assert not again.events, again.events
    carried = answer.ledger.frontier
    derived = Frontier.of(flow, answer.ledger.steps, answer.ledger.resume.at)
    assert carried is not None
    assert carried.handler_failures == derived.handler_failures
    for name in ("ready", "live", "doomed", "unfinished", "failures", "retries", "handlers"):
        assert getattr(carried, name) == getattr(derived, name), name
    if answer.ledger.phase.terminal:
        assert not carried.unfinished
        assert not carried.handlers
    _never_again(before, answer.ledger)
    for action in answer.actions:
        if isinstance(action, StopAttempt):
            assert action.attempt.state is AttemptState.RUNNING


def _never_again(before: Ledger, after: Ledger) -> None:
    resumed = before.resume.run != after.resume.run
    if before.phase.terminal and not resumed:
        assert (after.phase, after.finished) == (before.phase, before.finished)
    for old, new in zip(before.steps, after.steps, strict=False):
        assert new.attempt >= old.attempt, "an attempt number came back"
        if old.phase.terminal and not resumed:
            assert new == old, "a final record changed"
    if after.phase.terminal:
        final = (StepPhase.SUCCEEDED, StepPhase.FAILED, StepPhase.SKIPPED)
        assert all(record.phase in final for record in after.steps)
