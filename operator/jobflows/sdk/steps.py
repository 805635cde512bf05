"""Groups of tasks as steps of a flow: one task as a plain step, several as an array."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

from jobflows.api.array import MAX_ITEMS
from jobflows.sdk.amounts import parameter
from jobflows.sdk.tasks import Output, Task

_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,14}")
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Sources = Mapping[Output, str]
"""Where the values of outputs are found, as a path to a step."""


def single(task: Task, sources: Sources) -> dict[str, Any]:
    """What one task adds to its template."""
    step: dict[str, Any] = {}
    inputs = []
    arguments = {}
    for name, value in task.args.items():
        if isinstance(value, Output):
            inputs.append(_input(f"argument-{name}", sources[value]))
            arguments[name] = f"{{{{ parameters.argument-{name} }}}}"
        else:
            arguments[name] = value
    amounts = task.settings.compute_resources if task.settings is not None else {}
    for key, amount in amounts.items():
        if isinstance(amount, Output):
            assert f"resource-{key}" in parameter(key)
            inputs.append(_input(f"resource-{key}", sources[amount]))
    if arguments:
        step["arguments"] = arguments
    if inputs:
        step["inputs"] = {"parameters": inputs}
    return step


def outputs_of(outputs: Sequence[Output]) -> tuple[list[dict[str, Any]], dict[Output, str]]:
    """What a step says it finds out, and the name of each of these values."""
    names: dict[Output, str] = {}
    for output in outputs:
        name, number = output.name, 2
        while name in names.values():
            name, number = f"{output.name}-{number}", number + 1
        names[output] = name
    declared = [
        {"name": name, "valueFrom": {"jsonPath": output.json_path}}
        for output, name in names.items()
    ]
    return declared, names


def source(step: str, name: str) -> str:
    """The path to an output of a step."""
    member = f".{name}" if _PLAIN_NAME.fullmatch(name) else f"['{name}']"
    return f"{step}:$.outputs{member}"


def _input(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"jsonPath": path}}


def array(tasks: Sequence[Task]) -> dict[str, Any]:
    """What several tasks add to their template: one array, each argument that differs an item.

    Their arguments are text of one line.
    """
    varying = _varying(tasks)
    arguments = {
        name: f"{{{{ task.{_key(name)} }}}}" if name in varying else text
        for name, text in _texts(tasks[0]).items()
    }
    if is_product(tasks):
        choices = _choices(tasks, varying)
        said: dict[str, Any] = {
            "matrix": {_key(n): [_value(v) for v in choices[n]] for n in varying}
        }
    else:
        said = {"items": [{_key(n): _value(_texts(t)[n]) for n in varying} for t in tasks]}
    return {"arguments": arguments, "array": said}


def is_product(tasks: Sequence[Task]) -> bool:
    """Whether the tasks are all combinations of some values, in the order that a matrix has."""
    varying = _varying(tasks)
    choices = _choices(tasks, varying)
    sizes = [len(values) for values in choices.values()]
    if not sizes or prod(sizes) != len(tasks) or max(sizes) > MAX_ITEMS or len(sizes) > 16:
        return False
    combined = product(*choices.values())
    return all(
        tuple(_texts(task)[name] for name in varying) == values
        for task, values in zip(tasks, combined, strict=True)
    )


def _choices(tasks: Sequence[Task], varying: Sequence[str]) -> dict[str, list[str]]:
    return {name: list(dict.fromkeys(_texts(task)[name] for task in tasks)) for name in varying}


def _varying(tasks: Sequence[Task]) -> list[str]:
    """The arguments that are not the same in all tasks, in the order in which a matrix varies."""
    first = _texts(tasks[0])
    names = (n for n, text in first.items() if any(_texts(task)[n] != text for task in tasks))
    return sorted(names, key=_key)


def _texts(task: Task) -> Mapping[str, str]:
    return task.args  # type: ignore[return-value] # tasks with outputs stay alone


def _key(name: str) -> str:
    """What the value is called in an array, where `index` means something else."""
    return "index_" if name == "index" else name


def _value(text: str) -> str | int:
    return int(text) if _WHOLE.fullmatch(text) else text
