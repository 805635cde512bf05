"""A run that this program runs.

It has the lock of its run from the moment that it exists (`beginning.py` makes it) until the run
has ended.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobflows.engine import Attempt, CompiledFlow, Ledger, StepRecord
from jobflows.local.archiving import recording
from jobflows.local.cgroup import Cgroups
from jobflows.local.clock import steady_clock
from jobflows.local.executor import Executor, executor_named
from jobflows.local.guard import MARK
from jobflows.local.job import Surroundings
from jobflows.local.journal import Journal
from jobflows.local.knowledge import earlier_measures
from jobflows.local.lock import RunLock
from jobflows.local.meter import Meter
from jobflows.local.orders import Orders
from jobflows.local.outcome import Outcome
from jobflows.local.own_command import with_own_command
from jobflows.local.process import Host
from jobflows.local.questions import Approver
from jobflows.local.runner import LocalRunner, Observer, available_cores
from jobflows.local.sources import collect_sources
from jobflows.local.store import Store
from jobflows.local.stored_run import StoredRun, compile_checked
from jobflows.local.trouble import said
from jobflows.local.watchdog import Watchdog
from jobflows.local.workdir import create_workdir


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """What concerns this runner, and not the flow."""

    executor: str | Executor | None = None
    parallelism: int | None = None
    approver: Approver | None = None
    observer: Observer | None = None
    environment: Mapping[str, str]

    def chosen(self, stored: str = "process") -> Executor:
        """The executor; `stored` is the one of the run so far. Raises `ExecutorError`."""
        wanted = self.executor or stored
        return executor_named(wanted) if isinstance(wanted, str) else wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What is known from runners before: the ledger to go on from, and the records that the store
    has; attempts whose ends the ledger may not know, by step; and how many ends are known."""

    ledger: Ledger = field(default_factory=Ledger)
    written: Sequence[StepRecord | None] = ()
    attempts: Mapping[int, Sequence[Attempt]] = field(default_factory=dict)
    ends: int = 0


NOTHING_BEFORE = Before()


class Session:
    """A run that this program runs. Made by `prepare` and `reopen`."""

    def __init__(
        self,
        store: Store,
        run: StoredRun,
        lock: RunLock,
        how: How,
        *,
        flow: CompiledFlow,
        document: Mapping[str, Any],
        values: Mapping[str, str],
        before: Before = NOTHING_BEFORE,
    ) -> None:
        info = run.info
        self.name, self.id = info.name, info.id
        self._environment = how.environment
        self._store, self._lock, self._created = store, lock, info.created
        executor = how.chosen(info.executor)
        sources = collect_sources(flow, values)
        with said(store.home):
            self.workdir = create_workdir(info.workdir)
            path = with_own_command(how.environment.get("PATH", ""), self.workdir)
            variables = {**how.environment, MARK: self.id, "PATH": path}
        environment = {os.fsencode(k): os.fsencode(v) for k, v in variables.items()}
        self.clock = clock = steady_clock()
        width = how.parallelism or info.parallelism or available_cores()
        width = width if executor.width is None else min(width, executor.width)
        self._journal = Journal(
            store,
            run.number,
            flow,
            self.workdir,
            clock,
            written=before.written,
            ends=before.ends,
        )
        self._watchdog = Watchdog(self.id, lock)
        host = Host(self._watchdog, Meter(), Cgroups.find())
        self._runner = LocalRunner(
            flow,
            document,
            executor=executor,
            around=Surroundings(self.workdir, sources, host, width, environment),
            journal=self._journal,
            clock=clock,
            approver=how.approver,
            parallelism=width,
            observer=how.observer,
            measured=earlier_measures(flow, store.home / "runs"),
            ledger=before.ledger,
            attempts=before.attempts,
        )
        self._document = document
        self._orders = Orders(store, run, self._changed)

    @property
    def flow(self) -> CompiledFlow:
        """The flow as it is run."""
        return self._runner.flow

    @property
    def ledger(self) -> Ledger:
        """What is decided so far."""
        return self._runner.ledger

    async def run(self) -> Outcome:
        """Run it to its end; nothing of it runs afterwards."""
        home, environment = self._store.home, self._environment
        try:
            async with recording(home, environment) as archived:
                with self._watchdog:
                    self._orders.start()
                    try:
                        ledger = await self._runner.run()
                    finally:
                        self._orders.end()
        finally:
            self.close()
        return Outcome(
            name=self.name,
            id=self.id,
            flow=self.flow,
            ledger=ledger,
            workdir=self.workdir,
            home=self._store.home,
            problem=self._journal.problem,
            unarchived=archived.problem,
        )

    def stop(self, words: str) -> None:
        """End it: what runs gets its grace period, then exit handlers run."""
        self._runner.stop(words)

    def terminate(self, words: str) -> None:
        """End everything that runs at once."""
        self._runner.terminate(words)

    def close(self) -> None:
        """Give the run back; only needed when it is not run. Safe to repeat."""
        self._store.close()
        self._lock.give_back()

    def _changed(self, document: dict[str, Any]) -> None:
        before, self._document = self._document, document
        same = before["spec"] == document["spec"]
        self._runner.follow(document, None if same else compile_checked(document, self._created))
