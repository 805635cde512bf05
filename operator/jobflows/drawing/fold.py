"""Groups of steps, so that a flow of ten thousand can be looked at.

Steps that are alike share a group: the same template (or the same name but for its number), in the
same layer, below the same groups. Where that leaves too many groups, it is made coarser: the same
template and layer, then the layer alone, at last some layers together. Groups never form a cycle,
because an edge never leads to an earlier layer.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from jobflows.engine import CompiledFlow

_NUMBERS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Group:
    """Steps that are drawn as one; `layer` is that of the first."""

    name: str
    layer: int
    members: tuple[int, ...]


def fold(flow: CompiledFlow, depth: Sequence[int], most: int) -> list[Group]:
    """At most `most` groups (or one for the steps, one for exit handlers), by layer and place."""
    count = len(flow.steps)
    if count <= most:
        keys: Sequence[Hashable] = range(count)
        return _grouped(flow, depth, keys)
    kinds = [(kind(flow, i), i in flow.handlers) for i in range(count)]
    for keys in _ever_coarser(flow, depth, kinds, most):
        if len(set(keys)) <= most:
            break
    return _grouped(flow, depth, keys)


def _ever_coarser(
    flow: CompiledFlow, depth: Sequence[int], kinds: Sequence[tuple[str, bool]], most: int
) -> Iterator[Sequence[Hashable]]:
    below: list[int] = [0] * len(kinds)
    numbers: dict[Hashable, int] = {}
    for i in flow.graph.order:
        above = frozenset(below[parent] for parent in flow.graph.parents[i])
        below[i] = numbers.setdefault((kinds[i], depth[i], above), len(numbers))
    yield below
    yield [(kind, depth[i]) for i, kind in enumerate(kinds)]
    handlers = len({depth[i] for i in flow.handlers})
    yield [(on_exit, depth[i]) for i, (_, on_exit) in enumerate(kinds)]
    layers = 1 + max((depth[i] for i in range(flow.handlers.start)), default=0)
    band = -(-layers // max(1, most - handlers))
    yield [
        (on_exit, depth[i] if on_exit else depth[i] // band) for i, (_, on_exit) in enumerate(kinds)
    ]
    yield [on_exit for _, on_exit in kinds]


def kind(flow: CompiledFlow, i: int) -> str:
    """What steps that do the same have in common."""
    step = flow.steps[i].spec
    return step.template_ref or _NUMBERS.sub("*", step.name)


def _grouped(flow: CompiledFlow, depth: Sequence[int], keys: Sequence[Hashable]) -> list[Group]:
    found: dict[Hashable, list[int]] = {}
    for i, key in enumerate(keys):
        found.setdefault(key, []).append(i)
    names = flow.graph.names
    groups = [
        Group(_named([names[i] for i in members]), min(depth[i] for i in members), tuple(members))
        for members in found.values()
    ]
    return sorted(groups, key=lambda group: (group.layer, group.members[0]))


def _named(names: Sequence[str]) -> str:
    """One name for all: what they begin with, or the first one and that there are more."""
    if len(names) == 1:
        return names[0]
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(min(names), max(names), strict=False))
    shared = "".join(letter for letter, _ in alike)
    return f"{shared}*" if shared.strip("0123456789-") else f"{names[0]} …"
