"""What is said at each level (tool, workflow, template, task), and what follows from all of it.

The nearest level wins, key by key: a task that says `memory` keeps the `cores` of its template.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobflows.sdk.amounts import CORES, MEMORY, read_amounts
from jobflows.sdk.errors import DefinitionError
from jobflows.sdk.given import listed, mapping, shown
from jobflows.sdk.scales import DEFAULT_SCALES, Scale, read_scales

DEFAULT_ATTEMPTS = 3

_FALLBACK = {
    "node_selector": "nodeSelector",
    "tolerations": "tolerations",
    "priority_class": "priorityClassName",
}


@dataclass(slots=True)
class Settings:
    """What one level says. `owner` is how messages call it."""

    owner: str
    compute_resources: dict[str, Any] = field(default_factory=dict)
    resource_scales: dict[str, Scale] = field(default_factory=dict)
    max_attempts: int | None = None
    fallbacks: tuple[dict[str, Any], ...] | None = None

    @classmethod
    def of(
        cls,
        owner: str,
        compute_resources: Mapping[str, Any] | None = None,
        resource_scales: Mapping[str, Scale] | None = None,
        max_attempts: int | None = None,
        fallbacks: Sequence[Mapping[str, Any]] | None = None,
    ) -> Settings:
        """Check what a level says; raises `DefinitionError`."""
        if max_attempts is not None and (
            isinstance(max_attempts, bool) or not isinstance(max_attempts, int) or max_attempts < 1
        ):
            raise DefinitionError(
                f"{owner}: max_attempts must be a whole number of at least 1, not "
                f"{shown(max_attempts)}"
            )
        return cls(
            owner,
            read_amounts(owner, compute_resources),
            read_scales(owner, resource_scales),
            max_attempts,
            None if fallbacks is None else _fallbacks(owner, fallbacks),
        )

    @property
    def is_silent(self) -> bool:
        """Whether it says nothing."""
        return not (self.compute_resources or self.resource_scales) and (
            self.max_attempts is None and self.fallbacks is None
        )


@dataclass(frozen=True, slots=True)
class Settled:
    """What holds for a task."""

    amounts: Mapping[str, Any]
    scales: Mapping[str, Scale]
    attempts: int
    fallbacks: tuple[dict[str, Any], ...]


def settle(levels: Iterable[Settings | None]) -> Settled:
    """What follows from the levels, the most general first."""
    amounts: dict[str, Any] = {}
    scales: dict[str, Scale] = dict(DEFAULT_SCALES)
    attempts = DEFAULT_ATTEMPTS
    fallbacks: tuple[dict[str, Any], ...] = ()
    for level in levels:
        if level is None:
            continue
        amounts |= level.compute_resources
        scales |= level.resource_scales
        attempts = attempts if level.max_attempts is None else level.max_attempts
        fallbacks = fallbacks if level.fallbacks is None else level.fallbacks
    return Settled(amounts, scales, attempts, fallbacks)


def _fallbacks(owner: str, given: object) -> tuple[dict[str, Any], ...]:
    found = listed(owner, "fallbacks", given)
    return tuple(_fallback(owner, mapping(owner, "each fallback", each)) for each in found)


def _fallback(owner: str, given: Mapping[str, Any]) -> dict[str, Any]:
    where = f"{owner}: fallback"
    unknown = given.keys() - {*_FALLBACK, "max"}
    if unknown:
        raise DefinitionError(
            f"{where}: there is no '{min(unknown)}'; there are {', '.join(_FALLBACK)} and max"
        )
    read = read_amounts(where, {k: v for k, v in given.items() if k != "max"})
    written: dict[str, Any] = {_FALLBACK[key]: value for key, value in read.items()}
    most = read_amounts(f"{where}: max", given.get("max"))
    if most.keys() - {MEMORY, CORES}:
        raise DefinitionError(f"{where}: max has memory and cores, and nothing else")
    if most:
        names = {MEMORY: "memory", CORES: "cpu"}
        written["max"] = {names[key]: value for key, value in most.items()}
    return written
