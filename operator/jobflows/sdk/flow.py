"""A workflow as a JobFlow, and where in it each task is.

The same tasks make the same flow, in whatever order the program made them: what decides is their
templates and node arguments. So a workflow that is defined again can be resumed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobflows.api.array import MAX_ITEMS, MAX_TASKS
from jobflows.api.base import INT32_MAX
from jobflows.api.model import API_VERSION, KIND
from jobflows.api.spec import MAX_STEPS
from jobflows.api.validation import Problem, check
from jobflows.api.validation.problems import dotted, listed
from jobflows.sdk.errors import DefinitionError
from jobflows.sdk.layout import Cycle, Group, arrange
from jobflows.sdk.naming import step_names
from jobflows.sdk.pods import Templates
from jobflows.sdk.same import ANNOTATION
from jobflows.sdk.steps import array, is_product, outputs_of, single, source
from jobflows.sdk.tasks import Output, Task, digest

if TYPE_CHECKING:
    from jobflows.sdk.workflow import Workflow

KEPT_SECONDS = 30 * 86_400
"""How long a finished flow stays on a cluster, where it can be resumed."""


@dataclass(frozen=True, slots=True)
class Place:
    """A task in a flow: its step, and its index if that is an array."""

    step: str
    index: int | None


@dataclass(frozen=True, slots=True)
class Built:
    """A flow, and where each task is in it."""

    document: dict[str, Any]
    places: Mapping[Task, Place]


def build(workflow: Workflow, *, fail_fast: bool = False) -> Built:
    """Make the flow; raises `DefinitionError` for what cannot be one."""
    tasks = sorted(workflow.tasks, key=_order)
    if not tasks:
        raise DefinitionError(f"{workflow.owner} has no tasks; add some with add_tasks")
    upstreams = _numbers(workflow, tasks)
    outputs = _outputs(tasks)
    templates = Templates(workflow)
    kinds = [
        (task.hash, templates.of(task))
        if _stays_alone(task) or task in outputs
        else templates.of(task)
        for task in tasks
    ]
    try:
        groups = arrange(kinds, upstreams)
    except Cycle as cycle:
        names = " -> ".join(tasks[i].name for i in cycle.tasks)
        raise DefinitionError(f"tasks wait for each other: {names}; remove one of these") from None
    steps, places = _steps(tasks, groups, templates, outputs)
    if len(steps) > MAX_STEPS:
        raise DefinitionError(
            f"{workflow.owner}: its {len(tasks)} tasks make {len(steps)} steps, and a flow has at "
            f"most {MAX_STEPS}; let tasks of one template wait for all tasks of another, or each "
            "for one, so that they become arrays"
        )
    document = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "name": workflow.run_name,
            "annotations": {ANNOTATION: json.dumps(_identity(workflow, tasks, places, templates))},
        },
        "spec": {
            "executionPolicy": _policy(workflow, fail_fast=fail_fast),
            "templates": templates.documents(),
            "steps": steps,
        },
    }
    _check(document, templates, places)
    return Built(document, places)


def _order(task: Task) -> tuple[Any, ...]:
    template = task.template
    return template.name, [_natural(task.args[n]) for n in template.identity[0]], task.hash


def _natural(value: str | Output) -> tuple[int, float, str]:
    """Numbers by their size, before words."""
    text = value if isinstance(value, str) else value.task.name
    try:
        number = float(text)
    except ValueError:
        return 1, 0.0, text
    return (0, number, text) if number == number else (1, 0.0, text)  # noqa: PLR0124 - not for nan


def _numbers(workflow: Workflow, tasks: Sequence[Task]) -> list[frozenset[int]]:
    """The dependencies of each task as numbers; sets that tasks share stay shared."""
    number = {task: i for i, task in enumerate(tasks)}
    known: dict[int, frozenset[int]] = {}
    found = []
    for task in tasks:
        above = known.get(id(task.upstreams))
        if above is None:
            missing = next((up for up in task.upstreams if up not in number), None)
            if missing is not None:
                raise DefinitionError(
                    f"task '{task.name}' waits for '{missing.name}', which is not in "
                    f"{workflow.owner}; add it with add_tasks"
                )
            above = known[id(task.upstreams)] = frozenset(number[up] for up in task.upstreams)
        found.append(above)
    return found


def _outputs(tasks: Iterable[Task]) -> dict[Task, list[Output]]:
    """What tasks find out that others want to know."""
    found: dict[Task, list[Output]] = {}
    for output in dict.fromkeys(output for task in tasks for output in task.reads):
        found.setdefault(output.task, []).append(output)
    return found


def _stays_alone(task: Task) -> bool:
    """Whether no array can have it: arrays know values of one line, and no outputs."""
    return bool(task.reads) or any("\n" in str(value) for value in task.args.values())


def _steps(
    tasks: Sequence[Task],
    groups: Sequence[Group],
    templates: Templates,
    outputs: Mapping[Task, Sequence[Output]],
) -> tuple[list[dict[str, Any]], dict[Task, Place]]:
    members = [[tasks[i] for i in group.members] for group in groups]
    large = [group for group in members if len(group) > MAX_ITEMS]
    size = MAX_TASKS if all(map(is_product, large)) else MAX_ITEMS
    names = [
        [name, *(f"{name[:55]}-part-{n}" for n in range(2, -(-len(group) // size) + 1))]
        for name, group in zip(step_names(members), members, strict=True)
    ]
    steps: list[dict[str, Any]] = []
    places: dict[Task, Place] = {}
    sources: dict[Output, str] = {}
    for group, own, called in zip(groups, members, names, strict=True):
        for number, name in enumerate(called):
            part = own[number * size : (number + 1) * size]
            step: dict[str, Any] = {"name": name}
            above = [
                [names[p][number]] if group.by_index and len(members[p]) > 1 else names[p]
                for p in group.parents
            ]
            if above:
                step["dependencies"] = [each for parent in above for each in parent]
            step["templateRef"] = templates.of(part[0])
            if len(own) == 1:
                step |= single(part[0], sources)
                places[part[0]] = Place(name, None)
            else:
                step |= array(part)
                if group.by_index:
                    step["array"]["dependencyMode"] = "Index"
                places |= {task: Place(name, index) for index, task in enumerate(part)}
            if part[0] in outputs:
                declared, known = outputs_of(outputs[part[0]])
                step["outputs"] = {"parameters": declared}
                sources |= {output: source(name, called) for output, called in known.items()}
            steps.append(step)
    return steps, places


def _policy(workflow: Workflow, *, fail_fast: bool) -> dict[str, Any]:
    policy: dict[str, Any] = {
        "backoffLimit": INT32_MAX,  # each task has its own attempts, and no other limit
        "failFast": fail_fast,
        "ttlSecondsAfterFinished": KEPT_SECONDS,
    }
    if workflow.max_concurrently_running is not None:
        policy["parallelism"] = workflow.max_concurrently_running
    if workflow.retry_delay is not None:
        policy["retryPolicy"] = {"backoff": {"duration": workflow.retry_delay}}
    return policy


def _identity(
    workflow: Workflow,
    tasks: Sequence[Task],
    places: Mapping[Task, Place],
    templates: Templates,
) -> dict[str, Any]:
    """What tells the workflow from others, and in which part it differs from one."""
    sets: dict[int, str] = {}
    told: dict[str, list[str]] = {}
    for task in tasks:
        key = id(task.upstreams)
        if key not in sets:
            sets[key] = digest(sorted(up.hash for up in task.upstreams))
        told.setdefault(task.template.name, []).append(f"{task.hash}<{sets[key]}")
    return {
        "tool": workflow.tool.name,
        "args": workflow.workflow_args,
        "templates": {
            name: {
                "tasks": len(hashes),
                "hash": digest(sorted(hashes)),
                "as": templates.of_template[name],
            }
            for name, hashes in told.items()
        },
        "places": digest(sorted((t.hash, p.step, p.index or 0) for t, p in places.items())),
    }


def _check(document: dict[str, Any], templates: Templates, places: Mapping[Task, Place]) -> None:
    problems = check(document).problems
    if problems:
        words = listed((_words(each, document, templates, places) for each in problems), limit=5)
        raise DefinitionError(words)


def _words(
    problem: Problem,
    document: Mapping[str, Any],
    templates: Templates,
    places: Mapping[Task, Place],
) -> str:
    """A problem of the flow in the words of the program."""
    match problem.path:
        case ("spec", "templates", int(number), *rest):
            owner = templates.owners[number]
        case ("spec", "steps", int(number), *rest):
            step = document["spec"]["steps"][number]["name"]
            task = next(task for task, place in places.items() if place.step == step)
            owner = f"task '{task.name}'"
        case _:
            return str(problem)
    where = f"{dotted(tuple(rest))}: " if rest else ""
    return f"{owner}: {where}{problem.message}. {problem.cure}"
