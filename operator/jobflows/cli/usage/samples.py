"""What is known of the tasks of a flow: time, memory, CPU; by step, or by the template they share.

Of a run of this machine every attempt is on record. A cluster's status has the times of steps and
the summaries of maps; what it does not have is unknown, and never zero.
"""

from __future__ import annotations

from collections.abc import Mapping

from jobflows.engine import CompiledFlow, Ledger, StepPhase
from jobflows.usage import Usage
from jobflows.usage.samples import Gathered


def by_step(flow: CompiledFlow) -> Mapping[str, str]:
    """Each step by itself."""
    return {name: name for name in flow.graph.names}


def by_template(flow: CompiledFlow) -> Mapping[str, str]:
    """Steps that share a template together; others by themselves."""
    return {step.name: step.spec.template_ref or step.name for step in flow.steps}


def of_ledger(flow: CompiledFlow, ledger: Ledger, groups: Mapping[str, str]) -> list[Usage]:
    """By what a status has: how long steps took that succeeded at once, and what maps measured."""
    found: dict[str, Gathered] = {}
    for name, record in zip(flow.graph.names, ledger.steps, strict=True):
        if not record.attempt:
            continue
        kind = found.setdefault(groups[name], Gathered())
        kind.tasks.add(("", name, None))
        kind.attempts += record.attempt
        kind.out_of_memory += record.spent.out_of_memory
        kind.timeouts += record.spent.timeouts
        kind.failed += record.spent.counted + (record.phase is StepPhase.FAILED)
        is_alone = record.tasks is None and record.attempt == 1
        if is_alone and record.phase is StepPhase.SUCCEEDED and record.started is not None:
            kind.wall.append(max(0.0, (record.finished or record.started) - record.started))
        measured = record.map.measured if record.map is not None else None
        if measured is not None and measured.peak_memory:
            kind.memory.append(float(measured.peak_memory))
        if measured is not None and measured.cpu_seconds and measured.seconds:
            kind.cores.append(measured.cpu_seconds / measured.seconds)
    return [gathered.made(name) for name, gathered in found.items()]
