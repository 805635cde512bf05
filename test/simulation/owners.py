"""Who holds which shard, by the Leases in the storage, and who is able to work on it."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from jobflows.controller.shards import BUCKETS
from model import kind_of
from model.storage import Change
from simulation.fleet import Fleet
from unit.controller.processes import Process

LEASES = kind_of("leases")


class Owners:
    """`listeners` are told after each change of a holder, or of what keeps one from its work."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.count = fleet.plan.shards
        self.holders = [""] * self.count
        self.by = ""
        """Whose write changed a holder last."""
        self.listeners: list[Callable[[], None]] = []
        self.renewed = [0.0] * self.count
        self._able: dict[int, float] = {}
        self._came: dict[int, float] = {}
        self._sharing: dict[str, float] = {}
        fleet.server.storage.listeners.append(self._changed)
        fleet.changes.append(self._befell)

    def shard(self, bucket: int) -> int:
        return bucket % BUCKETS % self.count

    def member(self, name: str) -> Process | None:
        """The last process of this name."""
        return next((m for m in reversed(self.fleet.members) if m.name == name), None)

    def worker(self, shard: int) -> Process | None:
        """The process that holds a shard and can work on it."""
        member = self.member(self.holders[shard])
        return member if member is not None and self.since_when(member) else None

    @property
    def share_holders(self) -> int:
        """How many share the shards, or did a moment ago: it takes time until that is known."""
        now = self.fleet.server.clock.now()
        return max(sum(gone > now for gone in self._sharing.values()), 1)

    def since_when(self, member: Process) -> float:
        """Since when nothing keeps a process from its work; 0 if something does."""
        return self._able.get(id(member), 0.0)

    def undisturbed(self, member: Process) -> bool:
        """Whether nothing has kept a process from its work since it started."""
        return self.since_when(member) == self._came.get(id(member))

    def _changed(self, change: Change) -> None:
        if change.new.kind is not LEASES:
            return
        place = change.new.name.rpartition("-of-")[0].rpartition("-")[2]
        if not place.isdecimal():
            ends = self.fleet.server.clock.now() + self.fleet.plan.lease
            self._sharing[change.new.name] = ends if change.deleted else inf
            return
        holder = "" if change.deleted else change.new.obj["spec"].get("holderIdentity") or ""
        shard = int(place)
        if holder == self.holders[shard]:
            self.renewed[shard] = self.fleet.server.clock.now()
        else:
            self.holders[shard] = holder
            self.by = self.fleet.server.caller
            self.tell()

    def _befell(self, words: str) -> None:
        now, down = self.fleet.server.clock.now(), self.fleet.server.is_down
        for member in self.fleet.members:
            if member.able and not down:
                self._able.setdefault(id(member), now)
                self._came.setdefault(id(member), now)
            else:
                self._able.pop(id(member), None)
        self.tell()

    def tell(self) -> None:
        for listener in self.listeners:
            listener()
