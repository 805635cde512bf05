"""A flow's ledger -> facts. The same for runs of one machine and for flows of a cluster.

A ledger has the ends of the last ten failed attempts of each step, and how the newest one stands;
what pods and processes tell says more, and replaces it (`facts.Known`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from jobflows.archive.facts import (
    UNNUMBERED,
    AttemptFact,
    FlowFact,
    KindOf,
    Known,
    TasksFact,
)
from jobflows.engine import CompiledFlow, Ledger, StepPhase, StepRecord, write_step

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_KEPT = ("name", "namespace", "labels", "annotations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which flow it is, and when this was seen of it. `version` orders what is said of it."""

    id: str
    origin: str
    namespace: str
    name: str
    family: str
    created: float
    version: int
    created_by: str = ""


def kinds_of(flow: CompiledFlow, who: Identity) -> Mapping[str, KindOf]:
    """What each step is compared with: all that share its template in flows of its family."""
    return {
        step.name: KindOf(
            origin=who.origin,
            namespace=who.namespace,
            family=who.family,
            name=step.spec.template_ref or step.name,
        )
        for step in flow.steps
    }


def flow_row(who: Identity, run: int, stands: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row of a flow whose newest run stands so."""
    return {**asdict(who), "run": run, "deleted": None, **stands}


def flow_fact(
    flow: CompiledFlow,
    ledger: Ledger,
    who: Identity,
    document: Mapping[str, Any] | None,
    *,
    known: Sequence[StepRecord] = (),
) -> FlowFact:
    """The flow, its newest run, and its steps in that run, but those that are `known`.

    No document: it is known as well.
    """
    kinds = kinds_of(flow, who)
    names = flow.graph.names
    total = len(names) - len(flow.handlers)
    key = {"flow_id": who.id, "run": ledger.resume.run, "version": who.version}
    stands = {
        "phase": str(ledger.phase),
        "reason": str(ledger.reason),
        "message": ledger.message,
        "started": ledger.started,
        "finished": ledger.finished,
        "completed": sum(record.phase.terminal for record in ledger.steps[:total]),
        "total": total,
    }
    numbered = _news(names, ledger, known)
    return FlowFact(
        flow=flow_row(who, ledger.resume.run, stands),
        run=key | stands,
        steps=[
            key | _step(i, name, record, i in flow.handlers, kinds[name].id)
            for i, (name, record) in numbered
        ],
        chunkings=[
            key | {"step": name} | _chunking(record)
            for _, (name, record) in numbered
            if record.map is not None
        ],
        kinds=list({kind.id: kind for kind in kinds.values()}.values()),
        document=None if document is None else document_row(who, document),
    )


def document_row(who: Identity, document: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a document. Its version is the flow's: labels change without a new generation."""
    return {"flow_id": who.id, "document": json.dumps(_bare(document)), "version": who.version}


def _news(
    names: Sequence[str], ledger: Ledger, known: Sequence[StepRecord]
) -> list[tuple[int, tuple[str, StepRecord]]]:
    """The steps of which something else is true than was known."""
    found = list(enumerate(zip(names, ledger.steps, strict=True)))
    if len(known) != len(found):
        return found
    return [(i, step) for i, step in found if step[1] != known[i]]


def _step(
    position: int, name: str, record: StepRecord, on_exit: bool, kind_id: str
) -> dict[str, Any]:
    tasks = write_step(name, record).get("tasks") if record.tasks is not None else None
    return {
        "step": name,
        "position": position,
        "on_exit": on_exit,
        "kind_id": kind_id,
        "phase": str(record.phase),
        "reason": str(record.reason),
        "message": record.message,
        "started": record.started,
        "finished": record.finished,
        "attempts": record.attempt,
        "retries": record.spent.retries,
        "out_of_memory": record.spent.out_of_memory,
        "timeouts": record.spent.timeouts,
        "losses": record.spent.losses,
        "outputs": json.dumps(dict(record.outputs)),
        "tasks": "" if tasks is None else json.dumps(tasks),
    }


def _chunking(record: StepRecord) -> dict[str, Any]:
    """What was measured; what is zero there and cannot be is unknown."""
    assert record.map is not None
    found = record.map.measured
    counts = ("items", "done", "failed", "skipped", "deaths")
    measures = (
        *("workers", "claim_items", "seconds", "item_seconds", "cpu_seconds"),
        *("speedup", "predicted_speedup", "efficiency", "peak_memory"),
    )
    return {
        "function": record.map.function,
        "items_per_task": record.map.per_task or None,
        "reason": record.map.reason,
        "tasks": found.tasks if found is not None else 0,
        **{name: getattr(found, name, 0) for name in counts},
        **{name: getattr(found, name, None) or None for name in measures},
    }


def _bare(document: Mapping[str, Any]) -> dict[str, Any]:
    """A flow without its status and without what only the API server needs."""
    metadata = {key: value for key, value in document["metadata"].items() if key in _KEPT and value}
    notes = metadata.get("annotations")
    if notes:
        metadata["annotations"] = {k: v for k, v in notes.items() if k != _LAST_APPLIED}
    return {
        "apiVersion": document["apiVersion"],
        "kind": document["kind"],
        "metadata": metadata,
        "spec": document["spec"],
    }


_ENDED = {StepPhase.SUCCEEDED: "Succeeded", StepPhase.FAILED: "Failed"}


def attempts_of_ledger(
    flow: CompiledFlow, ledger: Ledger, who: Identity, *, known: Sequence[StepRecord] = ()
) -> Iterator[AttemptFact]:
    """The attempts that the ledger remembers, of steps that are no arrays and not `known`."""
    kinds = kinds_of(flow, who)
    for _, (name, record) in _news(flow.graph.names, ledger, known):
        if not record.attempt or record.tasks is not None:
            continue
        key: dict[str, Any] = {
            "flow_id": who.id,
            "step": name,
            "kind": kinds[name],
            "run": ledger.resume.run,
        }
        failed = {each.number for each in record.failures}
        for each in record.failures:
            newest = each.number == record.attempt
            yield AttemptFact(
                **key,
                attempt=each.number,
                version=Known.STATUS.at(who.version),
                phase="Failed",
                cause=str(each.cause),
                reason=each.reason,
                message=record.message if newest else "",
                exit_code=each.exit_code,
                finished=record.finished if newest else None,
            )
        if record.attempt in failed:
            continue
        phase = _ENDED.get(record.phase, "Running")
        source = Known.RUNNING if phase == "Running" else Known.STATUS
        yield AttemptFact(
            **key,
            attempt=record.attempt,
            version=source.at(who.version),
            phase=phase,
            reason=str(record.reason) if phase == "Failed" else "",
            message=record.message if phase == "Failed" else "",
            exit_code=0 if phase == "Succeeded" else None,
            started=record.started if record.attempt == 1 else record.attempt_started,
            finished=record.finished,
        )


def tasks_of_ledger(flow: CompiledFlow, ledger: Ledger, who: Identity) -> Iterator[TasksFact]:
    """How the tasks of arrays ended: the ledger has that, and rarely in which attempt."""
    kinds = kinds_of(flow, who)
    for name, record in zip(flow.graph.names, ledger.steps, strict=True):
        tasks = record.tasks
        if tasks is not None and record.attempt and (tasks.succeeded or tasks.failed):
            yield TasksFact(
                flow_id=who.id,
                step=name,
                attempt=record.attempt if record.attempt == 1 else UNNUMBERED,
                kind=kinds[name],
                version=Known.STATUS.at(who.version),
                run=ledger.resume.run,
                succeeded=tasks.succeeded,
                failed=tasks.failed,
                message="nobody has seen why it failed",
            )
