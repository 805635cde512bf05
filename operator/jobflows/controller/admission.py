"""Limits that flows share: attempts alive at once, of the operator and of a namespace, and locks.

What is taken is what is seen to be alive, flow by flow: `count` is told after every event and sets
it anew. Nothing is acquired or released, so nothing can leak, and a restart finds the same. A flow
that is planned asks for its `share`; what it starts counts before anybody else asks, because
nothing is awaited in between. So a limit is never exceeded.

Flows that wait stand in two lines, for slots and for locks, by priority and then by turn. One that
was served goes to the end of its priority, so that 10,000 ready steps of one flow do not starve
three of another. What is free belongs to those in front, also before they have come for it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby

from jobflows.controller.sightings import Sightings
from jobflows.engine import CompiledFlow, LockUse, Plan, Reason, StartAttempt

NO_LIMIT = 1 << 40

Want = tuple[tuple[str, int], ...]
"""Locks that a step needs together, each with its limit."""


@dataclass(frozen=True, slots=True)
class _Held:
    """What one flow has taken."""

    namespace: str
    slots: int
    locks: Mapping[str, LockUse]


@dataclass(frozen=True, slots=True)
class _Ticket:
    """What one flow waits for: so many slots, or locks.

    `wants` are the sets of locks that single steps wait for, and `locks` is all of it together.
    """

    uid: str
    namespace: str
    priority: int
    slots: int = 0
    wants: Mapping[Want, int] = field(default_factory=dict)
    locks: Mapping[str, LockUse] = field(default_factory=dict)

    @property
    def waits(self) -> bool:
        return self.slots > 0 or bool(self.locks)


class _Line:
    """Tickets by priority, then by turn: a ticket that stays what it is keeps its turn."""

    def __init__(self) -> None:
        self.tickets: dict[str, _Ticket] = {}

    def put(self, ticket: _Ticket, *, served: bool) -> bool:
        """Let a flow wait for this, or for nothing; whether that changes the line."""
        known = self.tickets.get(ticket.uid)
        if not served and known == (ticket if ticket.waits else None):
            return False
        if served or not ticket.waits:
            self.tickets.pop(ticket.uid, None)
        if ticket.waits:
            self.tickets[ticket.uid] = ticket
        return True

    def with_asker(self, asker: _Ticket | None) -> list[_Ticket]:
        """The line with this ticket in its place, or at the end of its priority."""
        tickets = self.tickets if asker is None else {**self.tickets, asker.uid: asker}
        return sorted(tickets.values(), key=lambda ticket: -ticket.priority)


class Admission:
    """`limit` and `per_namespace` are 0 without a limit; no plan starts more than `most`.

    `wake` is told of flows that wait and may go on.
    """

    def __init__(
        self, limit: int, per_namespace: int, *, wake: Callable[[str], None], most: int
    ) -> None:
        self._limit = limit
        self._per_namespace = per_namespace
        self._wake = wake
        self._most = most
        self._held: dict[str, _Held] = {}
        self._alive: Counter[str] = Counter()
        self._total = 0
        self._holders: dict[tuple[str, str], dict[str, LockUse]] = {}
        self._for_slots = _Line()
        self._for_locks = _Line()
        self._offering = False
        self._turn = 0
        self._asked: dict[str, int] = {}

    # what is taken -----------------------------------------------------------------------------

    def count(self, uid: str, namespace: str, seen: Sightings) -> None:
        """Something of a flow may have started or ended."""
        old = self._held.get(uid, _NOTHING)
        if seen.room == old.slots and not (seen.is_locking or old.locks):
            return  # most events, most flows
        new = _Held(namespace, seen.room, seen.locks)
        if new == old:
            return
        if new.slots or new.locks:
            self._held[uid] = new
        else:
            self._held.pop(uid, None)
        self._total += new.slots - old.slots
        self._alive[namespace] += new.slots - old.slots
        for name in old.locks.keys() - new.locks.keys():
            holders = self._holders[namespace, name]
            del holders[uid]
            if not holders:
                del self._holders[namespace, name]
        for name, use in new.locks.items():
            self._holders.setdefault((namespace, name), {})[uid] = use
        if new.slots < old.slots or new.locks != old.locks:
            self._offer_soon()

    # what a plan may take ----------------------------------------------------------------------

    def share(self, flow: CompiledFlow) -> int | None:
        """How many tasks this flow may start now; None without a limit."""
        if not self._limit and not self._per_namespace:
            return None
        free = min(self._free(), self._free_in(flow.namespace))
        if free <= 0 or not self._for_slots.tickets:
            return max(0, free)
        asker = _ticket(flow, slots=self._most)
        return self._shares(asker).get(flow.uid, 0)

    def locks(self, flow: CompiledFlow) -> Mapping[str, LockUse]:
        """What others hold of the locks of this flow, and what is for those in front of it."""
        uses: dict[str, LockUse] = {}

        def add(name: str, use: LockUse) -> None:
            uses[name] = uses.get(name, LockUse(0, use.limit)).and_also(use.taken, use.limit)

        for name in flow.lock_names:
            for uid, use in self._holders.get((flow.namespace, name), {}).items():
                if uid != flow.uid:
                    add(name, use)
        if flow.lock_names and self._for_locks.tickets:
            for ticket in self._for_locks.with_asker(self._asking_for_locks(flow)):
                if ticket.uid == flow.uid:
                    break
                if ticket.namespace == flow.namespace:
                    for name in flow.lock_names & ticket.locks.keys():
                        add(name, ticket.locks[name])
        return uses

    def note(self, flow: CompiledFlow, answer: Plan, *, held_up: bool) -> None:
        """Take in what a plan starts, and what of it waits.

        A flow that is `held_up` by something else waits for nothing here: what it cannot use goes
        to the next one.
        """
        waits = answer.waits
        starts = [flow.steps[a.step] for a in answer.actions if isinstance(a, StartAttempt)]
        slots, wants = 0, Counter[Want]()
        if waits.rest is not None and waits.rest.reason is Reason.QUOTA and not held_up:
            slots = waits.others
        for step, waiting in waits.steps.items() if not held_up else ():
            if waiting.reason is Reason.LOCK:
                wants[tuple(flow.steps[step].locks.items())] += 1
        for queue in waits.queues.values() if not held_up else ():
            if queue.waiting.reason is Reason.LOCK:
                wants[tuple(flow.steps[queue.first].locks.items())] += queue.length
        took_locks = any(step.locks for step in starts)
        changed = self._for_slots.put(_ticket(flow, slots=slots), served=bool(starts))
        changed |= self._for_locks.put(_ticket(flow, wants=wants), served=took_locks)
        if changed:
            self._offer_soon()
        self._asked[flow.uid] = self._turn

    def leave(self, uid: str) -> None:
        """A flow waits for nothing any more."""
        for line in (self._for_slots, self._for_locks):
            if line.tickets.pop(uid, None) is not None:
                self._offer_soon()
        self._asked.pop(uid, None)

    # who is next -------------------------------------------------------------------------------

    def _offer_soon(self) -> None:
        """Wake who may go on, once for all that happens in this turn of the event loop.

        A flow that has asked since the last change knows, and is not woken again for it.
        """
        self._turn += 1
        waiting = self._for_slots.tickets or self._for_locks.tickets
        if waiting and not self._offering:
            self._offering = True
            asyncio.get_running_loop().call_soon(self._offer)

    def _offer(self) -> None:
        self._offering = False
        for uid in (*self._shares(None), *self._next_for_locks()):
            if self._asked.get(uid) != self._turn:
                self._asked[uid] = self._turn
                self._wake(uid)

    def _shares(self, asker: _Ticket | None) -> Mapping[str, int]:
        """Deal out what is free, one slot a turn, the highest priority first."""
        shares: Counter[str] = Counter()
        free = self._free()
        rooms: dict[str, int] = {}
        line = self._for_slots.with_asker(asker) if free > 0 else []
        for _, group in groupby(line, key=lambda ticket: ticket.priority):
            hungry = list(group)
            while hungry and free > 0:
                still = []
                for ticket in hungry:
                    room = rooms.setdefault(ticket.namespace, self._free_in(ticket.namespace))
                    if room <= 0 or free <= 0:
                        continue
                    shares[ticket.uid] += 1
                    free -= 1
                    rooms[ticket.namespace] -= 1
                    if shares[ticket.uid] < min(ticket.slots, self._most):
                        still.append(ticket)
                hungry = still
        return shares

    def _next_for_locks(self) -> Iterator[str]:
        """Those in line who find a lock that they wait for free, after those in front of them."""
        uses: dict[tuple[str, str], LockUse] = {}
        for ticket in self._for_locks.with_asker(None):
            free: set[str] = set()
            for name, wanted in ticket.locks.items():
                key = (ticket.namespace, name)
                use = uses.get(key) or self._use(key, wanted.limit)
                if use.taken < min(use.limit, wanted.limit):
                    free.add(name)
                uses[key] = use.and_also(wanted.taken, wanted.limit)
            if any(all(name in free for name, _ in want) for want in ticket.wants):
                yield ticket.uid

    def _use(self, key: tuple[str, str], limit: int) -> LockUse:
        use = LockUse(0, limit)
        for held in self._holders.get(key, {}).values():
            use = use.and_also(held.taken, held.limit)
        return use

    def _asking_for_locks(self, flow: CompiledFlow) -> _Ticket:
        known = self._for_locks.tickets.get(flow.uid)
        return replace(known or _ticket(flow), priority=flow.policy.priority or 0)

    def _free(self) -> int:
        return self._limit - self._total if self._limit else NO_LIMIT

    def _free_in(self, namespace: str) -> int:
        limit = self._per_namespace
        return limit - self._alive[namespace] if limit else NO_LIMIT

    # for metrics -------------------------------------------------------------------------------

    def in_use(self) -> Mapping[str, int]:
        """Attempts alive by namespace."""
        return dict(self._alive)

    def limits(self) -> Mapping[str, int]:
        """The limits by scope; those that are not set are missing."""
        limits = {"operator": self._limit, "namespace": self._per_namespace}
        return {scope: limit for scope, limit in limits.items() if limit}

    def waiting(self) -> Mapping[tuple[str, str], int]:
        """Flows that wait, by namespace and reason."""
        lines = ((Reason.QUOTA, self._for_slots), (Reason.LOCK, self._for_locks))
        return Counter(
            (ticket.namespace, str(reason))
            for reason, line in lines
            for ticket in list(line.tickets.values())
        )


_NOTHING = _Held("", 0, {})


def _ticket(
    flow: CompiledFlow, *, slots: int = 0, wants: Mapping[Want, int] | None = None
) -> _Ticket:
    wants = wants or {}
    locks: dict[str, LockUse] = {}
    for want, steps in wants.items():
        for name, limit in want:
            locks[name] = locks.get(name, LockUse(0, limit)).and_also(steps, limit)
    return _Ticket(flow.uid, flow.namespace, flow.policy.priority or 0, slots, wants, locks)
