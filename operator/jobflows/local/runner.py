"""Runs a flow on this machine: the engine plans, an executor carries out, ends are observed.

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
from typing import Any

from jobflows.engine import (
    Attempt,
    AttemptState,
    CompiledFlow,
    Instant,
    Ledger,
    Observations,
    Plan,
    StartAttempt,
    StopAttempt,
    StopMode,
    StopRequest,
    edit,
    plan,
)
from jobflows.engine.mapping import Measured
from jobflows.local.clock import Clock
from jobflows.local.executor import Executor, RunningAttempt
from jobflows.local.job import Surroundings
from jobflows.local.journal import Journal, asked_for
from jobflows.local.orders import approvals_of, resume_of, stop_of
from jobflows.local.questions import Approver, Questions
from jobflows.manifests.job import build_job

AHEAD = 128
"""Starts kept ready beyond the free slots."""

GATHER = 0.02
"""Seconds in which ends are gathered while starts are ready; far less than anybody waits for."""

GATHER_COSTS = 10
"""The same, as a multiple of what the last plan took: it takes longer the larger the flow is."""

HANDLERS_SECONDS = 60.0
"""How long exit handlers may take after a signal; who sent it wants the run to end."""

Observer = Callable[[Plan, Ledger], None]
"""Told of every plan, with the ledger before it."""


def available_cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1


class LocalRunner:
    """One run of one flow, from the ledger that it is given to the end.

    `document` is the flow as people steer it, `attempts` are those whose ends the ledger may not
    know yet, by step.
    """

    def __init__(
        self,
        flow: CompiledFlow,
        document: Mapping[str, Any],
        *,
        executor: Executor,
        around: Surroundings,
        journal: Journal,
        clock: Clock,
        approver: Approver | None,
        parallelism: int,
        observer: Observer | None = None,
        measured: Mapping[str, Measured] | None = None,
        ledger: Ledger | None = None,
        attempts: Mapping[int, Sequence[Attempt]] | None = None,
    ) -> None:
        self.flow = flow
        self.ledger = ledger or Ledger()
        self.parallelism = parallelism
        self._document = document
        self._executor = executor
        self._around = around
        self._journal = journal
        self._clock = clock
        self._observer = observer
        self._measured = measured or {}
        self._attempts: dict[int, Sequence[Attempt]] = dict(attempts or {})
        self._changed: set[int] = set(self._attempts)
        self._live: dict[tuple[int, int], RunningAttempt] = {}
        """Attempts that run, by step and number."""
        self._ready: deque[StartAttempt] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._hungry = asyncio.Event()
        self._questions = Questions(approver, self._news.set)
        self._plan_cost = 0.0
        self._stop: StopRequest | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._error: BaseException | None = None

    async def run(self) -> Ledger:
        """Run the flow to its end and return the last ledger; nothing of it runs afterwards."""
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

    def follow(self, document: Mapping[str, Any], flow: CompiledFlow | None) -> None:
        """People have changed the document; `flow` is its new spec, None when that is the same."""
        self._document = document
        if flow is not None:
            before, wanted = self.ledger, flow.policy.parallelism
            if wanted is not None and wanted != self.flow.policy.parallelism:
                most = self._executor.width
                self.parallelism = wanted if most is None else min(wanted, most)
            self.ledger, events = edit(self.flow, flow, self.ledger)
            self.flow = self._journal.flow = flow
            self._ready.clear()
            if self._observer is not None:
                self._observer(Plan(ledger=self.ledger, events=events), before)
        self._wake()

    def _end_by(self, request: StopRequest) -> None:
        self._stop = request
        self._ready.clear()  # nothing starts before the next plan has heard of it
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._hungry.set()

    def _plan(self) -> Plan:
        seen = Observations(
            attempts=self._attempts,
            changed=self._changed,
            approvals={**self._questions.answers, **approvals_of(self._document)},
            stop=self._stop or stop_of(self._document),
            resume=resume_of(self._document),
            window=max(0, self.parallelism - len(self._live)) + AHEAD,
            measured=self._measured,
            largest_batch=1,  # one process after the other is as cheap here as all at once
        )
        self._changed = set()
        return plan(self.flow, self.ledger, seen, self._clock())

    def _carry_out(self, decided: Plan) -> None:
        self._questions.follow(self.flow, self.ledger)
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
        while self._ready and len(self._live) < self.parallelism:
            start = self._ready.popleft()
            if (start.step, start.number) not in self._live:
                self._start(start)
        if not self._ready:
            self._hungry.set()

    def _start(self, start: StartAttempt) -> None:
        job = build_job(self.flow, start)
        name = self.flow.graph.names[start.step]
        attempt = self._executor.attempt(
            name, start.number, job, self._around, created=self._clock()
        )
        self._live[start.step, start.number] = attempt
        running = replace(attempt.running, tasks=start.tasks)
        asked = asked_for(job)
        self._journal.began(name, running, asked)
        self._show(start.step, running)

        async def follow() -> None:
            outcome = replace(await attempt.run(), tasks=start.tasks)
            del self._live[start.step, start.number]
            self._journal.ended(name, outcome, asked, attempt.usage)
            self._show(start.step, outcome)
            self._fill()

        self._spawn(follow())

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

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._error = task.exception()  # a defect here, not in the flow: end the run with it
            self._news.set()

    async def _wait(self, wake_at: Instant | None) -> None:
        """Until there is something to plan for."""
        if not self._news.is_set():
            until = None if wake_at is None else wake_at - self._clock()
            await _set_within(self._news, until)
        if self._ready:
            self._hungry.clear()
            await _set_within(self._hungry, max(GATHER, GATHER_COSTS * self._plan_cost))
        self._news.clear()
        error = self._error or self._questions.error
        if error is not None:
            raise error

    async def _end(self) -> None:
        for attempt in self._live.values():  # only when the run ends by an error
            attempt.kill()
        if self._patience is not None:
            self._patience.cancel()
        waits = [*self._tasks, *self._questions.end()]
        if waits:
            await asyncio.wait(waits)
        self._journal.flush()
        self._journal.export(self.ledger)


async def _set_within(event: asyncio.Event, seconds: float | None) -> None:
    """Wait for an event, and set it when `seconds` are over; a timer is cheaper than a timeout."""
    timer = None
    if seconds is not None:
        timer = asyncio.get_running_loop().call_later(max(0.0, seconds), event.set)
    await event.wait()
    if timer is not None:
        timer.cancel()
