"""The tasks of an array step: what is decided about each, by sets of indexes.

100,000 tasks are a handful of sets. Only a task that failed and goes on has more to it than its
place in a set; tasks with the same history share one entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from jobflows.engine.growth import UNGROWN, Grown
from jobflows.engine.indexes import EMPTY, IndexSet, union
from jobflows.engine.ledger import UNSPENT, Spent


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What tasks have behind them that failed and are tried again, from `retry_at` on (UNIX s).

    `resources` are what their next attempt may use beyond the template: a task that was killed for
    want of memory gets more, and not the ten thousand beside it.
    """

    spent: Spent = UNSPENT
    resources: Grown = UNGROWN
    retry_at: float | None = None


NEW = History()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tasks:
    """Each index below `total` is in `succeeded`, `failed`, `skipped`, in a batch, or waits.

    `batches` are live attempts by number, each with those of its tasks that are not done.
    `histories` are sets of tasks that have not succeeded by what they have behind them; a task
    without has nothing behind it. Of those that are final it is only what they had grown to.
    """

    total: int
    succeeded: IndexSet = EMPTY
    failed: IndexSet = EMPTY
    skipped: IndexSet = EMPTY
    batches: Mapping[int, IndexSet] = field(default_factory=dict)
    histories: Mapping[History, IndexSet] = field(default_factory=dict)

    @property
    def final(self) -> IndexSet:
        """Tasks that never run again."""
        return self.succeeded | self.failed | self.skipped

    @property
    def running(self) -> IndexSet:
        """Tasks that a live attempt has taken."""
        return union(self.batches.values())

    @property
    def waiting(self) -> IndexSet:
        """Tasks that are neither final nor taken."""
        return IndexSet.span(0, self.total) - self.final - self.running

    @property
    def is_done(self) -> bool:
        return len(self.final) == self.total

    def history_of(self, tasks: IndexSet) -> list[tuple[History, IndexSet]]:
        """`tasks` by what they have behind them; those with nothing come last."""
        found = [
            (h, common) for h, members in self.histories.items() if (common := members & tasks)
        ]
        new = tasks - union(members for _, members in found)
        return [*found, (NEW, new)] if new else found

    def ended(self, tasks: IndexSet) -> Mapping[History, IndexSet]:
        """The histories after `tasks` have ended, and not well: a resume starts with what they had.

        What their failures have cost is forgotten, the resources that they have come to are not.
        """
        rest = {h: left for h, old in self.histories.items() if (left := old - tasks)}
        for history, members in self.history_of(tasks):
            if history.resources != UNGROWN:
                grown = History(resources=history.resources)
                rest[grown] = rest.get(grown, EMPTY) | members
        return rest

    def together(self, history: History, early: float) -> History:
        """`history`, or one that differs only in a retry at most `early` seconds before."""
        assert history.retry_at is not None
        alike = (h for h in self.histories if replace(h, retry_at=history.retry_at) == history)
        times = [h.retry_at for h in alike if h.retry_at is not None]
        near = [at for at in times if history.retry_at - early <= at <= history.retry_at]
        return replace(history, retry_at=max(near, default=history.retry_at))

    def with_history(self, history: History, tasks: IndexSet) -> Mapping[History, IndexSet]:
        """The histories after `tasks` have got `history`; NEW takes theirs away."""
        rest = {h: left for h, old in self.histories.items() if (left := old - tasks)}
        if history != NEW:
            rest[history] = rest.get(history, EMPTY) | tasks
        return rest
