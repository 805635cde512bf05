"""Runs a flow on this machine: the engine plans, processes carry out, their ends are observed.

    plan -> start and stop attempts -> something ends, or a timer is due -> plan

A plan may name more starts than there is room for; the rest is kept, and a slot that becomes free
takes the next one before anybody plans again. So a busy run plans for many ends at once, and a
chain plans for each.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from jobflows.engine import (
    Attempt,
    AttemptState,
    CompiledFlow,
    Instant,
    Ledger,
    Observations,
    Plan,
    Reason,
    StartAttempt,
    StopAttempt,
    StopMode,
    StopRequest,
    plan,
)
from jobflows.engine.mapping import Measured
from jobflows.local.clock import Clock
from jobflows.local.guard import MARK
from jobflows.local.job import JobAttempt, Surroundings
from jobflows.local.journal import Journal
from jobflows.local.own_command import with_own_command
from jobflows.local.sources import Sources
from jobflows.local.watchdog import Watchdog
from jobflows.manifests.job import build_job

AHEAD = 128
"""Starts kept ready beyond the free slots."""

GATHER = 0.02
"""Seconds in which ends are gathered while starts are ready; far less than anybody waits for."""

GATHER_COSTS = 10
"""The same, as a multiple of what the last plan took: it takes longer the larger the flow is."""

HANDLERS_SECONDS = 60.0
"""How long exit handlers may take after a signal; who sent it wants the run to end."""

Approver = Callable[[str, str], Awaitable[bool]]
"""Asks a person: (step, message) -> approved."""

Observer = Callable[[Plan, Ledger], None]
"""Told of every plan, with the ledger before it."""


def available_cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1


class LocalRunner:
    """One run of one flow. `workdir` exists and belongs to the run."""

    def __init__(
        self,
        flow: CompiledFlow,
        *,
        workdir: Path,
        sources: Sources,
        clock: Clock,
        approver: Approver,
        parallelism: int | None = None,
        observer: Observer | None = None,
        environment: Mapping[str, str] = os.environ,
        measured: Mapping[str, Measured] | None = None,
    ) -> None:
        self.flow = flow
        self._measured = measured or {}
        self.ledger = Ledger()
        self._clock = clock
        self._approver = approver
        self._observer = observer
        self._parallelism = parallelism or available_cores()
        self._workdir = workdir
        self._sources = sources
        variables = {**environment, MARK: flow.uid}
        if flow.maps:
            variables["PATH"] = with_own_command(variables.get("PATH", ""), workdir)
        self._environment = {os.fsencode(k): os.fsencode(v) for k, v in variables.items()}
        self._journal = Journal(flow, workdir, clock)
        self._watchdog = Watchdog(flow.uid)
        self._around = Surroundings(
            workdir, sources, self._watchdog, self._parallelism, self._environment
        )
        self._attempts: dict[int, Sequence[Attempt]] = {}
        self._changed: set[int] = set()
        self._live: dict[tuple[int, int], JobAttempt] = {}
        """Attempts that run, by step and number."""
        self._ready: deque[StartAttempt] = deque()
        self._approvals: dict[str, bool] = {}
        self._questions: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._hungry = asyncio.Event()
        self._plan_cost = 0.0
        self._stop: StopRequest | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._error: BaseException | None = None

    async def run(self) -> Ledger:
        """Run the flow to its end and return the last ledger; nothing of it runs afterwards."""
        with self._watchdog:
            try:
                while True:
                    began = time.perf_counter()
                    decided = self._plan()
                    self._plan_cost = time.perf_counter() - began
                    before, self.ledger = self.ledger, decided.ledger
                    self._carry_out(decided)
                    self._journal.note(self.ledger)
                    if self._observer is not None:
                        self._observer(decided, before)
                    if self.ledger.phase.terminal and not self._live:
                        break
                    await self._wait(decided.wake_at)
            finally:
                await self._end()
        return self.ledger

    @property
    def journal_problem(self) -> OSError | None:
        """Why `status.json` does not show the end of the run; None when it does."""
        return self._journal.problem

    def stop(self, words: str) -> None:
        """End the run cleanly: what runs gets its grace period, then exit handlers run."""
        self._end_by(StopRequest(StopMode.STOP, words))
        late = f"{words}; exit handlers took longer than {HANDLERS_SECONDS:.0f} s"
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(HANDLERS_SECONDS, self.terminate, late)

    def terminate(self, words: str) -> None:
        """End everything that runs at once."""
        for attempt in self._live.values():
            attempt.kill()
        self._end_by(StopRequest(StopMode.TERMINATE, words))

    def _end_by(self, request: StopRequest) -> None:
        self._stop = request
        self._ready.clear()  # nothing starts before the next plan has heard of it
        self._news.set()
        self._hungry.set()

    def _plan(self) -> Plan:
        seen = Observations(
            attempts=self._attempts,
            changed=self._changed,
            approvals=self._approvals,
            stop=self._stop,
            window=max(0, self._parallelism - len(self._live)) + AHEAD,
            measured=self._measured,
            largest_batch=1,  # one process after the other is as cheap here as all at once
        )
        self._changed = set()
        return plan(self.flow, self.ledger, seen, self._clock())

    def _carry_out(self, decided: Plan) -> None:
        for event in decided.events:
            if event.reason == Reason.AWAITING_APPROVAL:
                self._ask(event.step)
        self._ready.clear()  # the plan knows better by now
        for action in decided.actions:
            if isinstance(action, StartAttempt):
                self._ready.append(action)
            elif isinstance(action, StopAttempt):
                self._stop_attempt(action.attempt)
            # Resources are directories made on demand; a finished run and its logs are kept.
        if self.ledger.phase.terminal:
            self._ready.clear()
        self._fill()

    def _fill(self) -> None:
        """Start what is ready while there is room."""
        while self._ready and len(self._live) < self._parallelism:
            start = self._ready.popleft()
            if (start.step, start.number) not in self._live:
                self._start(start)
        if not self._ready:
            self._hungry.set()

    def _start(self, start: StartAttempt) -> None:
        job = build_job(self.flow, start)
        name = self.flow.graph.names[start.step]
        attempt = JobAttempt(name, start.number, job, self._around, created=self._clock())
        self._live[start.step, start.number] = attempt
        self._show(start.step, replace(attempt.running, tasks=start.tasks))
        self._spawn(self._follow(start, attempt))

    async def _follow(self, start: StartAttempt, attempt: JobAttempt) -> None:
        outcome = await attempt.run()
        del self._live[start.step, start.number]
        self._show(start.step, replace(outcome, tasks=start.tasks))
        self._fill()

    def _stop_attempt(self, attempt: Attempt) -> None:
        for (step, _), live in self._live.items():
            if live.running.ref == attempt.ref:
                live.stop()
                self._show(step, replace(attempt, state=AttemptState.STOPPING))
                return

    def _show(self, step: int, attempt: Attempt) -> None:
        """The engine gets to see what lives and what has just ended of a step."""
        others = (a for a in self._attempts.get(step, ()) if a.number != attempt.number)
        kept = [a for a in others if a.is_live or step in self._changed]
        self._attempts[step] = sorted([*kept, attempt], key=lambda a: a.number)
        self._changed.add(step)
        self._news.set()

    def _ask(self, name: str) -> None:
        record = self.ledger.steps[self.flow.graph.index[name]]

        async def ask() -> None:
            self._approvals[name] = await self._approver(name, record.message)
            self._news.set()

        self._questions[name] = self._spawn(ask())

    def _withdraw_questions(self) -> None:
        """Nobody needs an answer for a step that has timed out, or was stopped."""
        for name in list(self._questions):
            if self.ledger.steps[self.flow.graph.index[name]].phase.terminal:
                self._questions.pop(name).cancel()

    def _spawn(self, work: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._error = task.exception()  # a defect here, not in the flow: end the run with it
            self._news.set()

    async def _wait(self, wake_at: Instant | None) -> None:
        """Until there is something to plan for."""
        self._withdraw_questions()
        if not self._news.is_set():
            until = None if wake_at is None else wake_at - self._clock()
            await _set_within(self._news, until)
        if self._ready:
            self._hungry.clear()
            await _set_within(self._hungry, max(GATHER, GATHER_COSTS * self._plan_cost))
        self._news.clear()
        if self._error is not None:
            raise self._error

    async def _end(self) -> None:
        for attempt in self._live.values():  # only when the run ends by an error
            attempt.kill()
        for question in self._questions.values():
            question.cancel()
        if self._patience is not None:
            self._patience.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._journal.flush()


async def _set_within(event: asyncio.Event, seconds: float | None) -> None:
    """Wait for an event, and set it when `seconds` are over; a timer is cheaper than a timeout."""
    timer = None
    if seconds is not None:
        timer = asyncio.get_running_loop().call_later(max(0.0, seconds), event.set)
    await event.wait()
    if timer is not None:
        timer.cancel()
