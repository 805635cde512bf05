"""The graph for programs: every step with what it waits for, its layer and how it stands."""

from __future__ import annotations

from typing import Any

from jobflows.cli.tables import without_empty
from jobflows.drawing.picture import critical_path, depths
from jobflows.engine import CompiledFlow, Instant, Ledger, StepRecord
from jobflows.engine.ledger import FRESH


def describe(flow: CompiledFlow, ledger: Ledger | None, now: Instant) -> dict[str, Any]:
    """The whole graph; of a flow that never ran, without phases."""
    records = (ledger.steps if ledger is not None else ()) or [FRESH] * len(flow.steps)
    path = critical_path(flow, records, now)
    names, depth = flow.graph.names, depths(flow)
    phases = {"phase": str(ledger.phase)} if ledger is not None else {}
    return {
        "flow": flow.name,
        "namespace": flow.namespace,
        **phases,
        "criticalPath": [names[i] for i in path],
        "steps": [
            without_empty(
                {
                    "name": name,
                    "type": flow.steps[i].spec.type,
                    "layer": depth[i],
                    "dependencies": [names[parent] for parent in flow.graph.parents[i]],
                    "critical": i in path_set or None,
                    "onExit": flow.steps[i].on_exit or None,
                    "tasks": _tasks(flow, i, records[i]),
                    **(_stand(records[i], now) if ledger is not None else {}),
                }
            )
            for path_set in [set(path)]
            for i, name in enumerate(names)
        ],
    }


def _stand(record: StepRecord, now: Instant) -> dict[str, Any]:
    took = None if record.started is None else round((record.finished or now) - record.started, 3)
    return {"phase": str(record.phase), "reason": str(record.reason), "seconds": took}


def _tasks(flow: CompiledFlow, i: int, record: StepRecord) -> dict[str, int]:
    tasks, step = record.tasks, flow.steps[i]
    if tasks is None:
        return {"total": step.values.count} if step.values is not None else {}
    return {
        "total": tasks.total,
        "succeeded": len(tasks.succeeded),
        "failed": len(tasks.failed),
        "skipped": len(tasks.skipped),
        "running": len(tasks.running),
    }
