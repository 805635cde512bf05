"""Which flows belong together, and which replica works on them. Pure.

Every flow is in one of 64 buckets, for good: its `status` says which, and its Jobs and pods carry
it as a label, by which informers select on the server. With N shards, shard k has the buckets b
with b % N == k; so another N needs no new labels. Called by the operator of one shard, and by the
replica that decides which shards it takes. Rules:
- what shares a limit is in one bucket: flows with locks or a concurrency group go by their
  namespace, all others by their UID;
- who has which shard follows from the Leases alone, and all replicas come to the same answer.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import msgspec

from jobflows.controller.flowstate import FlowState
from jobflows.controller.glance import glance_policy
from jobflows.controller.settings import Settings
from jobflows.manifests import labels
from jobflows.manifests.records import FlowRecord

BUCKETS = 64


class _Stamp(msgspec.Struct):
    shard: int | None = None
    phase: str = ""


class _Step(msgspec.Struct):
    locks: list[msgspec.Raw] = []


class _Steps(msgspec.Struct, rename="camel"):
    steps: list[_Step] = []
    on_exit: list[_Step] = []


_decode_stamp = msgspec.json.Decoder(_Stamp).decode
_decode_steps = msgspec.json.Decoder(_Steps).decode


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` shards. `by_namespace` keeps the flows of a namespace together."""

    number: int = 0
    count: int = 1
    by_namespace: bool = False

    @classmethod
    def of(cls, settings: Settings, number: int = 0) -> Self:
        """The shard of an operator with these settings."""
        together = settings.max_concurrent_jobs_per_namespace > 0
        return cls(number, settings.shards, by_namespace=together)

    def has(self, record: FlowRecord) -> bool:
        """Whether a flow belongs to this shard."""
        return self.count == 1 or self._owns(self.bucket(record))

    def bucket(self, record: FlowRecord) -> int:
        """The bucket of a flow: as it is stamped, else as it will be.

        Flows that had begun before there were stamps are in the first, as are Jobs without a label.
        """
        try:
            stamp = _decode_stamp(record.status)
        except msgspec.DecodeError:
            stamp = _Stamp()
        if stamp.shard is not None:
            return stamp.shard % BUCKETS
        if stamp.phase:
            return 0
        meta = record.metadata
        together = self.by_namespace or _shares(record)
        return _hash(f"namespace/{meta.namespace}" if together else meta.uid)

    def stamp(self, state: FlowState) -> int:
        """The bucket of a flow that is worked on: it stays what it was when the flow was met."""
        if state.bucket is None:
            assert state.record is not None  # only live flows are stamped
            state.bucket = self.bucket(state.record)
        return state.bucket

    def keeps(self, state: FlowState) -> bool:
        """Whether a flow is here still, as far as it is known by now where its Jobs are."""
        return state.bucket is None or self._owns(state.bucket)

    @property
    def selector(self) -> str:
        """What selects Jobs and pods of this shard; those without a label go to the first."""
        if self.count == 1:
            return ""
        first = self.number == 0
        named = [str(b) for b in range(BUCKETS) if self._owns(b) is not first]
        return f"{labels.SHARD} {'notin' if first else 'in'} ({','.join(named)})"

    def share(self, limit: int) -> int:
        """The part of a limit of all flows that this shard may use; 0 is no limit."""
        return limit // self.count + (self.number < limit % self.count)

    def _owns(self, bucket: int) -> bool:
        return bucket % self.count == self.number


def targets(held: Mapping[str, int], shards: int) -> dict[str, int]:
    """How many shards each replica should have, by how many it has; they add up to all.

    Those who have more keep more, so that as few as possible change hands.
    """
    least, extra = divmod(shards, len(held))
    ranked = sorted(held, key=lambda who: (-held[who], who))
    return {who: least + (rank < extra) for rank, who in enumerate(ranked)}


def _hash(text: str) -> int:
    return zlib.crc32(text.encode()) % BUCKETS


def _shares(record: FlowRecord) -> bool:
    """Whether a flow may have to wait for others of its namespace."""
    if record.metadata.generateName or glance_policy(record).concurrency_group:
        return True
    if b'"locks"' not in bytes(record.spec):
        return False
    try:
        spec = _decode_steps(record.spec)
    except msgspec.DecodeError:
        return False
    return any(step.locks for step in (*spec.steps, *spec.on_exit))
