"""Flows as the archive wants them: compiled once a generation, told in what has changed.

A flow that the validator rejects, or whose status somebody has spoilt, has no steps to tell of; its
head is what its status says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from jobflows.api.model import CREATED_BY, JobFlow
from jobflows.api.validation import check
from jobflows.archive import Fact, FlowFact, KindOf, TasksFact
from jobflows.archive.deriving import (
    Identity,
    attempts_of_ledger,
    document_row,
    flow_fact,
    flow_row,
    kinds_of,
    tasks_of_ledger,
)
from jobflows.engine import CompiledFlow, StepRecord, UnreadableStatusError, read_status
from jobflows.engine.times import parse_rfc3339
from jobflows.manifests.records import FlowRecord, Meta


@dataclass(slots=True)
class Known:
    """What is remembered of a flow: `kinds` by step, its newest run, and what is written of it.

    `described` is the metadata of its document as it was written. `counted` is what only its status
    tells of tasks, once it has ended.
    """

    namespace: str
    kinds: Mapping[str, KindOf] = field(default_factory=dict)
    run: int = 1
    generation: int = -1
    flow: CompiledFlow | None = None
    written: Sequence[StepRecord] = ()
    described: Meta | None = None
    ended: bool = False
    counted: Sequence[TasksFact] = ()


class Flows:
    """What is known of flows by UID. `origin` names the cluster."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self.known: dict[str, Known] = {}

    def tell(self, record: FlowRecord) -> Iterator[Fact]:
        """What is new of a flow. `written` says that it has been written down."""
        meta = record.metadata
        known = self.known.setdefault(meta.uid, Known(meta.namespace))
        who = self._identity(record)
        if known.generation != meta.generation:
            self._compile(known, record, who)
        if known.flow is None:
            yield self._head(known, record, who)
            return
        try:
            ledger = read_status(known.flow, record.decoded_status())
        except UnreadableStatusError:  # the operator says so on the flow
            yield self._head(known, record, who)
            return
        if ledger.resume.run != known.run:
            known.run, known.written = ledger.resume.run, ()
        before = known.written
        document = None if _is_described(known, meta) else record.document()
        known.described = meta
        yield flow_fact(known.flow, ledger, who, document, known=before)
        yield from attempts_of_ledger(known.flow, ledger, who, known=before)
        known.ended = ledger.phase.terminal
        # Of what has ended nothing more is expected, and most flows of a cluster have.
        known.written = () if known.ended else ledger.steps
        known.counted = ()
        if known.ended:
            known.counted = [*tasks_of_ledger(known.flow, ledger, who)]
            known.flow, known.generation, known.described = None, -1, None

    def _identity(self, record: FlowRecord) -> Identity:
        meta = record.metadata
        return Identity(
            id=meta.uid,
            origin=self._origin,
            namespace=meta.namespace,
            name=meta.name,
            family=meta.generateName.rstrip("-") or meta.name,
            created=parse_rfc3339(meta.creationTimestamp) or 0.0,
            version=int(meta.resourceVersion),
            created_by=meta.annotations.get(CREATED_BY, ""),
        )

    def _compile(self, known: Known, record: FlowRecord, who: Identity) -> None:
        document = record.document()
        checked = check(document)
        known.generation, known.written = record.metadata.generation, ()
        known.flow = None
        if checked.flow is not None and not checked.problems:
            model = JobFlow.model_validate(document)
            known.flow = CompiledFlow.compile(model, created=who.created)
            known.kinds = kinds_of(known.flow, who)

    def _head(self, known: Known, record: FlowRecord, who: Identity) -> FlowFact:
        status = record.decoded_status()
        known.run = (status.get("resume") or {}).get("run") or 1
        stands = {
            "phase": status.get("phase") or "Pending",
            "reason": status.get("reason") or "",
            "message": status.get("message") or "",
            "started": parse_rfc3339(status.get("startTime")),
            "finished": parse_rfc3339(status.get("completionTime")),
            "completed": (status.get("progress") or {}).get("completedSteps") or 0,
            "total": (status.get("progress") or {}).get("totalSteps") or 0,
        }
        known.ended = stands["phase"] in ("Succeeded", "Failed")
        return FlowFact(
            flow=flow_row(who, known.run, stands),
            run={"flow_id": who.id, "run": known.run, "version": who.version, **stands},
            document=document_row(who, record.document()),
        )


def _is_described(known: Known, meta: Meta) -> bool:
    """Whether the document that was written is still true; labels are no new generation."""
    was = known.described
    return was is not None and (was.generation, was.labels, was.annotations) == (
        meta.generation,
        meta.labels,
        meta.annotations,
    )
