"""What every invariant is: a rule with a name, told of what happens, that says if it is broken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from simulation.facts import FlowFacts, JobFacts, Object
from simulation.scene import Scene


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule was broken, at `time` seconds of the world; `flow` is empty for a rule about all."""

    rule: str
    time: float
    flow: str
    words: str

    def __str__(self) -> str:
        where = f" [{self.flow}]" if self.flow else ""
        return f"{self.rule}{where} at {self.time:.3f} s: {self.words}"


class Invariant:
    """Told of what happens as it happens; the docstring of each is its rule in one sentence."""

    name: ClassVar[str]

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.breaches: list[Breach] = []

    def job_made(self, job: JobFacts) -> None:
        """The operator has made a Job."""

    def job_over(self, job: JobFacts) -> None:
        """A Job has come to its end."""

    def job_deleted(self, job: JobFacts) -> None:
        """Somebody has asked for the end of a Job; `job.deleted_by` says who."""

    def status_written(self, flow: FlowFacts, old: Object, new: Object) -> None:
        """A status is on record."""

    def settled(self) -> None:
        """All flows have had the time to end, and nothing goes wrong any more."""

    def rested(self) -> None:
        """Ten minutes later."""

    def ended(self) -> None:
        """The world is over; in some of them all flows have been deleted before."""

    def broken(self, words: str, flow: FlowFacts | None = None) -> None:
        """Note a breach; the first ones are enough."""
        if len(self.breaches) < 5:
            name = flow.name if flow is not None else ""
            self.breaches.append(Breach(self.name, self.scene.time(), name, words))
