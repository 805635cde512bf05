"""How much the next attempt of a step may use: more of what the last one had too little of.

Exact: memory in bytes, a factor rounds up to whole Mi; CPU in thousandths of a core; time in
seconds. What has grown belongs to the step and is on record, so it is kept through retries for
other causes and restarts, and steps that share a template do not drive each other up. Where an
attempt runs is not on record: it follows from the amounts and the policy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from jobflows.api.containers import amount, main_container
from jobflows.api.growth import Fallback, FallbackMax, Growth, ResourceGrowth, TimeoutGrowth
from jobflows.api.placeholders import substitute
from jobflows.api.policy import RetryPolicy
from jobflows.api.quantities import (
    QuantityError,
    format_bytes,
    format_millis,
    to_bytes,
    to_millis,
)
from jobflows.api.status import Cause
from jobflows.engine.flow import CompiledStep

MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Grown:
    """Amounts above those of the template: bytes, thousandths of a core, seconds; None is none."""

    memory: int | None = None
    cpu: int | None = None
    timeout: int | None = None

    def document(self) -> dict[str, Any]:
        """As the status has it; empty when nothing has grown."""
        shown = {
            "memory": None if self.memory is None else format_bytes(self.memory),
            "cpu": None if self.cpu is None else format_millis(self.cpu),
            "timeoutSeconds": self.timeout,
        }
        return {key: value for key, value in shown.items() if value is not None}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Grown:
        """The inverse of `document`."""
        if not document:
            return UNGROWN
        memory, cpu = document.get("memory"), document.get("cpu")
        return cls(
            memory=None if memory is None else to_bytes(memory),
            cpu=None if cpu is None else to_millis(cpu),
            timeout=document.get("timeoutSeconds"),
        )

    def __str__(self) -> str:
        words = {"timeoutSeconds": "timeout"}
        return ", ".join(f"{words.get(key, key)} {value}" for key, value in self.document().items())


UNGROWN = Grown()


def grow(step: CompiledStep, cause: Cause, grown: Grown, parameters: Mapping[str, str]) -> Grown:
    """What the attempt after one that failed for `cause` may use; `grown` is what that one had."""
    policy = step.retry.resources
    if policy is None:
        return grown
    base = _base(step, parameters)
    match cause:
        case Cause.OUT_OF_MEMORY:
            memory = _next(policy.memory, to_bytes, base.memory, grown.memory, MEBIBYTE)
            wanted = replace(grown, memory=memory)
        case Cause.TIMEOUT:
            cpu = _next(policy.cpu, to_millis, base.cpu, grown.cpu, 1)
            timeout = _next(policy.timeout, int, base.timeout, grown.timeout, 1)
            wanted = replace(grown, cpu=cpu, timeout=timeout)
        case _:
            return grown
    rooms = _rooms(step.retry)
    room = rooms[_place(rooms, wanted)]
    return Grown(
        memory=_least(wanted.memory, room.memory),
        cpu=_least(wanted.cpu, room.cpu),
        timeout=_least(wanted.timeout, room.timeout),
    )


def fallback_for(retry: RetryPolicy, grown: Grown) -> Fallback | None:
    """Where an attempt with these amounts runs; None is where the template says."""
    place = _place(_rooms(retry), grown)
    return retry.fallbacks[place - 1] if place else None


def timeout_of(step: CompiledStep, grown: Grown) -> int | None:
    """Seconds an attempt may run; what has grown never shortens it."""
    own = step.timeout
    return own if own is None or grown.timeout is None else max(own, grown.timeout)


def _base(step: CompiledStep, parameters: Mapping[str, str]) -> Grown:
    """What the template asks for; None where it does not say."""
    container = main_container(step.template)

    def read(resource: str, parse: Callable[[object], int]) -> int | None:
        try:
            return parse(substitute(amount(container, resource), parameters))
        except (QuantityError, KeyError):  # a placeholder that only a Job can fill, or nonsense
            return None

    return Grown(
        memory=read("memory", to_bytes),
        cpu=read("cpu", to_millis),
        timeout=step.timeout,
    )


def _next(
    growth: Growth | TimeoutGrowth | None,
    parse: Callable[[Any], int],
    base: int | None,
    before: int | None,
    unit: int,
) -> int | None:
    """The next amount above `base`, a multiple of `unit` if it comes from a factor."""
    if growth is None or base is None:
        return before
    now = max(base, before or 0)
    if growth.factor is not None:
        after = math.ceil(now * Fraction(str(growth.factor)) / unit) * unit
    else:
        after = next((value for value in map(parse, growth.values) if value > now), now)
    return after if after > base else None


def _rooms(retry: RetryPolicy) -> Sequence[Grown]:
    """How much there may be of each: on the step's own nodes, and on those of each fallback."""
    own = retry.resources or ResourceGrowth()
    memory, cpu = own.memory or Growth(), own.cpu or Growth()
    maxima = [
        FallbackMax(memory=memory.max, cpu=cpu.max),
        *(fallback.max for fallback in retry.fallbacks),
    ]
    return [
        Grown(
            memory=None if most.memory is None else to_bytes(most.memory),
            cpu=None if most.cpu is None else to_millis(most.cpu),
            timeout=own.timeout.max if own.timeout else None,
        )
        for most in maxima
    ]


def _place(rooms: Sequence[Grown], wanted: Grown) -> int:
    """The first place with room for all of it, or else the last."""
    fits = (
        number
        for number, room in enumerate(rooms)
        if _least(wanted.memory, room.memory) == wanted.memory
        and _least(wanted.cpu, room.cpu) == wanted.cpu
    )
    return next(fits, len(rooms) - 1)


def _least(wanted: int | None, most: int | None) -> int | None:
    return wanted if wanted is None or most is None else min(wanted, most)
