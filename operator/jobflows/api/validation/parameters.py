"""Parameters: each placeholder has a value, and each value comes from where it can come from."""

from collections.abc import Iterator
from typing import Any

from jobflows.api.jsonpath import CURE, JSONPathError, compile_path, split_step_path
from jobflows.api.model import JobFlow
from jobflows.api.parameters import InputParameter, OutputParameter
from jobflows.api.placeholders import (
    CONTEXT,
    find,
    find_arguments,
    find_context,
    find_outcome,
    malformed,
)
from jobflows.api.policy import RetryPolicy
from jobflows.api.spec import Step
from jobflows.api.validation.graph import StepGraph, unknown_step
from jobflows.api.validation.order import Demand
from jobflows.api.validation.places import places
from jobflows.api.validation.problems import Path, Problem, Spelling, listed

MAP_TEXTS = ("function", "items", "out", "checkpoint")
"""Fields of a map that become words of its command, and may hold placeholders."""

ELSEWHERE = "Use it in command, args or env[].value of a container, nowhere else"


def sources(flow: JobFlow, graph: StepGraph, demands: list[Demand]) -> Iterator[Problem]:
    """Inputs and outputs have exactly one source, and its path can be read."""
    for index, (base, step) in enumerate(places(flow)):
        for number, parameter in enumerate(step.inputs.parameters):
            path = (*base, "inputs", "parameters", number)
            yield from _one_source(path, parameter)
            source = parameter.value_from
            if source is not None and source.json_path is not None:
                where = (*path, "valueFrom", "jsonPath")
                yield from step_path(where, source.json_path, index, graph, demands)
        for number, output in enumerate(step.outputs.parameters):
            yield from _output(base, number, output)
    for index, template in enumerate(flow.spec.templates):
        for number, output in enumerate(template.outputs.parameters):
            yield from _output(("spec", "templates", index), number, output)


def _output(base: Path, number: int, output: OutputParameter) -> Iterator[Problem]:
    path = (*base, "outputs", "parameters", number, "valueFrom", "jsonPath")
    yield from _path(path, output.value_from.json_path)


def _one_source(path: Path, parameter: InputParameter) -> Iterator[Problem]:
    source = parameter.value_from
    if (parameter.value is None) == (source is None):
        given = "neither value nor" if source is None else "both value and"
        yield Problem(path, f"has {given} valueFrom", "Give exactly one of value and valueFrom")
    if source is not None:
        given_keys = [
            name
            for name in ("config_map_key_ref", "secret_key_ref", "json_path")
            if getattr(source, name) is not None
        ]
        if len(given_keys) != 1:
            yield Problem(
                (*path, "valueFrom"),
                f"has {len(given_keys) or 'no'} sources",
                "Give exactly one of configMapKeyRef, secretKeyRef and jsonPath",
            )


def step_path(
    path: Path, text: str, reader: int, graph: StepGraph, demands: list[Demand]
) -> Iterator[Problem]:
    """The path leads to a step that `reader` waits for; enters that demand."""
    try:
        name, inside = split_step_path(text)
    except JSONPathError as error:
        yield Problem(path, str(error), "Write step:$.path, such as extract:$.outputs.rows")
        return
    if name not in graph.index:
        yield Problem(path, f"there is no step '{name}'", unknown_step(name, graph))
    else:
        demands.append(Demand(path, reader, graph.index[name], "jsonPath"))
    yield from _path(path, inside)


def _path(path: Path, text: str) -> Iterator[Problem]:
    try:
        compile_path(text)
    except JSONPathError as error:
        yield Problem(path, str(error), CURE)


def placeholders(flow: JobFlow, spelling: Spelling) -> Iterator[Problem]:
    """Each placeholder in a step's strings names a parameter that can be used there."""
    shared = {parameter.name for parameter in flow.spec.parameters}
    general = flow.spec.execution_policy.retry_policy
    for path, text in fallback_strings(("spec", "executionPolicy"), general):
        yield from check_string(path, text, shared, {}, spelling)
    for base, step in places(flow):
        known = shared | {parameter.name for parameter in step.inputs.parameters}
        by_kubelet = read_by_kubelet(step)
        for path, text in _strings(base, step):
            yield from check_string(path, text, known, by_kubelet, spelling)
        for number, parameter in enumerate(step.inputs.parameters):
            if parameter.value is not None:
                # The flow's parameters only: inputs that fill in each other would need an order.
                where = (*base, "inputs", "parameters", number, "value")
                yield from check_string(where, parameter.value, shared, {}, spelling)
        for name, text in step.arguments.items():
            # Where a value that the kubelet reads may stand, depends on the template.
            yield from check_string((*base, "arguments", name), text, known, {}, spelling)


