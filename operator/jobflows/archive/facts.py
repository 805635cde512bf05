"""What can be written down: one value for each row, with the version that orders it.

Whoever watches makes facts, in any order and as often as it likes; `writing.py` makes rows of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

from jobflows.archive.models import NO_TASK
from jobflows.engine.indexes import EMPTY, IndexSet
from jobflows.usage.samples import SAMPLED

LOCAL = "local"
"""`origin` of what ran on one machine."""

UNNUMBERED = 0
"""`attempt` of a task of which nobody knows the attempt's number."""

_SHIFT = 56


class Known(IntEnum):
    """How much a source tells of an attempt; who tells more is believed, whoever came last."""

    RUNNING = 0
    LOST = 1
    STATUS = 2
    JOB = 3
    POD = 4
    POD_AND_LOG = 5

    def at(self, version: int) -> int:
        """A version of an attempt: first how much is known, then when it was seen."""
        return self << _SHIFT | version


class MeasuredBy(StrEnum):
    """Who measured what an attempt used. The runtime misses nothing, samples miss short peaks."""

    NOBODY = ""
    METRICS = SAMPLED
    RUNTIME = "runtime"


@dataclass(frozen=True, slots=True, kw_only=True)
class KindOf:
    """What attempts are compared with."""

    origin: str
    namespace: str
    family: str
    name: str

    @property
    def id(self) -> str:
        """The same for what is comparable."""
        words = "\0".join((self.origin, self.namespace, self.family, self.name))
        return hashlib.blake2b(words.encode(errors="replace"), digest_size=10).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFact:
    """An attempt as one source tells it; columns as in `models.Attempt`."""

    flow_id: str
    step: str
    attempt: int
    task: int = NO_TASK
    kind: KindOf
    version: int
    run: int = 1
    phase: str = "Running"
    cause: str = ""
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    started: float | None = None
    finished: float | None = None
    pod: str = ""
    node: str = ""
    memory: int | None = None
    memory_request: int | None = None
    cpu: int | None = None
    peak_memory: int | None = None
    cpu_seconds: float | None = None
    measured_by: str = MeasuredBy.NOBODY
    log_tail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowFact:
    """A flow, its newest run and the steps of that run; rows by the columns' names."""

    flow: Mapping[str, Any]
    run: Mapping[str, Any]
    steps: Sequence[Mapping[str, Any]] = ()
    chunkings: Sequence[Mapping[str, Any]] = ()
    kinds: Sequence[KindOf] = ()
    document: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TasksFact:
    """How tasks of an array ended, when no pod could be asked: a Job or a status counts them.

    Only tasks of which no end is in the archive become rows. `attempt` is `UNNUMBERED` when nobody
    knows in which they ended; such a row goes when one with a number comes. The words are of those
    that failed.
    """

    flow_id: str
    step: str
    attempt: int
    kind: KindOf
    version: int
    run: int
    succeeded: IndexSet = EMPTY
    failed: IndexSet = EMPTY
    cause: str = ""
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class GoneFact:
    """A flow was seen to be gone."""

    flow_id: str
    at: float


Fact = AttemptFact | FlowFact | TasksFact | GoneFact
