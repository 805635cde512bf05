"""What a world may contain. Each seed switches a random part of it on (swarm testing).

With everything on in every world the features would drown each other: no flow gets far enough for
a rare combination. With a few, each world goes deep into something else.
"""

from __future__ import annotations

from collections.abc import Collection
from random import Random

OF_FLOWS = {
    "failures": "pods that fail",
    "retries": "retry policies, with all kinds of backoff",
    "hangs": "pods that never end, and timeouts",
    "memory": "pods that need more memory than they have, and limits that grow",
    "evicted": "pods that are evicted",
    "images": "images that cannot be pulled",
    "tolerated": "continueOnFailure",
    "conditions": "when",
    "approvals": "Manual steps",
    "values": "outputs that other steps take in",
    "arrays": "arrays, also task by task behind each other",
    "maps": "map steps",
    "handlers": "onExit",
    "rules": "podFailurePolicy",
    "budgets": "a small backoffLimit",
    "failfast": "failFast, both modes",
    "deadlines": "activeDeadlineSeconds and short timeouts",
    "ttl": "ttlSecondsAfterFinished of flows and Jobs",
    "locks": "locks that flows share",
    "groups": "concurrency groups: Forbid, Replace, Allow",
    "parallelism": "limits of a flow, of a template and of an array",
    "priorities": "priorities",
    "objects": "ConfigMaps and claims of a flow",
    "wide": "many steps that are ready at once",
    "big": "now and then a bigger world",
}

OF_PEOPLE = {
    "suspend": "spec.suspend is set and taken back",
    "edit": "steps are added, removed and changed",
    "tune": "limits are changed live",
    "resume": "flows are resumed: hot, cold, from a step, with a step set to Succeeded",
    "stop": "flows are stopped and terminated",
    "delete": "flows are deleted, and others made under their names",
    "meddle": "Jobs and pods are deleted, marked and edited by others",
    "mistakes": "flows are made or edited wrong, and mended",
}

OF_CLUSTER = {
    "latency": "slow answers",
    "lag": "late watch events",
    "outages": "the API server is away",
    "compaction": "the past is forgotten, watches end",
    "nodes": "nodes are lost with all their pods",
    "quota": "Jobs are refused for a while",
    "calls": "calls fail, are lost, or are slow",
    "events": "watch events are cut, late, doubled",
    "crashes": "the operator dies and comes back",
    "restarts": "the operator is stopped in good order",
    "clock": "the operator's clock jumps",
    "limits": "limits of the operator, few workers, small windows",
}

OF_REPLICAS = {
    "replicas": "several operators, which share the flows through Leases",
    "kills": "one of them is killed, and comes back or another one comes",
    "joins": "one joins, or is told to leave",
    "pauses": "one is stopped past its Lease, and woken",
    "partitions": "one is cut off from the API server",
    "drift": "their clocks are wrong, and of unequal speed",
}

ALL = {**OF_FLOWS, **OF_PEOPLE, **OF_CLUSTER, **OF_REPLICAS}

UNCERTAIN = frozenset(
    {
        *("edit", "resume", "stop", "delete", "meddle", "nodes", "clock", "deadlines"),
        *("budgets", "failfast", "mistakes"),
    }
)
"""Features with which the outcome of a step is somebody else's, or hangs on who came first."""

SEVERAL = 0.25
"""Share of the worlds in which several operators are at work."""
CARELESS = 0.2
"""Share of the worlds in which people make mistakes, unless their outcome is known."""

Features = frozenset[str]


def of_seed(seed: int, without: Collection[str] = ()) -> Features:
    """The features of a world; those `without` are off, and the others stay what they are."""
    rng = Random(f"{seed}/features")
    share = rng.choice((0.1, 0.2, 0.2, 0.35, 0.5))
    kind = rng.random()
    apart = OF_REPLICAS.keys() | {"mistakes"}  # drawn from streams of their own
    chosen = {name for name in ALL if name not in apart and rng.random() < share}
    if Random(f"{seed}/mistakes").random() < CARELESS:
        chosen.add("mistakes")
    if kind < 0.2:  # nothing disturbs the operator: it is held to what it should do at once
        chosen -= OF_CLUSTER.keys() - {"limits"}
    elif kind < 0.65:  # the outcome is known from the start
        chosen -= UNCERTAIN
    return frozenset(chosen | _of_replicas(Random(f"{seed}/replicas"))) - set(without)


def _of_replicas(rng: Random) -> set[str]:
    """What there is in a quarter of the worlds."""
    if rng.random() >= SEVERAL:
        return set()
    return {"replicas"} | {name for name in OF_REPLICAS if rng.random() < 0.4}
