"""A few flows that between them use every call the operator makes, and what must become of them.

Whatever goes wrong on the way, the end is the same. They come in pairs, each in runs of its own: a
run with one of them costs a third of a run with all. They take seconds without faults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cluster_suite.flows import fails_until, flow, job, manual, retry, sim, step

Object = dict[str, Any]

CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
RESOURCES = {
    "configMapTemplates": [{"metadata": {"name": "settings"}, "data": {"a": "1"}}],
    "volumeClaimTemplates": [{"metadata": {"name": "space"}, "spec": CLAIM}],
}
SEEN_MAP = {"envFrom": [{"configMapRef": {"name": "settings"}}]}
FINALLY = {"name": "told", "template": job()}
ONCE_MORE = {"retryPolicy": retry(1)}


@dataclass(frozen=True, slots=True)
class Due:
    """One attempt that there must be, exactly once: `job` is its name, `pods` how many it runs.

    `after` are the Jobs whose pods must have ended, or that must have been deleted, before it.
    A pod that is to be stopped may be stopped before it `runs`.
    """

    job: str
    after: tuple[str, ...] = ()
    pods: int = 1
    stays: bool = True
    runs: bool = True


@dataclass(frozen=True, slots=True)
class Mixture:
    """Flows that are applied at once, and their end."""

    name: str
    flows: tuple[Object, ...]
    due: tuple[Due, ...]
    phases: Mapping[str, str]
    steps: Mapping[str, Mapping[str, str]]
    gone: frozenset[str] = frozenset()
    """Flows that end before the others and take all of their own with them."""
    made: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Names of what is not a Job."""
    lost: bool = False
    """Whether an attempt of theirs gets lost, which their status has to say."""

    @property
    def left(self) -> frozenset[str]:
        """The Jobs that are there in the end."""
        return frozenset(due.job for due in self.due if due.stays)


def _asks() -> Object:
    made = flow(
        "asks",
        manual("a"),
        {"name": "b", "dependencies": ["a"], "template": job(container=SEEN_MAP)},
        resourceTemplates=RESOURCES,
    )
    made["metadata"]["annotations"] = {"approved.workflow.kube-zen.io/a": "true"}
    return made


def _slow() -> Object:
    """The first attempt hangs; the second may take as long as this machine likes."""
    policy = {**retry(1), "resources": {"timeout": {"factor": 600}}}
    hangs = sim("never", only_pods="-a-1-[a-z0-9]{5}$")
    return flow("slow", step("a", pod=hangs, timeoutSeconds=1, retryPolicy=policy))


CHAIN = Mixture(
    name="chain",
    flows=(
        flow(
            "chain",
            step("a"),
            step("b", "a", pod=fails_until(2), **ONCE_MORE),
            onExit=[FINALLY],
        ),
        flow("brief", step("a"), executionPolicy={"ttlSecondsAfterFinished": 1}),
    ),
    due=(
        Due("chain-a-1"),
        Due("chain-b-1", ("chain-a-1",)),
        Due("chain-b-2", ("chain-b-1",)),
        Due("chain-told-1", ("chain-b-2",)),
        Due("brief-a-1", stays=False),
    ),
    phases={"chain": "Succeeded", "brief": "Succeeded"},
    steps={
        "chain": {"a": "Succeeded", "b": "Succeeded", "told": "Succeeded"},
        "brief": {"a": "Succeeded"},
    },
    gone=frozenset({"brief"}),
)
WIDE = Mixture(
    name="wide",
    flows=(
        flow(
            "wide",
            step(
                "a",
                pod=sim("fail", only_pods="-a-1-1-[a-z0-9]{5}$"),
                array={"count": 2},
                **ONCE_MORE,
            ),
        ),
        flow("bad", step("a", pod=sim("fail")), step("b", "a")),
    ),
    due=(Due("wide-a-1", pods=2), Due("wide-a-2", ("wide-a-1",)), Due("bad-a-1")),
    phases={"wide": "Succeeded", "bad": "Failed"},
    steps={"wide": {"a": "Succeeded"}, "bad": {"a": "Failed", "b": "Skipped"}},
)
SLOW = Mixture(
    name="slow",
    flows=(_slow(), _asks()),
    due=(
        Due("slow-a-1", stays=False, runs=False),
        Due("slow-a-2", ("slow-a-1",)),
        Due("asks-b-1"),
    ),
    phases={"slow": "Succeeded", "asks": "Succeeded"},
    steps={"slow": {"a": "Succeeded"}, "asks": {"a": "Succeeded", "b": "Succeeded"}},
    made={
        "configmaps": frozenset({"asks-settings"}),
        "persistentvolumeclaims": frozenset({"asks-space"}),
    },
)
MIXTURES = {each.name: each for each in (CHAIN, WIDE, SLOW)}
