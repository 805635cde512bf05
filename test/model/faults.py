"""What can go wrong between a client and the server, decided call by call.

`server.faults` is asked before each call (`on_call`) and before each watch event (`on_event`) and
may answer with a fault. Two are given here: `Rules`, for "the second create of a Job fails", and
`RandomFaults`, for seeded simulations. Times are virtual seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from random import Random
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `count` numbers the calls of this client, verb and resource from 1."""

    client: str
    verb: str  # get, list, watch, create, update, patch, delete, deletecollection
    resource: str  # jobs, jobs/status
    namespace: str
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """One watch event on its way. `count` numbers the events of this client and resource."""

    client: str
    resource: str
    type: str  # ADDED, MODIFIED, DELETED, BOOKMARK
    namespace: str
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to a call.

    `status` answers with that code and without effect (429 and 503 may carry `retry_after`).
    `lost` raises `TransportError` "before" the server saw the call or "after" it had its effect.
    `delay` passes before the effect, `delay_answer` between effect and answer.
    """

    status: int | None = None
    retry_after: float | None = None
    lost: Literal["before", "after"] | None = None
    delay: float = 0.0
    delay_answer: float = 0.0


@dataclass(frozen=True, slots=True)
class WatchFault:
    """What happens to a watch at one event.

    `cut` ends the stream instead of the event, by a broken connection or by an orderly end; `gone`
    sends ERROR 410 instead. `delay` holds this event and those behind it; `duplicate` sends it
    twice.
    """

    cut: Literal["error", "end"] | None = None
    gone: bool = False
    delay: float = 0.0
    duplicate: bool = False


class FaultPolicy(Protocol):
    """Asked in the order in which things happen, so a policy with a seed repeats."""

    def on_call(self, call: Call) -> Fault | None: ...

    def on_event(self, delivery: Delivery) -> WatchFault | None: ...


class NoFaults:
    """A network as tests of other things want it."""

    def on_call(self, call: Call) -> Fault | None:
        return None

    def on_event(self, delivery: Delivery) -> WatchFault | None:
        return None


@dataclass(slots=True)
class _Rule:
    fault: Fault | None
    watch_fault: WatchFault | None
    client: str | None
    verb: str | None
    resource: str | None
    name: str | None
    nth: Collection[int] | None
    when: Callable[[Call | Delivery], bool] | None
    seen: int = 0

    def hits(self, what: Call | Delivery) -> bool:
        verb = what.verb if isinstance(what, Call) else what.type
        wanted = (self.client, self.verb, self.resource, self.name)
        facts = (what.client, verb, what.resource, what.name)
        if any(w is not None and w != f for w, f in zip(wanted, facts, strict=True)):
            return False
        if self.when is not None and not self.when(what):
            return False
        self.seen += 1
        return self.nth is None or self.seen in self.nth


@dataclass(slots=True)
class Rules:
    """Faults by rule; the first rule that fits decides.

    server.faults = Rules().on(Fault(lost="after"), verb="create", resource="jobs", nth=[1])
    """

    _calls: list[_Rule] = field(default_factory=list)
    _events: list[_Rule] = field(default_factory=list)

    def on(
        self,
        fault: Fault | WatchFault,
        *,
        client: str | None = None,
        verb: str | None = None,
        resource: str | None = None,
        name: str | None = None,
        nth: Collection[int] | None = None,
        when: Callable[[Call | Delivery], bool] | None = None,
    ) -> Rules:
        """Add a rule. `nth` counts, from 1, what fits the rest of the rule; None is each time.

        For a `WatchFault` `verb` is the event's type.
        """
        if isinstance(fault, Fault):
            self._calls.append(_Rule(fault, None, client, verb, resource, name, nth, when))
        else:
            self._events.append(_Rule(None, fault, client, verb, resource, name, nth, when))
        return self

    def on_call(self, call: Call) -> Fault | None:
        return next((rule.fault for rule in self._calls if rule.hits(call)), None)

    def on_event(self, delivery: Delivery) -> WatchFault | None:
        return next((rule.watch_fault for rule in self._events if rule.hits(delivery)), None)


@dataclass(slots=True)
class RandomFaults:
    """A bad network by chance: `rate` of calls and of events suffer one of the faults."""

    random: Random
    rate: float = 0.05
    longest_delay: float = 5.0

    def on_call(self, call: Call) -> Fault | None:
        if self.random.random() >= self.rate:
            return None
        delay = self.random.uniform(0.0, self.longest_delay)
        return self.random.choice(
            (
                Fault(status=500),
                Fault(status=503, retry_after=1.0),
                Fault(status=429, retry_after=1.0),
                Fault(lost="before"),
                Fault(lost="after"),
                Fault(delay=delay),
                Fault(delay_answer=delay),
            )
        )

    def on_event(self, delivery: Delivery) -> WatchFault | None:
        if self.random.random() >= self.rate:
            return None
        return self.random.choice(
            (
                WatchFault(cut="error"),
                WatchFault(cut="end"),
                WatchFault(gone=True),
                WatchFault(delay=self.random.uniform(0.0, self.longest_delay)),
                WatchFault(duplicate=True),
            )
        )
