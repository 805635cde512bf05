"""Ten thousand flows make as many series as a hundred: Prometheus pays for namespaces only."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

from prometheus_client import CollectorRegistry, generate_latest

from cluster_suite.flows import Object, flow, manual, step
from jobflows.api.validation import check
from jobflows.cluster.limiter import Limiter
from jobflows.controller.flowstate import FlowState
from jobflows.controller.measure import Census
from jobflows.controller.metrics import Metrics
from jobflows.controller.standing import look
from jobflows.controller.workqueue import WorkQueue
from jobflows.engine import Cause, CompiledFlow, FlowPhase, Ledger, Reason, StepPhase, StepRecord
from jobflows.engine.ledger import FailedAttempt, Spent
from jobflows.engine.mapping import MapRecord, Measured
from jobflows.manifests.stages import Stages

NAMESPACES = 5
ENDS = (
    (StepPhase.SUCCEEDED, Reason.COMPLETED),
    (StepPhase.FAILED, Reason.TIMEOUT),
    (StepPhase.FAILED, "a word of the pod's own"),
    (StepPhase.SKIPPED, Reason.WHEN_FALSE),
)


def series_after(flows: int) -> int:
    """How many series there are when so many flows have run, each with names of its own."""
    metrics = Metrics(CollectorRegistry())
    census = Census(metrics)
    metrics.watch_queue(WorkQueue(random.Random(1)), workers=10, now=lambda: 9.0)
    metrics.watch_limiter(Limiter())
    known: dict[str, FlowState] = {}
    metrics.watch_standing(lambda: look(known, census, 1_000.0))
    model = compiled(flow("model", step("a"), manual("b")))
    for i in range(flows):
        one = replace(model, uid=f"uid-{i}", name=f"flow-{i}", namespace=f"ns-{i % NAMESPACES}")
        known[one.uid] = FlowState(one.uid, one.namespace)
        live(metrics, census, one, i)
    return generate_latest(metrics.registry).count(b"\n")


def live(metrics: Metrics, census: Census, flow: CompiledFlow, i: int) -> None:
    """The life of one flow, in one of many ways; every seventh is not over."""
    i //= NAMESPACES
    census.meet(flow.uid, flow.namespace, FlowPhase.PENDING, ["Pending"] * 2, moved=0.0, new=True)
    failed = FailedAttempt(number=1, cause=list(Cause)[i % len(Cause)], reason=f"reason-{i}")
    again = StepRecord(spent=Spent(retries=1), failures=(failed,), retry_at=20.0)
    phase, reason = ENDS[i % len(ENDS)]
    measured = Measured(items=3, done=3, efficiency=0.9, speedup=2.0, predicted_speedup=1.9)
    ended = StepRecord(
        phase=phase,
        reason=f"{reason}-{i}" if " " in reason else reason,
        attempt=2,
        started=1.0,
        failures=(failed,),
        map=MapRecord(function=f"m:f{i}", measured=measured),
    )
    asked = StepRecord(phase=StepPhase.PENDING_APPROVAL, started=1.0)
    denied = StepRecord(phase=StepPhase.FAILED, reason=Reason.APPROVAL_DENIED, started=1.0)
    last = (FlowPhase.FAILED, FlowPhase.SUCCEEDED)[i % 2] if i % 7 else FlowPhase.RUNNING
    ledgers = (
        Ledger(),
        Ledger(phase=FlowPhase.PAUSED, steps=(again, asked)),
        Ledger(phase=last, reason=(Reason.FLOW_DEADLINE, "")[i % 3 == 0], steps=(ended, denied)),
    )
    for before, after in pairwise(ledgers):
        census.move(flow, before, after, now=10.0 + i)
    metrics.pod_ended(flow.namespace, Stages(1.0, 2.0, 3.0))
    metrics.reconciled(0.001, "success")
    metrics.status_updated(0.01, ok=i % 3 > 0)
    metrics.api_call("create", "jobs", ("201", "409", "<error>")[i % 3], 0.01)


def compiled(manifest: Object) -> CompiledFlow:
    checked = check(manifest).flow
    assert checked is not None
    return CompiledFlow.compile(checked)


def test_ten_thousand_flows_make_no_more_series_than_a_hundred() -> None:
    assert series_after(10_000) == series_after(100)
