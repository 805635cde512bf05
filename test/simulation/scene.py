"""What is common to all invariants of one world: its facts, its plan, and its stage."""

from __future__ import annotations

from dataclasses import dataclass, field

from simulation.facts import Facts, FlowFacts
from simulation.flows import PlannedFlow
from simulation.owners import Owners
from simulation.troubles import Troubles
from simulation.world import World
from unit.controller.stage import Stage


@dataclass(slots=True)
class Scene:
    """`healed` is when everything began to work again; `owners` is for several operators."""

    world: World
    stage: Stage
    facts: Facts
    troubles: Troubles
    began: float
    healed: float | None = None
    owners: Owners | None = None
    planned: dict[str, PlannedFlow] = field(default_factory=dict)

    def time(self) -> float:
        """Seconds since the world began."""
        return self.facts.now() - self.began

    def has(self, *features: str) -> bool:
        """Whether the world has one of these features."""
        return not self.world.features.isdisjoint(features)

    def left(self) -> list[FlowFacts]:
        """Flows that are there and not on their way out."""
        return [flow for flow in self.facts.living() if not flow.deleting]
