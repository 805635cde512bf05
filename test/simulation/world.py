"""One world, from one seed: which flows there are, who does what to them, and what goes wrong.

Each part draws from a stream of its own, named after it, so that switching one feature off leaves
the others as they were: that is what makes a failing world smaller (`--without`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from random import Random
from typing import Any

from simulation import features
from simulation.features import Features
from simulation.flows import PlannedFlow, a_flow

BIG = 0.04
"""Share of the worlds with the feature `big` … and of all others that are none."""


@dataclass(frozen=True, slots=True)
class Replicas:
    """How many operators there are at first, over how many shards, and how long a Lease is."""

    count: int
    shards: int
    lease: int


@dataclass(frozen=True, slots=True)
class World:
    """`seconds` is how long the trouble lasts; `settings` are those of the operator.

    `replicas` is None where there is one operator, which needs no Lease.
    """

    seed: int
    features: Features
    flows: tuple[PlannedFlow, ...]
    seconds: float
    settings: dict[str, Any]
    deletes_all: bool
    replicas: Replicas | None = None

    @classmethod
    def of_seed(cls, seed: int, without: Collection[str] = ()) -> World:
        chosen = features.of_seed(seed, without)
        rng = Random(f"{seed}/world")
        big = "big" in chosen and rng.random() < 0.1
        seconds = rng.choice((5.0, 15.0, 30.0, 60.0))
        count, size = rng.choice((1, 1, 2, 2, 3)), rng.choice((2, 4, 6))
        if "groups" in chosen or "locks" in chosen:
            count += 1
        if big:
            count, size = rng.choice(((12, 5), (1, 60), (3, 25)))
        flows = tuple(
            a_flow(f"f{i}", chosen, Random(f"{seed}/flow/{i}"), size=size, hurry=seconds / 3)
            for i in range(count)
        )
        settings = _settings(chosen, Random(f"{seed}/settings"))
        deletes_all = rng.random() < 0.3
        several = None
        if "replicas" in chosen:
            most = settings.get("max_concurrent_jobs") or 4
            several = _replicas(Random(f"{seed}/replicas/plan"), most)
        return cls(seed, chosen, flows, seconds, settings, deletes_all, several)

    def rng(self, part: str) -> Random:
        """The stream of one part."""
        return Random(f"{self.seed}/{part}")

    @property
    def calm(self) -> bool:
        """Whether nothing keeps the operator from acting at once."""
        disturbing = features.OF_CLUSTER.keys() | features.OF_REPLICAS.keys()
        return not self.features & (disturbing - {"limits", "replicas"})


def _replicas(rng: Random, most: int) -> Replicas:
    """Half of them elect one that works, and half share; `most` limits how many shards there are.

    A long Lease needs few renewals, and so few calls, in a world that lasts long.
    """
    shards = min(rng.choice((1, 1, 2, 2, 3)), most)
    return Replicas(rng.choice((2, 2, 3)), shards, rng.choice((5, 10, 10, 20)))


def _settings(chosen: Features, rng: Random) -> dict[str, Any]:
    """Events cost calls and prove little, so most worlds have none."""
    settings: dict[str, Any] = {"events": rng.choice(("none", "none", "none", "warnings", "all"))}
    if "limits" not in chosen:
        return settings
    if rng.random() < 0.5:
        settings["max_concurrent_jobs"] = rng.choice((1, 2, 3))
    if rng.random() < 0.3:
        settings["max_concurrent_jobs_per_namespace"] = rng.choice((1, 2, 3))
    if rng.random() < 0.5:
        settings["max_concurrent_reconciles"] = rng.choice((1, 2))
    if rng.random() < 0.4:
        settings["start_window"] = rng.choice((1, 2, 3))
    if rng.random() < 0.4:
        settings["status_batch_period"] = rng.choice((0.0, 0.05, 2.0))
    return settings
