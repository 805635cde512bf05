"""What happened when, and who called what, read from the API server's own audit log.

No client can embellish it, and it says the same of every controller. A step *lags* for as long as
nothing kept it but the controller: from the moment when the last of its parents' pods ended, or its
flow was created, to the moment when the server received what starts it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from bench.audit import WRITES, AuditLog, Call
from load.controllers import Controller
from load.work import Work

STAND_IN = "admin"
"""Who finishes Jobs that have no pods."""


class _Status(msgspec.Struct):
    phase: str = ""


class _Pod(msgspec.Struct):
    status: _Status = msgspec.field(default_factory=_Status)


class Timeline:
    """Of the works of one run in one namespace. Times are UNIX seconds."""

    def __init__(self, controller: Controller, namespace: str, works: Iterable[Work]) -> None:
        self.controller = controller
        self._namespace = namespace
        self.works = list(works)
        self._steps = {f"{w.name}-{s}": (w.name, s) for w in self.works for s in w.dag}
        self.flows: dict[str, float] = {}
        self.begun: dict[tuple[str, str], float] = {}
        self.ended: dict[tuple[str, str], float] = {}
        self.calls: dict[str, Counter[str]] = {}
        """User -> `verb resource` -> calls, of all namespaces."""

    def read(self, log: AuditLog) -> None:
        """Take in what is new in the log."""
        creates = f"create {self.controller.creates.plural}"
        flow = f"create {self.controller.resource.plural}"
        for call in log.calls():
            if call.stage not in ("ResponseComplete", ""):
                continue
            what = call.what
            user = call.user.username.rpartition(":")[2]
            self.calls.setdefault(user, Counter())[what] += 1
            of = call.objectRef
            if of.namespace != self._namespace or call.responseStatus.code >= 300:
                continue
            if what == flow:
                self.flows[of.name] = _moment(call)
            elif what == creates:
                key = self._step_of(of.name, self.controller.tail)
                if key is not None:
                    self.begun.setdefault(key, _moment(call))
            elif of.resource == "pods" and of.subresource == "status":
                self._pod(call)
            elif what == "patch jobs/status" and user == STAND_IN:
                self._end(of.name, self.controller.tail, call)

    def _pod(self, call: Call) -> None:
        phase = msgspec.json.decode(call.requestObject, type=_Pod).status.phase
        if phase == "Succeeded":
            extra = 1 if self.controller.creates.plural == "jobs" else 0
            self._end(call.objectRef.name, self.controller.tail + extra, call)

    def _end(self, name: str, tail: int, call: Call) -> None:
        key = self._step_of(name, tail)
        if key is not None:
            self.ended[key] = max(self.ended.get(key, 0.0), _moment(call))

    def _step_of(self, name: str, tail: int) -> tuple[str, str] | None:
        return self._steps.get(name.rsplit("-", tail)[0])

    def lags(self) -> Iterator[float]:
        """Seconds of each step, of arrays none: their tasks end one by one."""
        for work in self.works:
            for step, needs in work.dag.items():
                begun = self.begun.get((work.name, step))
                ends = [self.ended.get((work.name, parent)) for parent in needs]
                free = self.flows.get(work.name) if not needs else _latest(ends)
                if begun is not None and free is not None and not work.array:
                    yield max(0.0, begun - free)

    def writes(self, user: str) -> Counter[str]:
        """What this user wrote, Leases apart: they follow time, not work."""
        found: Counter[str] = Counter()
        for name, calls in self.calls.items():
            if name.endswith(user.removeprefix(":")):
                found += Counter({w: n for w, n in calls.items() if w.split()[0] in WRITES})
        return Counter({w: n for w, n in found.items() if not w.endswith(" leases")})


def _latest(moments: list[float | None]) -> float | None:
    known = [moment for moment in moments if moment is not None]
    return max(known) if known and len(known) == len(moments) else None


def _moment(call: Call) -> float:
    return datetime.fromisoformat(call.requestReceivedTimestamp).timestamp()
