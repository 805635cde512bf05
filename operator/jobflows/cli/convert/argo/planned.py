"""What the converter of Argo plans: steps, how templates are called, and what tasks have become."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobflows.cli.convert.argo.conditions import UntranslatableError
from jobflows.cli.convert.argo.values import Value
from jobflows.cli.convert.source import Part


@dataclass(slots=True, kw_only=True)
class Planned:
    """A step to be. `template` is the name of the Argo template; empty for a Manual step."""

    name: str
    template: str = ""
    message: str = ""
    arguments: Mapping[str, Value] = field(default_factory=dict)
    dependencies: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    """What must hold, or Argo omits it; what depends on it needs the same."""
    conditions: tuple[str, ...] = ()
    never: bool = False
    tolerated: bool = False
    array: dict[str, Any] | None = None
    locks: list[dict[str, Any]] = field(default_factory=list)
    outputs: dict[str, None] = field(default_factory=dict)
    """Outputs that others read."""

    @property
    def when(self) -> str | None:
        """All conditions as one."""
        if self.never:
            return "never"
        known = list(dict.fromkeys((*self.needs, *self.conditions)))
        return known[0] if len(known) == 1 else " && ".join(f"({c})" for c in known) or None


@dataclass(frozen=True, slots=True)
class Ends:
    """What a task has become: the steps that are done last, and where its outputs are."""

    steps: tuple[str, ...]
    output: Callable[[str], Value | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """How a template is called. `item` is set inside of an array."""

    name: str
    inputs: Mapping[str, Value]
    after: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    never: bool = False
    tolerated: bool = False
    array: dict[str, Any] | None = None
    above: tuple[str, ...] = ()
    """Templates that lead here, to notice one that calls itself."""


@dataclass(frozen=True, slots=True)
class Before:
    """The tasks before one in its DAG, as `conditions.Known` wants them."""

    planned: Mapping[str, Planned]
    ends: Mapping[str, Ends]
    watchers: Mapping[str, Part]

    def steps(self, task: str) -> tuple[str, ...]:
        if task not in self.ends:
            raise UntranslatableError(f"there is no task '{task}' before it")
        return self.ends[task].steps

    def needs(self, step: str) -> tuple[str, ...]:
        return self.planned[step].needs

    def may_skip(self, step: str) -> bool:
        return self.planned[step].when is not None

    def is_watched(self, task: str) -> bool:
        return task in self.watchers
