"""Limits: how many tasks may run at once, and who may hold a lock.

All of it is counted from what is seen to be live, in every plan anew. Nothing is acquired, so
nothing can leak: an attempt that ends, vanishes or was never created has no room taken by the time
anybody looks. Lowering a limit therefore stops nothing, and raising it needs no repair.

Limits count tasks (`room_taken`), so that one Job of many tasks counts as many.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from jobflows.engine.flow import CompiledStep
from jobflows.engine.ledger import Reason
from jobflows.engine.observations import Attempt, LockUse
from jobflows.engine.plan import Waiting

if TYPE_CHECKING:
    from jobflows.engine.draft import Draft


def room_taken(attempt: Attempt) -> int:
    """How many tasks an attempt counts as: of a batch, those that are not known to be gone."""
    if not attempt.counts:
        return 0
    if not attempt.tasks:
        return 1
    return len(attempt.held)


def lock_uses(attempts: Iterable[Attempt]) -> dict[str, LockUse]:
    """What these attempts hold, by lock."""
    uses: dict[str, LockUse] = {}
    for attempt in attempts:
        tasks = room_taken(attempt)
        if tasks:
            for name, limit in attempt.locks.items():
                uses[name] = uses.get(name, LockUse(0, limit)).and_also(tasks, limit)
    return uses


class Room:
    """What one plan may still start; every start takes its share."""

    def __init__(self, draft: Draft) -> None:
        flow, seen = draft.flow, draft.seen
        self.window = seen.window
        self._parallelism = flow.policy.parallelism
        self._free: int | None = None
        self._quota = seen.quota
        self._refused: dict[tuple[str | None, tuple[tuple[str, int], ...]], Waiting] = {}
        self._templates = _free_by_template(draft)
        self._locks: dict[str, LockUse] = {}
        if self._parallelism is not None:
            held = sum(draft.frontier.holding.values()) + sum(map(room_taken, seen.strays))
            self._free = self._parallelism - held
        if flow.lock_names:
            self._locks = lock_uses(_live(draft))
            for name, use in seen.locks.items():
                mine = self._locks.get(name, LockUse(0, use.limit))
                self._locks[name] = mine.and_also(use.taken, use.limit)

    @property
    def shut(self) -> Waiting | None:
        """Why no task of any step may start."""
        if self._free is not None and self._free <= 0:
            words = f"executionPolicy.parallelism lets {self._parallelism} tasks run at once"
            return Waiting(Reason.PARALLELISM, words)
        if self._quota is not None and self._quota <= 0:
            return Waiting(Reason.QUOTA, "the operator's limit of Jobs at once is reached")
        return None

    @property
    def is_over(self) -> bool:
        """Whether this plan has started as much as one plan may."""
        return self.window is not None and self.window <= 0

    def refuses(self, step: CompiledStep, *, again: bool) -> Waiting | None:
        """Why no task of this step may start; `again` if what it takes is counted already."""
        wants = (step.spec.template_ref, tuple(step.locks.items()))
        if not again and wants in self._refused:  # room only shrinks while a plan is made
            return self._refused[wants]
        more = 0 if again else 1
        shut = self.shut if not again or (self._free is not None and self._free < 0) else None
        waiting = shut or self._full(step, more) or self._locked(step, more)
        if waiting is not None and not again:
            self._refused[wants] = waiting
        return waiting

    def cut(self, step: CompiledStep, tasks: int) -> int:
        """How many of so many tasks of this step may start together."""
        free = [tasks]
        free += [n for n in (self._free, self._quota) if n is not None]
        if step.spec.template_ref in self._templates:
            free.append(self._templates[step.spec.template_ref])
        for name, limit in step.locks.items():
            use = self._locks.get(name, LockUse(0, limit))
            free.append(min(limit, use.limit) - use.taken)
        return max(0, min(free))

    def ceiling(self, step: CompiledStep, tasks: int) -> int:
        """The same if nothing else ran, as far as this flow knows."""
        limits = [tasks, *step.locks.values()]
        if self._parallelism is not None:
            limits.append(self._parallelism)
        return min(limits)

    def take(self, step: CompiledStep, tasks: int = 1, *, again: bool = False) -> None:
        """An attempt of this step is started, for so many tasks."""
        if self.window is not None:
            self.window -= 1
        if again:
            return
        if self._free is not None:
            self._free -= tasks
        if self._quota is not None:
            self._quota -= tasks
        template = step.spec.template_ref
        if template in self._templates:
            self._templates[template] -= tasks
        for name, limit in step.locks.items():
            self._locks[name] = self._locks.get(name, LockUse(0, limit)).and_also(tasks, limit)

    def _full(self, step: CompiledStep, more: int) -> Waiting | None:
        name = step.spec.template_ref
        free = self._templates.get(name) if name is not None else None
        if free is None or free >= more:
            return None
        return Waiting(Reason.PARALLELISM, f"parallelism of template {name} is reached")

    def _locked(self, step: CompiledStep, more: int) -> Waiting | None:
        for name, limit in step.locks.items():
            use = self._locks.get(name)
            if use is not None and use.taken + more > min(limit, use.limit):
                words = f"waits for lock {name} of limit {limit}"
                if use.limit < limit:
                    lower = f"{words}, and others state {use.limit}"
                    return Waiting(Reason.LOCK, lower, _cut_wish(name, limit, use.limit))
                return Waiting(Reason.LOCK, words)
        return None


def _cut_wish(name: str, wish: int, limit: int) -> str:
    return (
        f"lock {name}: this flow states limit {wish}, others state {limit}, and the smaller "
        "counts; write the same limit in all flows"
    )


def _live(draft: Draft) -> Iterator[Attempt]:
    for step in draft.frontier.holding:
        yield from draft.attempts(step)
    yield from draft.seen.strays


def _free_by_template(draft: Draft) -> dict[str, int]:
    """How many tasks the steps of each template may still start; only of those with a limit."""
    templates, steps = draft.flow.templates.items(), draft.flow.steps
    free = {name: t.parallelism for name, t in templates if t.parallelism is not None}
    if free:
        for step, tasks in draft.frontier.holding.items():
            name = steps[step].spec.template_ref
            if name in free:
                free[name] -= tasks
    return free
