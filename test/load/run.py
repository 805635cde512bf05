"""One run: bring the operator up, drive the load, read all meters.

`measure` is what the command line, the profiles of `make test-load` and the scenarios share.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from bench.audit import AuditLog
from bench.histograms import histograms, quantile, since
from bench.operator_run import FLAGS, Process
from bench.plane import connection, fresh_namespace, quiet
from bench.site import site
from bench.stand_in import finish_jobs, play_job_controller
from cluster.ports import free_ports
from cluster.record import Record
from jobflows.cluster.client import Client
from jobflows.cluster.errors import ApiError
from jobflows.cluster.http import AiohttpTransport
from jobflows.cluster.limiter import Limiter
from jobflows.cluster.resources import JOBFLOWS
from jobflows.cluster.transport import Transport
from load.controllers import CONTROLLERS, Controller
from load.driver import Driven, drive, percentiles
from load.manifests import Pods
from load.meter import Etcd, Meter
from load.result import About, Result
from load.timeline import Timeline
from load.work import Plan, Work

SETTLE_SECONDS = 1.0
"""The audit log is written 200 ms later."""


LOOK_SECONDS = 2.0


class _Flow(msgspec.Struct):
    status: msgspec.Raw = msgspec.Raw(b"{}")


@dataclass(frozen=True, slots=True)
class Options:
    """`rate` in flows a second, 0 for all at once; `seconds` is when to give up."""

    plan: Plan
    controller: str = "jobflow"
    rate: float = 0.0
    seconds: float = 600.0
    pods: Pods = "full"
    flags: tuple[str, ...] = FLAGS[:2]
    settle: bool = True
    """Whether to wait until the Job controller has counted all Jobs."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A namespace with a controller at work in it."""

    record: Record
    user: Transport
    namespace: str
    controller: Controller
    process: Process | None
    port: int
    flags: list[str]


@asynccontextmanager
async def ground(
    record: Record, controller: str = "jobflow", flags: tuple[str, ...] = FLAGS[:2]
) -> AsyncIterator[Ground]:
    """A new namespace; for jobflow with an operator of this checkout that serves only it."""
    chosen = CONTROLLERS[controller]
    if controller != "jobflow":
        user = AiohttpTransport(connection(record, "admin"))
        try:
            yield Ground(record, user, await fresh_namespace(user), chosen, None, 0, [])
        finally:
            await user.close()
        return
    (port,) = free_ports(1)
    given = (*flags, "--log-level=warning", f"--metrics-addr=127.0.0.1:{port}")
    with tempfile.TemporaryDirectory() as folder:
        async with site(record, Path(folder), given) as at:
            yield Ground(record, at.user, at.namespace, chosen, at.process, port, list(flags))


async def measure(where: Ground, name: str, options: Options) -> Result:
    """Run the plan once."""
    works = options.plan.works(name)
    manifests = {w.name: where.controller.manifest(w, options.pods) for w in works}
    about = About.here(_command(options), where.flags, where.record)
    log = AuditLog(Path(where.record.audit_log or ""))
    meter, etcd = Meter(where.record, where.process), Etcd.of(where.record)
    timeline, driven = Timeline(where.controller, where.namespace, works), Driven()
    before, puts, held = meter.cpu(), etcd.puts(), etcd.bytes_in_use()
    sizes: list[int] = []
    seen = histograms(where.port) if where.port else {}
    async with _beside(
        meter.sample(lambda: len(driven.ended)),
        _stand_in(where, options),
        _look_at_status(where, works, sizes),
    ):
        await drive(
            where.user,
            where.controller,
            where.namespace,
            manifests,
            rate=options.rate,
            seconds=options.seconds,
            driven=driven,
        )
        if options.settle and where.controller.name == "jobflow":
            await quiet(where.user, where.namespace, options.seconds)
        await asyncio.sleep(SETTLE_SECONDS)
    cpu = {name: round(used - before[name], 2) for name, used in meter.cpu().items()}
    timeline.read(log)
    figures = _figures(timeline, driven, cpu)
    if sizes:
        figures["status_kb"] = round(max(sizes) / 1000, 1)
    if options.settle and len(works) <= 100:
        figures["stored_bytes"] = _stored(etcd, where.namespace)
    figures["etcd_puts"] = etcd.puts() - puts
    figures["etcd_grown_kib"] = (etcd.bytes_in_use() - held) >> 10
    figures["etcd_mib"] = round(etcd.bytes_in_use() / (1 << 20), 1)
    if where.process:
        figures["peak_mib"] = round(where.process.peak_mib())
    if where.port:
        figures |= _own_times(seen, histograms(where.port))
    return Result(name, about, asdict(options), figures, meter.samples)


