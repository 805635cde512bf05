"""Names of steps: short, legible, and the same whenever the same graph is built."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from jobflows.sdk.tasks import Task, default_name, digest

LONGEST = 63
_TAIL = 6


def slug(text: str) -> str:
    """Text as a name that Kubernetes takes; empty when nothing of it can be in one."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def flow_name(name: str, told: object) -> str:
    """The name of a flow: what people call it, and a hash of what tells it from others."""
    return f"{slug(name)[:40].strip('-') or 'workflow'}-{digest(told)[:8]}"


def step_names(groups: Sequence[Sequence[Task]]) -> list[str]:
    """A name for each group of tasks of one template."""
    by_template: dict[str, list[Sequence[Task]]] = {}
    for group in groups:
        by_template.setdefault(group[0].template.name, []).append(group)
    shared = {name: _shared(members) for name, members in by_template.items()}
    taken: set[str] = set()
    names = []
    for group in groups:
        template = group[0].template.name
        if len(by_template[template]) == 1:
            wanted = slug(template)
        elif len(group) == 1:
            wanted = slug(default_name(group[0].template, group[0].args))  # names may change
        else:
            wanted = slug("-".join([template, *_told(group, shared[template])]))
        names.append(_free(wanted, group, taken))
    return names


def _free(wanted: str, group: Sequence[Task], taken: set[str]) -> str:
    name = wanted
    if not name or len(name) > LONGEST or name in taken:
        tail = digest([task.hash for task in group])[:_TAIL]
        name = f"{wanted[: LONGEST - _TAIL - 1].strip('-') or 'task'}-{tail}"
    taken.add(name)
    return name


def _shared(groups: Sequence[Sequence[Task]]) -> Mapping[str, object]:
    """Node arguments that are the same in all tasks of a template, which tell nothing."""
    return _constant([task for group in groups for task in group])


def _told(group: Sequence[Task], shared: Mapping[str, object]) -> list[str]:
    found = _constant(group)
    return [str(found[name]) for name in found if name not in shared]


def _constant(tasks: Sequence[Task]) -> dict[str, object]:
    first = tasks[0]
    return {
        name: first.args[name]
        for name in first.template.node_args
        if all(task.args[name] == first.args[name] for task in tasks)
    }
