"""A few flows that between them use every call the operator makes, and what must become of them.

Whatever goes wrong on the way, the end is the same: the right phases, one Job and one pod for each
attempt that is due, and a status that agrees with all that.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cluster_suite.flows import fails_until, flow, job, manual, retry, sim, step
from jobflows.engine.times import parse_rfc3339
from model import Call, Delivery, Fault, WatchFault
from unit.controller.stage import Object, Stage

SLOW = "slow"

MAP = {"configMapTemplates": [{"metadata": {"name": "settings"}, "data": {"a": "1"}}]}
SEEN_MAP = {"envFrom": [{"configMapRef": {"name": "settings"}}]}

ATTEMPTS = {
    ("chain", "a"): 1,
    ("chain", "b"): 2,
    ("chain", "c"): 1,
    ("bad", "a"): 1,
    ("bad", "c"): 1,
    ("slow", "a"): 2,
    ("asks", "b"): 1,
    ("asks", "c"): 1,
}
PHASES = {"chain": "Succeeded", "bad": "Failed", "slow": "Succeeded", "asks": "Succeeded"}
SKIPPED = ("bad", "b")


def flows() -> list[Object]:
    twice = {"retryPolicy": retry(1, "500ms")}
    hangs = sim("never", only_pods="-a-1-[a-z0-9]{5}$")
    return [
        flow("chain", step("a"), step("b", "a", pod=fails_until(2), **twice), step("c", "b")),
        flow("bad", step("a", pod=sim("fail")), step("b", "a"), step("c")),
        flow("slow", step("a", pod=hangs, timeoutSeconds=2, **twice)),
        flow(
            "asks",
            manual("a"),
            {"name": "b", "dependencies": ["a"], "template": job(container=SEEN_MAP)},
            step("c"),
            resourceTemplates=MAP,
        ),
    ]


async def run(stage: Stage, *, seconds: float = 400.0) -> None:
    """Apply the flows, answer the question, and check what became of everything."""
    await stage.apply(*flows())
    await stage.annotate("asks", a="true")
    await finish(stage, seconds=seconds)


async def finish(stage: Stage, *, seconds: float = 400.0) -> None:
    """Wait for the end and check it."""
    await stage.ended(*PHASES, seconds=seconds)
    await stage.until(lambda: _settled(stage), seconds=120.0)
    check(stage)


def check(stage: Stage) -> None:
    """Assert the only right outcome."""
    assert {name: stage.phase(name) for name in PHASES} == PHASES
    due = {(*key, n): 1 for key, last in ATTEMPTS.items() for n in range(1, last + 1)}
    assert stage.jobs_made == due
    assert stage.pods_run == due
    for (name, step_name), last in ATTEMPTS.items():
        record = stage.step(name, step_name)
        assert record["attempt"] == last, record
        assert stage.retries(name, step_name) == last - 1, record
        assert record["phase"] == ("Failed" if (name, step_name) == ("bad", "a") else "Succeeded")
        assert "lostCount" not in record
    assert stage.step(*SKIPPED)["phase"] == "Skipped"
    for name in PHASES:
        status = stage.status(name)
        progress, steps = status["progress"], status["steps"]
        assert progress["completedSteps"] == progress["totalSteps"] == len(steps)
        assert progress["successfulSteps"] == sum(s["phase"] == "Succeeded" for s in steps)
        assert status["observedGeneration"] == 1
        started, ended = status["startTime"], status["completionTime"]
        assert parse_rfc3339(started) <= parse_rfc3339(ended), (name, started, ended)


def _settled(stage: Stage) -> bool:
    """Whether nothing of the flows runs any more; the stopped attempt goes last."""
    return stage.job("slow-a-1") is None


@dataclass
class Nth:
    """One fault, at the n-th call or watch event of the operator; counts them, too."""

    nth: int = 0
    fault: Fault | None = None
    watch_fault: WatchFault | None = None
    only: tuple[str, str] | None = None
    calls: int = 0
    events: int = 0
    hits: list[Call | Delivery] = field(default_factory=list)

    def on_call(self, call: Call) -> Fault | None:
        if call.client != "operator" or self.only not in (None, (call.verb, call.resource)):
            return None
        self.calls += 1
        if self.fault is None or self.calls != self.nth:
            return None
        self.hits.append(call)
        return self.fault

    def on_event(self, delivery: Delivery) -> WatchFault | None:
        if delivery.client != "operator":
            return None
        self.events += 1
        if self.watch_fault is None or self.events != self.nth:
            return None
        self.hits.append(delivery)
        return self.watch_fault
