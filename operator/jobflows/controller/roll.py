"""Who has which shard, as told by the Leases of all replicas.

Each shard is a Lease, and where there are several each replica also has one as a member. This
reads them, and clears those of the dead; who takes and serves a shard is the replica.
"""

from __future__ import annotations

from collections.abc import Collection

from jobflows.api.model import GROUP
from jobflows.cluster.lease import LeaseRecord, Leases, lease_name
from jobflows.controller.shards import targets

LEASE = f"{GROUP}/lease"
"""Label of Leases: those of one name are about the same flows."""
COUNT = f"{GROUP}/shards"
"""Label of Leases: of how many shards this is one."""
ROLE = f"{GROUP}/role"
"""Label of Leases: a `shard`, or a `member`."""


class Roll:
    """The shards of `count`, and the replicas that share them. `name` begins the Leases' names."""

    def __init__(self, leases: Leases, name: str, count: int) -> None:
        self._leases = leases
        self._name = name
        self._count = count

    def place(self, number: int) -> str:
        """The name of a shard's Lease."""
        return f"{self._name}-{number}-of-{self._count}"

    @property
    def seat(self) -> str:
        """The name of this replica's own Lease as a member."""
        return lease_name(f"{self._name}-member", self._leases.identity)

    def marks(self, role: str) -> dict[str, str]:
        """The labels of a Lease that is to be taken."""
        return {ROLE: role, COUNT: str(self._count)}

    async def tidy(self) -> None:
        """Remove what the dead have left, for those who come later."""
        for record in self._leases:
            foreign = _count(record) != self._count
            ours = record.holder == self._leases.identity
            if _role(record) == "member" and not ours and self._leases.is_over(record):
                await self._leases.bury(record)
            elif _role(record) == "shard" and foreign and record.holder and self._is_over(record):
                await self._leases.clear(record)

    async def vacate(self, seats: Collection[int]) -> None:
        """Say of shards that are over and not in `seats` that nobody holds them.

        Whose share they are may be a newcomer, who has not seen for long enough that they are over.
        """
        for number in self.free(0, seats):
            record = self._leases.get(self.place(number))
            if record is not None and record.holder and self._leases.is_over(record):
                await self._leases.clear(record)

    def target(self, mine: int) -> int:
        """How many shards this replica should have; it has `mine`."""
        if self._count == 1:
            return 1
        me = self._leases.identity
        held = {me: mine}
        alive = [r for r in self._leases if _count(r) == self._count and not self._is_over(r)]
        for record in alive:
            if _role(record) == "member":
                held.setdefault(record.holder, 0)
        for record in alive:
            if _role(record) == "shard" and record.holder in held.keys() - {me}:
                held[record.holder] += 1
        return targets(held, self._count)[me]

    def free(self, first: int, seats: Collection[int]) -> list[int]:
        """The shards that nobody holds and that are not in `seats`, from the `first` round."""
        numbers = [(first + i) % self._count for i in range(self._count)]
        return [n for n in numbers if n not in seats and self._is_free(self.place(n))]

    def lost(self, number: int) -> bool:
        """Whether a shard that this replica took is known to be another's by now."""
        record = self._leases.get(self.place(number))
        return record is not None and record.holder not in ("", self._leases.identity)

    def others(self) -> set[int]:
        """The numbers of shards that others are at work with, if not ours."""
        return {
            _count(record)
            for record in self._leases
            if _role(record) == "shard" and not self._is_over(record)
        } - {self._count}

    def gives_way(self) -> bool:
        """Whether others are at work with a lesser number of shards."""
        return any(count < self._count for count in self.others())

    def _is_free(self, name: str) -> bool:
        record = self._leases.get(name)
        return record is None or self._is_over(record)

    def _is_over(self, record: LeaseRecord) -> bool:
        """Whether nobody holds it, or only this process in a former life."""
        ours = record.holder == self._leases.identity and _role(record) == "shard"
        return ours or self._leases.is_over(record)


def _role(record: LeaseRecord) -> str:
    return record.metadata.labels.get(ROLE, "")


def _count(record: LeaseRecord) -> int:
    """Of how many shards a Lease speaks; 0 if somebody has spoilt its labels."""
    said = record.metadata.labels.get(COUNT, "")
    return int(said) if said.isdecimal() else 0
