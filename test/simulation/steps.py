"""One planned step: what its pods do, what it may cost, and how it is written down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cluster_suite.flows import job
from simulation.script import Script

Object = dict[str, Any]

START_MEMORY = 64
"""Memory in Mi that a step asks for which has to grow."""

NOBODY = "nobody"
"""A step that there is never: one that waits for it is a mistake."""

LOSSES = 10
"""Disruptions that a step without a word about them survives."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How many more attempts there are after failures of each kind."""

    limit: int = 0
    memory: int | None = None
    timeout: int | None = None
    losses: int = LOSSES

    def of(self, cause: str) -> int:
        own = {"memory": self.memory, "timeout": self.timeout, "losses": self.losses}.get(cause)
        return self.limit if own is None else own


PLAIN, NONE = Script(), Budget()


@dataclass(frozen=True, slots=True)
class When:
    """A condition: `always`, `never`, or the phase of the step `on` is, or `is_not`, `phase`."""

    on: str = ""
    phase: str = ""
    negated: bool = False
    plain: str = ""

    @property
    def text(self) -> str:
        if self.plain:
            return self.plain
        return f"steps.{self.on}.phase {'!=' if self.negated else '=='} '{self.phase}'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A step of a world. `tasks` is 0 for a single one; `takes` is the step whose value it takes.

    `answer` is what a person says of a Manual step.
    """

    name: str
    parents: tuple[str, ...] = ()
    kind: str = "job"  # job, manual, array, map
    script: Script = PLAIN
    policy: Object | None = None
    budget: Budget = NONE
    timeout: int | None = None
    tolerated: bool = False
    when: When | None = None
    takes: str = ""
    tasks: int = 0
    by_index: bool = False
    template: str = ""
    answer: bool = True
    fields: Object = field(default_factory=dict)
    job_fields: Object = field(default_factory=dict)

    def manifest(self) -> Object:
        """The step as a user would write it."""
        made: Object = {"name": self.name, **self.fields}
        if self.parents:
            made["dependencies"] = list(self.parents)
        if self.when is not None:
            made["when"] = self.when.text
        if self.tolerated:
            made["continueOnFailure"] = True
        if self.timeout is not None:
            made["timeoutSeconds"] = self.timeout
        if self.policy is not None:
            made["retryPolicy"] = self.policy
        if self.kind == "manual":
            return {**made, "type": "Manual"}
        if self.template:
            return {**made, "templateRef": self.template}
        return {**made, "template": job(container=self._container(), **self.job_fields)}

    def _container(self) -> Object:
        container: Object = {}
        if self.script.needs:
            container["resources"] = {"limits": {"memory": f"{START_MEMORY}Mi"}}
        if self.takes:
            container["env"] = [{"name": "BY", "value": "{{ parameters.by }}"}]
        return container


def is_wrong(spec: Object) -> bool:
    """Whether a step waits for `NOBODY`: until it is mended, the flow stands still."""
    return any(NOBODY in step.get("dependencies", ()) for step in spec["steps"])