@asynccontextmanager
async def _beside(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """What goes on while the block runs, and ends with it."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
        yield
        for task in tasks:
            task.cancel()


async def _stand_in(where: Ground, options: Options) -> None:
    """Play the Job controller for Jobs that have no pods."""
    if options.pods == "none":
        play = play_job_controller if options.plan.array else finish_jobs
        await play(where.user, where.namespace)


async def _look_at_status(where: Ground, works: list[Work], sizes: list[int]) -> None:
    """Note how large the status of a single flow is, now and again."""
    client = Client(where.user, Limiter(), rng=random.Random(0))
    while len(works) == 1:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            answer = await client.get(where.controller.resource, where.namespace, works[0].name)
        except ApiError as error:
            if error.not_found:
                continue  # still to be created
            raise
        sizes.append(len(bytes(msgspec.json.decode(answer, type=_Flow).status)))


def _figures(timeline: Timeline, driven: Driven, cpu: dict[str, float]) -> dict[str, Any]:
    """What every controller can be asked."""
    pieces = sum(work.size for work in timeline.works if work.name in driven.ended)
    writes = timeline.writes(timeline.controller.user)
    flows = [driven.ended[name] - driven.applied[name] for name in driven.ended]
    return {
        "flows": len(timeline.works),
        "ended": dict(Counter(driven.phases.values())),
        "pieces": pieces,
        "makespan_s": round(driven.makespan, 2),
        "late_s": round(driven.late, 2),
        "pieces_a_second": round(pieces / driven.makespan, 1) if driven.ended else 0.0,
        "flow_s": percentiles(flows),
        "step_lag_s": percentiles(list(timeline.lags())),
        "calls": {user: dict(calls) for user, calls in sorted(timeline.calls.items())},
        "writes": dict(writes),
        "writes_a_piece": round(writes.total() / max(1, pieces), 4),
        "cpu_s": cpu,
        "cpu_s_per_1000": round(1000 * cpu.get("controller", 0.0) / max(1, pieces), 3),
    }


def _stored(etcd: Etcd, namespace: str) -> dict[str, float]:
    """Mean bytes of an object in etcd."""
    kinds = {"jobflow": f"{JOBFLOWS.group}/{JOBFLOWS.plural}", "job": "jobs", "pod": "pods"}
    found = {kind: etcd.sizes(path, namespace) for kind, path in kinds.items()}
    return {kind: round(sum(sizes) / len(sizes)) for kind, sizes in found.items() if sizes}


_OWN = {
    "queue_wait_s": "workqueue_queue_duration_seconds",
    "reconcile_s": "zen_flow_reconciliation_duration_seconds",
    "status_write_s": "zen_flow_status_update_duration_seconds",
    "event_loop_lag_s": "jobflow_event_loop_lag_seconds",
}


def _own_times(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What the operator says of itself; percentiles as precise as its buckets."""
    found: dict[str, Any] = {}
    for name, metric in _OWN.items():
        buckets = since(before.get(metric, {}), after.get(metric, {}))
        found[name] = {f"p{p}": round(quantile(p / 100, buckets), 5) for p in (50, 95, 99)}
        found[name]["count"] = int(max(buckets.values(), default=0))
    return found


def _command(options: Options) -> str:
    plan = options.plan
    words = [f"--shape {plan.shape} --flows {plan.flows} --steps {plan.steps}"]
    words += [f"--array {plan.array}"] if plan.array else []
    words += [f"--at-once {plan.at_once}"] if plan.at_once else []
    words += [f"--rate {options.rate:g}/s"] if options.rate else []
    words += [f"--duration {plan.duration}"] if plan.duration != "0s" else []
    words += [f"--fail {plan.fail:g}"] if plan.fail else []
    words += [f"--controller {options.controller}"] if options.controller != "jobflow" else []
    words += [f"--pods {options.pods}"] if options.pods != "full" else []
    words += [f"--seed {plan.seed}"] if plan.seed else []
    return f"python -m load run {' '.join(words)}"
