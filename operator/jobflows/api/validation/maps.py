"""Map steps: a function, its items, and a template that leaves the command to them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from jobflows.api import cascade
from jobflows.api.array import MAX_TASKS
from jobflows.api.containers import main_container
from jobflows.api.map import (
    FUNCTION_PATTERN,
    ITEMS_VARIABLE,
    LONGEST_BLOCK,
    TASK_INDEX,
    Blocks,
    Map,
    longest_item,
)
from jobflows.api.model import JobFlow
from jobflows.api.placeholders import has_any, split_task
from jobflows.api.validation.graph import StepGraph
from jobflows.api.validation.order import Demand
from jobflows.api.validation.parameters import MAP_TEXTS, step_path
from jobflows.api.validation.places import places
from jobflows.api.validation.problems import Path, Problem

MOST_VARIABLES = 1000
"""Each step has a list of its own of them, with one more."""

_FUNCTION = re.compile(FUNCTION_PATTERN)


def maps(flow: JobFlow, graph: StepGraph, demands: list[Demand]) -> Iterator[Problem]:
    """Each map can be written as a command, and its tasks do not write over each other."""
    shared = cascade.by_name(flow.spec.templates)
    told: dict[int, list[tuple[str, str]]] = {}
    for index, (base, step) in enumerate(places(flow)):
        if step.map is None:
            continue
        path = (*base, "map")
        if step.type == "Manual":
            yield Problem(path, "a Manual step has no items", "Remove map")
            continue
        if step.array is not None:
            cure = "Remove array: itemsPerTask and parallelism say how a map is cut into tasks"
            yield Problem(path, "the step has an array, too", cure)
        used = shared.get(step.template_ref or "")
        template = used.template if used is not None else step.template
        where = (*base, "templateRef") if step.template_ref is not None else (*base, "template")
        if id(template) not in told:
            told[id(template)] = list(_command(template))
        yield from (Problem(where, words, cure) for words, cure in told[id(template)])
        yield from _function(path, step.map)
        yield from _items(path, step.map, index, graph, demands)
        yield from _files(path, step.map)


def _command(template: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    """What is wrong with a template of a map, and the cure; the same for all who share it."""
    main = main_container(template)
    for key in ("command", "args"):
        if main.get(key):
            words = f"container {main.get('name')} has {key}, but a map step writes its own"
            yield words, f"Remove {key} from the template, or map from the step"
    variables = main.get("env")
    if not isinstance(variables, list):
        return
    if len(variables) > MOST_VARIABLES:
        words = f"container {main.get('name')} has more than {MOST_VARIABLES} variables"
        yield words, "Read them from a file or a ConfigMap"
    if any(isinstance(v, Mapping) and v.get("name") == ITEMS_VARIABLE for v in variables):
        yield f"{ITEMS_VARIABLE} is set by the map", "Rename the variable"


def _function(path: Path, mapping: Map) -> Iterator[Problem]:
    if not has_any(mapping.function) and not _FUNCTION.match(mapping.function):
        yield Problem(
            (*path, "function"),
            f"'{mapping.function[:80]}' does not name a function",
            "Write package.module:function, such as shop.prices:fetch",
        )


def _items(
    path: Path, mapping: Map, index: int, graph: StepGraph, demands: list[Demand]
) -> Iterator[Problem]:
    if (mapping.items is None) == (mapping.items_from is None):
        told = "nothing" if mapping.items is None else "twice"
        yield Problem(path, f"says {told} what the items are", "Give items or itemsFrom")
        return
    size = mapping.items_per_task
    if mapping.items_from is not None:
        where = (*path, "itemsFrom", "jsonPath")
        yield from step_path(where, mapping.items_from.json_path, index, graph, demands)
    if not mapping.is_cut:
        yield from _one_task(path, mapping)
        return
    longest = longest_item(mapping.written or ())
    if longest > LONGEST_BLOCK:
        words = f"an item is longer than {LONGEST_BLOCK} bytes as JSON"
        yield Problem((*path, "items"), words, "Put the items into a file and give its path")
    elif mapping.written and size != "auto":
        blocks = Blocks(mapping.written, size)
        if len(blocks) > MAX_TASKS:
            words = f"{len(blocks)} tasks are more than {MAX_TASKS}"
            yield Problem((*path, "itemsPerTask"), words, "Write a larger number, or auto")
        if any(len(block["items"]) > LONGEST_BLOCK for block in blocks):
            yield Problem(
                (*path, "itemsPerTask"),
                f"{size} items of a task are longer than {LONGEST_BLOCK} bytes as JSON",
                "Write a smaller number, or auto",
            )


def _one_task(path: Path, mapping: Map) -> Iterator[Problem]:
    """Items in the pod: nobody knows how many, so they are not cut."""
    cure = "Remove it, or list the items in items or itemsFrom"
    if mapping.items_per_task != "auto":
        words = "items in the pod cannot be counted before it runs, so they are one task"
        yield Problem((*path, "itemsPerTask"), words, cure)
    if mapping.parallelism is not None:
        words = "items in the pod are one task; its workers are set by workers"
        yield Problem((*path, "parallelism"), words, cure)


def _files(path: Path, mapping: Map) -> Iterator[Problem]:
    for name in MAP_TEXTS:
        text = getattr(mapping, name)
        mentioned = split_task(text)[1::2] if isinstance(text, str) else []
        if not mentioned:
            continue
        if name in ("function", "items") or not mapping.is_cut:
            words = f"{{{{ task.{mentioned[0]} }}}} is unknown here"
            yield Problem((*path, name), words, "Remove it; the tasks of a map are alike")
        elif set(mentioned) != {"index"}:
            yield Problem((*path, name), "a task of a map has an index only", f"Use {TASK_INDEX}")
            return
    if mapping.out is not None and mapping.is_cut and "index" not in split_task(mapping.out):
        known, size = mapping.written, mapping.items_per_task
        if known is not None and (len(known) <= 1 or (size != "auto" and size >= len(known))):
            return
        yield Problem(
            (*path, "out"),
            "all tasks of the map would write to this file",
            f"Tell them apart, as in /data/results-{TASK_INDEX}.jsonl",
        )
