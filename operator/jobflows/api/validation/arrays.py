"""Arrays: the tasks can be counted, told apart, and run by one template."""

import re
from collections.abc import Generator, Iterator, Mapping
from typing import Any

from jobflows.api import cascade
from jobflows.api.array import MAX_TASKS, TASK_KEY_PATTERN, Array, ItemsError, TaskValues
from jobflows.api.model import JobFlow
from jobflows.api.spec import Step
from jobflows.api.validation.graph import StepGraph
from jobflows.api.validation.mentions import Spoken, of_step, wrong
from jobflows.api.validation.order import Demand
from jobflows.api.validation.parameters import step_path
from jobflows.api.validation.places import places
from jobflows.api.validation.problems import Path, Problem, Spelling, listed

DECIDED = (
    "completions",
    "parallelism",
    "completionMode",
    "backoffLimit",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
    "podReplacementPolicy",
    "successPolicy",
)
"""Fields of a Job that an array sets itself."""

_KEY = re.compile(TASK_KEY_PATTERN)


def arrays(
    flow: JobFlow, graph: StepGraph, demands: list[Demand], spelling: Spelling
) -> Iterator[Problem]:
    """Each array makes tasks, and only arrays speak of tasks."""
    templates = cascade.by_name(flow.spec.templates)
    spoken: dict[str, tuple[Path, Spoken]] = {}
    for number, one in enumerate(flow.spec.templates):
        place: Path = ("spec", "templates", number, "template")
        if one.name not in spoken:
            spoken[one.name] = place, Spoken.read(place, one.template)
    for index, (base, step) in enumerate(places(flow)):
        shared = templates.get(step.template_ref or "")
        template, where = step.template, (*base, "template")
        if shared is not None:
            template, where = shared.template, spoken[shared.name][0]
        keys: set[str] | None = None
        if step.array is not None:
            path = (*base, "array")
            keys = yield from _tasks(path, step.array)
            yield from _found_items(path, step.array, index, graph, demands)
            yield from _runnable(base, where, step, template)
            yield from _by_index(path, flow, step, graph)
            if cascade.outputs(shared, step):
                cure = "Have the tasks write to a volume, and a step after them read it"
                yield Problem((*base, "outputs"), "tasks of an array have no outputs", cure)
        elif step.map is not None:
            keys = {"index"}
            yield from _runnable(base, where, step, template)
        for mention in of_step(base, step):
            yield from wrong(mention, template, step=step, keys=keys, spelling=spelling)
        for mention in spoken[shared.name][1].to(step, keys) if shared is not None else ():
            told = next(wrong(mention, template, step=step, keys=keys, spelling=spelling), None)
            if told is not None:
                yield told
                break


def _tasks(path: Path, array: Array) -> Generator[Problem, None, set[str] | None]:
    """Problems of the list of tasks; returns the names of their values, None if nobody knows."""
    given = [name for name in ("count", "items", "items_from", "matrix") if _has(array, name)]
    if len(given) != 1:
        told = "nothing" if not given else "several"
        yield Problem(
            path, f"says {told} of how many", "Give exactly one of count, items, itemsFrom, matrix"
        )
        return None
    if array.items_from is not None:
        return None
    if array.matrix is not None and not array.matrix:
        yield Problem((*path, "matrix"), "is empty", "Name at least one key and its values")
        return None
    try:
        values = TaskValues.of(array)
    except ItemsError as error:
        where = "items" if array.items is not None else "matrix"
        cure = "Write strings, numbers or booleans of one line, or flat mappings of them"
        yield Problem((*path, where), str(error), cure)
        return None
    if values.count > MAX_TASKS:
        yield Problem(path, f"{values.count} tasks are more than {MAX_TASKS}", "Split the step")
    for key in values.keys:
        if not _KEY.match(key):
            cure = "Use letters, digits and underscores, a letter first"
            yield Problem(path, f"'{key}' cannot name a value of a task", cure)
    if values.items is not None:
        yield from _uneven(path, values)
    return {"index", *values.keys}


def _has(array: Array, name: str) -> bool:
    return getattr(array, name) is not None


def _uneven(path: Path, values: TaskValues) -> Iterator[Problem]:
    keys = set(values.keys)
    for number, item in enumerate(values.items or ()):
        if item.keys() != keys:
            missing = listed(sorted(keys - item.keys()))
            yield Problem(
                (*path, "items", number), f"has no {missing}", "Give all items the same keys"
            )
            return


def _found_items(
    path: Path, array: Array, index: int, graph: StepGraph, demands: list[Demand]
) -> Iterator[Problem]:
    if array.items_from is not None:
        where = (*path, "itemsFrom", "jsonPath")
        yield from step_path(where, array.items_from.json_path, index, graph, demands)


def _runnable(
    base: Path, where: Path, step: Step, template: Mapping[str, Any] | None
) -> Iterator[Problem]:
    if step.type == "Manual":
        if step.array is not None:
            yield Problem((*base, "array"), "a Manual step has no tasks", "Remove array")
        return
    spec = (template or {}).get("spec")
    if not isinstance(spec, dict):
        return
    for key in DECIDED:
        if spec.get(key) is not None:
            kind = "array" if step.array is not None else "map"
            cure = f"Remove it; use {kind}.parallelism and retryPolicy"
            yield Problem((*where, "spec", key), f"is decided by the {kind}", cure)
    pod = spec.get("template")
    inner = pod.get("spec") if isinstance(pod, dict) else None
    if isinstance(inner, dict) and inner.get("restartPolicy") == "OnFailure":
        yield Problem(
            (*where, "spec", "template", "spec", "restartPolicy"),
            "an array sees no failure of a pod that restarts in place",
            "Write Never, or leave it out",
        )


def _by_index(path: Path, flow: JobFlow, step: Step, graph: StepGraph) -> Iterator[Problem]:
    array = step.array
    if array is None or array.dependency_mode != "Index":
        return
    where = (*path, "dependencyMode")
    steps = flow.spec.all_steps
    above = [steps[graph.index[name]] for name in step.dependencies if name in graph.index]
    arrays_above = [parent for parent in above if parent.array is not None]
    if not arrays_above:
        cure = "Depend on an array with as many tasks, or leave dependencyMode out"
        yield Problem(where, "Index needs an array among the dependencies", cure)
    own = _count(array)
    for parent in arrays_above:
        theirs = _count(parent.array) if parent.array is not None else None
        if own is not None and theirs is not None and own != theirs:
            yield Problem(
                where,
                f"{own} tasks cannot follow the {theirs} of '{parent.name}' one by one",
                "Give both as many tasks, or leave dependencyMode out",
            )


def _count(array: Array) -> int | None:
    if array.items_from is not None:
        return None
    try:
        return TaskValues.of(array).count
    except ItemsError:
        return None
