"""What tasks of a DAG wait for: `dependencies`, `depends`, `when`, and the order that follows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from jobflows.cli.convert.argo.conditions import UntranslatableError, depends, watched, when
from jobflows.cli.convert.argo.planned import Before, Call
from jobflows.cli.convert.argo.values import Scope
from jobflows.cli.convert.source import ConversionError, Part


def waits_for(task: Part, call: Call, scope: Scope, before: Before, last: tuple[str, ...]) -> Call:
    """What a task waits for, and its conditions; one that cannot be read lets it never run."""
    notes, made = task.notes, replace(call, after=last)
    text = _depends(task)
    try:
        if text:
            found = depends(text, before)
            after = found.names or call.after  # which these wait for already
            needs = tuple(dict.fromkeys((*call.needs, *found.needs)))
            made = replace(made, after=after, needs=needs)
    except UntranslatableError as error:
        notes.lost(task.at("depends"), f"{error}; when is never until you write it")
        made = replace(made, never=True)
    try:
        if text := task.text("when"):
            made = replace(made, conditions=(*call.conditions, when(text, scope)))
    except UntranslatableError as error:
        notes.lost(task.at("when"), f"{error}; when is never until you write it")
        made = replace(made, never=True)
    return made


def watchers_in(groups: Sequence[Sequence[Part]]) -> dict[str, Part]:
    """Tasks whose failure is looked at, each with one that does."""
    found: dict[str, Part] = {}
    for task in (task for group in groups for task in group):
        with suppress(UntranslatableError):  # noted where it is converted
            found |= dict.fromkeys(watched(_depends(task)), task)
    return found


def _depends(task: Part) -> str:
    """What a task waits for, in either way of saying it."""
    names = task.listing("dependencies", "strings")
    return task.text("depends") or " && ".join(names)


def in_order(tasks: Sequence[Part]) -> list[Part]:
    """Tasks after all that they name."""
    named = {task.text("name"): task for task in tasks}
    needs = {
        name: [other for other in re.findall(r"[\w-]+", _depends(task)) if other in named]
        for name, task in named.items()
    }
    try:
        return [named[name] for name in TopologicalSorter(needs).static_order()]
    except CycleError as error:
        cycle = error.args[1]
        words = f"waits in a cycle: {', '.join(cycle[:8])}"
        raise ConversionError(named[cycle[0]].path, words) from None