def read_by_kubelet(step: Step) -> dict[str, str]:
    """The kind of object that an input comes from, by its name, if only the kubelet reads it."""
    return {
        parameter.name: "Secret" if parameter.value_from.secret_key_ref else "ConfigMap"
        for parameter in step.inputs.parameters
        if parameter.value_from is not None and parameter.value_from.json_path is None
    }


def _strings(base: Path, step: Step) -> Iterator[tuple[Path, str]]:
    if step.message is not None:
        yield (*base, "message"), step.message
    yield from leaves((*base, "metadata", "labels"), step.metadata.labels)
    yield from leaves((*base, "metadata", "annotations"), step.metadata.annotations)
    yield from leaves((*base, "template"), step.template)
    if step.map is not None:
        for name in MAP_TEXTS:
            text = getattr(step.map, name)
            if isinstance(text, str):
                yield from leaves((*base, "map", name), text)
    yield from fallback_strings(base, step.retry_policy)


def fallback_strings(base: Path, policy: RetryPolicy | None) -> Iterator[tuple[Path, str]]:
    """Yield the strings with placeholders of the retryPolicy at `base`."""
    for number, fallback in enumerate(policy.fallbacks if policy else ()):
        path: Path = (*base, "retryPolicy", "fallbacks", number)
        yield from leaves((*path, "nodeSelector"), fallback.node_selector)
        yield from leaves((*path, "tolerations"), list(fallback.tolerations))
        yield from leaves((*path, "priorityClassName"), fallback.priority_class_name)


def leaves(path: Path, value: Any) -> Iterator[tuple[Path, str]]:
    """Yield strings that may hold a placeholder, with their paths."""
    if isinstance(value, str):
        if "{{" in value or "${" in value:
            yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from leaves((*path, key), item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves((*path, index), item)


def check_string(
    path: Path, text: str, known: set[str], by_kubelet: dict[str, str], spelling: Spelling
) -> Iterator[Problem]:
    """Each placeholder in `text` has a value there; `known` are the parameters that exist."""
    for name in dict.fromkeys(find(text)):
        if name not in known:
            yield Problem(
                path,
                f"there is no parameter '{name}' here",
                spelling.did_you_mean(name, known) or _declare(known),
            )
        elif name in by_kubelet and not becomes_environment(path):
            yield Problem(
                path,
                f"parameter '{name}' comes from a {by_kubelet[name]}, which only the kubelet reads",
                ELSEWHERE,
            )
    if path[1] != "templates":
        for name in dict.fromkeys(find_arguments(text)):
            problem = f"{{{{ arguments.{name} }}}} has a value in spec.templates only"
            cure = "Move the template there, or use an input parameter of the step"
            yield Problem(path, problem, cure)
    if path[3] not in ("template", "metadata", "arguments", "map"):
        for name in dict.fromkeys(find_context(text)):
            problem = f"{{{{ {name} }}}} is known to the step's Job only"
            yield Problem(path, problem, "Use it in the step's template or metadata")
    yield from _outcomes(path, text)
    for fragment in malformed(text):
        known_facts = ", ".join(CONTEXT)
        cure = f"Write {{{{ parameters.name }}}} or one of {known_facts}, without functions"
        yield Problem(path, f"'{fragment}' is not a placeholder", cure)


def _outcomes(path: Path, text: str) -> Iterator[Problem]:
    """The outcome is known to the Jobs of exit handlers; a shared template may be one of theirs."""
    places = ("template", "metadata", "arguments", "map")
    known = path[1] in ("onExit", "templates") and path[3] in places
    for name in () if known else dict.fromkeys(find_outcome(text)):
        problem = f"{{{{ {name} }}}} is known to the Jobs of exit handlers only"
        yield Problem(path, problem, "Use it in the template or metadata of a step of spec.onExit")


def _declare(known: set[str]) -> str:
    exist = f" ({listed(sorted(known))} exist)" if known else ""
    return f"Add it to spec.parameters or to the step's inputs.parameters{exist}"


def becomes_environment(path: Path) -> bool:
    """Whether a string is where `$(NAME)` of an environment variable works."""
    inside = path[3:]
    match inside:
        case ("map", _):
            return True
        case (
            "template",
            "spec",
            "template",
            "spec",
            "containers" | "initContainers",
            int(),
            *rest,
        ):
            return (len(rest) == 2 and rest[0] in ("command", "args")) or (
                len(rest) == 3 and rest[0] == "env" and rest[2] == "value"
            )
    return False
