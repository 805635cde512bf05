"""Growing resources: from what a step asks for, upwards, and to places that are ever reached.

A policy may hold for many steps. What it says by itself is checked once, what it means for a step
once for each Job template. One that comes down from the flow or a shared template may grow what
some of its steps do not ask for; it must not be so for all of them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from jobflows.api import cascade
from jobflows.api.base import Opaque
from jobflows.api.containers import amount, main_container
from jobflows.api.growth import Fallback, Growth, ResourceGrowth, TimeoutGrowth
from jobflows.api.model import JobFlow
from jobflows.api.policy import RetryPolicy
from jobflows.api.quantities import QuantityError, to_bytes, to_millis
from jobflows.api.spec import StepTemplate
from jobflows.api.validation.places import places
from jobflows.api.validation.problems import Path, Problem

_CURES = {
    "memory": "Set resources.requests.memory or limits.memory of the main container",
    "cpu": "Set resources.requests.cpu or limits.cpu of the main container",
    "timeout": "Set timeoutSeconds",
}


def _seconds(value: Any) -> int:
    return int(value)


_PARSE: dict[str, Callable[[Any], int]] = {
    "memory": to_bytes,
    "cpu": to_millis,
    "timeout": _seconds,
}


@dataclass(frozen=True, slots=True)
class Use:
    """A policy as it holds for a step: its parts, where they are written, and what they meet."""

    path: Path
    resources: ResourceGrowth | None
    fallbacks_path: Path
    fallbacks: tuple[Fallback, ...]
    job: Opaque
    timeout: int | None

    @property
    def growing(self) -> dict[str, Growth | TimeoutGrowth]:
        """What grows, by its name."""
        own = self.resources or ResourceGrowth()
        parts = (("memory", own.memory), ("cpu", own.cpu), ("timeout", own.timeout))
        return {name: part for name, part in parts if part is not None}

    def start(self, name: str) -> Any:
        """What the step asks for, as written; None if it does not."""
        return self.timeout if name == "timeout" else amount(main_container(self.job), name)


def growth(flow: JobFlow) -> Iterator[Problem]:
    """What grows has a start and a way to grow; fallbacks lie where it grows to."""
    by_policy: dict[Path, list[Use]] = {}
    by_fallbacks: dict[tuple[Path, Path], Use] = {}
    for use in each_use(flow):
        by_policy.setdefault(use.path, []).append(use)
        by_fallbacks.setdefault((use.path, use.fallbacks_path), use)
    for path, uses in by_policy.items():
        if uses[0].resources is not None and not uses[0].growing:
            yield Problem(path, "nothing grows", "Write memory, cpu or timeout, or leave it out")
        for name, part in uses[0].growing.items():
            yield from _growth((*path, name), part, _PARSE[name])
            yield from _starts((*path, name), name, part, uses)
    told = (problem for use in by_fallbacks.values() for problem in _fallbacks(use))
    yield from dict.fromkeys(told)


def each_use(flow: JobFlow) -> Iterator[Use]:
    """Each policy that grows something or moves steps, once for each Job that it holds for."""
    spec = flow.spec
    templates: dict[str | None, tuple[int, StepTemplate]] = {}
    for number, template in enumerate(spec.templates):
        templates.setdefault(template.name, (number, template))
    seen: set[tuple[Any, ...]] = set()
    for base, step in places(flow):
        number, shared = templates.get(step.template_ref, (0, None))
        levels: list[tuple[Path, RetryPolicy | None]] = [
            (base, step.retry_policy),
            (("spec", "executionPolicy"), spec.execution_policy.retry_policy),
        ]
        if shared is not None:
            levels.insert(1, (("spec", "templates", number), shared.retry_policy))
        path, by = _nearest(levels, "resources")
        fallbacks_path, fallbacks_by = _nearest(levels, "fallbacks")
        if by is None and fallbacks_by is None:
            continue
        timeout = cascade.timeout_seconds(spec, shared, step)
        job = (shared.template if shared else step.template) or {}
        key = (path, fallbacks_path, id(job), timeout)
        if key not in seen:
            seen.add(key)
            yield Use(
                (*path, "retryPolicy", "resources"),
                by.resources if by else None,
                (*fallbacks_path, "retryPolicy", "fallbacks"),
                fallbacks_by.fallbacks if fallbacks_by else (),
                job,
                timeout,
            )


def _nearest(
    levels: Iterable[tuple[Path, RetryPolicy | None]], field: str
) -> tuple[Path, RetryPolicy | None]:
    """The level whose word on a field of the policy counts, and where it stands."""
    for path, policy in levels:
        if policy is not None and field in policy.model_fields_set:
            return path, policy
    return (), None


def _growth(
    path: Path, part: Growth | TimeoutGrowth, parse: Callable[[Any], int]
) -> Iterator[Problem]:
    """What a growth says by itself."""
    if (part.factor is None) == (not part.values):
        both = "has both factor and values" if part.values else "has neither factor nor values"
        yield Problem(path, both, "Write one of them")
    if part.factor == 1:
        yield Problem((*path, "factor"), "must be greater than 1, not 1", "Write 1.5 or 2")
    for where, value in _amounts(path, part):
        if parse(value) <= 0:
            yield Problem(where, f"must be greater than zero, not {value}", "Raise it")
    for number, (before, value) in enumerate(pairwise(part.values), start=1):
        if parse(value) <= parse(before):
            words = f"{value} is not more than {before} before it"
            yield Problem((*path, "values", number), words, "List them upwards")


def _amounts(path: Path, part: Growth | TimeoutGrowth) -> Iterator[tuple[Path, Any]]:
    for number, value in enumerate(part.values):
        yield (*path, "values", number), value
    if part.max is not None:
        yield (*path, "max"), part.max


def _starts(
    path: Path, name: str, part: Growth | TimeoutGrowth, uses: list[Use]
) -> Iterator[Problem]:
    """What a growth means for the steps that it holds for."""
    parse, starts = _PARSE[name], [use.start(name) for use in uses]
    if all(said is None for said in starts):
        yield Problem(path, "has nothing to start from", _CURES[name])
    told: dict[Problem, None] = {}
    for use, said in zip(uses, starts, strict=True):
        if name == "timeout" and said is not None:
            told |= dict.fromkeys(_own_deadlines(path, use.job))
        try:
            start = 0 if said is None else parse(said)
        except QuantityError:
            continue  # a placeholder, or told where it stands
        if part.values and 0 < parse(part.values[0]) <= start:
            words = f"{part.values[0]} is not more than the {said} that it starts from"
            told[Problem((*path, "values", 0), words, "Raise it")] = None
        if part.max is not None and 0 < parse(part.max) < start:
            words = f"{part.max} is less than the {said} that it starts from"
            told[Problem((*path, "max"), words, "Raise it")] = None
    yield from told


def _own_deadlines(path: Path, job: Opaque) -> Iterator[Problem]:
    outer: Any = job.get("spec")
    inner: Any = outer
    for key in ("template", "spec"):
        inner = inner.get(key) if isinstance(inner, Mapping) else None
    for owner, spec in (("Job", outer), ("pod", inner)):
        if isinstance(spec, Mapping) and spec.get("activeDeadlineSeconds") is not None:
            yield Problem(
                path,
                f"activeDeadlineSeconds of the {owner} would not grow with it",
                "Remove it from the template; timeoutSeconds does the same",
            )


def _fallbacks(use: Use) -> Iterator[Problem]:
    """Each place is reached, because there is an end to the one before, and has more room."""
    before = {name: part.max for name, part in use.growing.items() if name != "timeout"}
    for number, fallback in enumerate(use.fallbacks):
        path: Path = (*use.fallbacks_path, number)
        if not any(most is not None for most in before.values()):
            cure = "Write a max into the fallback before it"
            if number == 0:
                cure = "Write resources.memory or resources.cpu with a max"
            yield Problem(path, "is never used, there is no end to what comes before", cure)
            return
        room = {"memory": fallback.max.memory, "cpu": fallback.max.cpu}
        for name, most in room.items():
            if most is None:
                continue
            where = (*path, "max", name)
            if name not in before:
                yield Problem(where, f"{name} does not grow", f"Write resources.{name}")
                continue
            least = before[name]
            if least is None:
                words = f"{most} is less than before, where there is no max"
                yield Problem(where, words, "Remove it")
            elif _PARSE[name](most) < _PARSE[name](least):
                yield Problem(where, f"{most} is less than the {least} before it", "Raise it")
        before = {name: room[name] for name in before}
