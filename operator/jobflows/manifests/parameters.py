"""Parameters inside a Job manifest.

Two kinds of places: in a container's command, args and env, Kubernetes itself expands `$(NAME)`,
so a value is escaped there (`$` becomes `$$`) and cannot reach for another variable; everywhere
else it stands as it is. A parameter that comes from a ConfigMap or Secret never has its value
here: the container gets an environment variable that the kubelet fills, and the placeholder
becomes a reference to it. The arguments of a template are values too, made of other values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobflows.api.parameters import InputParameter
from jobflows.api.placeholders import ARGUMENTS, find, find_arguments, pieces, substitute

EXPANDED = ("command", "args", "env")
"""Fields of a container in which the kubelet expands `$(NAME)`."""


@dataclass(frozen=True, slots=True)
class Referenced:
    """A parameter that the kubelet resolves: the variable's name and its `valueFrom`."""

    variable: str
    value_from: Mapping[str, Any]


def referenced_parameters(
    inputs: tuple[InputParameter, ...], resource_names: Mapping[str, str]
) -> dict[str, Referenced]:
    """The ConfigMap and Secret parameters of a step by name; `resource_names` maps ConfigMaps."""
    found: dict[str, Referenced] = {}
    taken: set[str] = set()
    for parameter in inputs:
        source = parameter.value_from
        if source is None or source.json_path is not None:
            continue
        kind, ref = "secretKeyRef", source.secret_key_ref
        name = ref.name if ref else ""
        if source.config_map_key_ref is not None:
            kind, ref = "configMapKeyRef", source.config_map_key_ref
            name = resource_names.get(ref.name, ref.name)
        if ref is None:
            continue
        variable = "JOBFLOW_PARAM_" + re.sub(r"[^A-Z0-9]", "_", parameter.name.upper())
        while variable in taken:
            variable += "_"
        taken.add(variable)
        found[parameter.name] = Referenced(variable, {kind: {"name": name, "key": ref.key}})
    return found


def fillings(
    values: Mapping[str, str],
    referenced: Mapping[str, Referenced],
    arguments: Mapping[str, str],
) -> dict[str, str]:
    """What placeholders become in command, args and env, where the kubelet expands `$(NAME)`.

    `values` holds all that is known here; what else `arguments` mention is in `referenced`.
    """
    escaped = {name: _escape(value) for name, value in values.items()}
    escaped |= {name: f"$({ref.variable})" for name, ref in referenced.items()}
    for name, text in arguments.items():
        if f"{ARGUMENTS}{name}" not in values:
            escaped[f"{ARGUMENTS}{name}"] = "".join(
                _escape(literal) + (escaped[mentioned] if mentioned else "")
                for literal, mentioned in pieces(text)
            )
    return escaped


def fill_container(
    container: Mapping[str, Any],
    values: Mapping[str, str],
    referenced: Mapping[str, Referenced],
    arguments: Mapping[str, str],
) -> dict[str, Any]:
    """Return a copy of a container with its parameters and arguments in place."""
    escaped = fillings(values, referenced, arguments)
    filled = {
        key: substitute(value, escaped if key in EXPANDED else values)
        for key, value in container.items()
    }
    names = set(_names(container, arguments)) if referenced else ()
    used = [ref for name, ref in referenced.items() if name in names]
    if used:
        variables = [{"name": ref.variable, "valueFrom": dict(ref.value_from)} for ref in used]
        filled["env"] = [*variables, *(filled.get("env") or [])]
    return filled


def _escape(value: str) -> str:
    return value.replace("$", "$$")


def _names(tree: Any, arguments: Mapping[str, str]) -> list[str]:
    """The parameters that a tree mentions, itself and through its arguments."""
    match tree:
        case str():
            through = [
                name for argument in find_arguments(tree) for name in find(arguments[argument])
            ]
            return [*find(tree), *through]
        case dict():
            return [name for value in tree.values() for name in _names(value, arguments)]
        case list() | tuple():
            return [name for value in tree for name in _names(value, arguments)]
        case _:
            return []
