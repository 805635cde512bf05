"""Names: of the flow, of its steps, of parameters, and of the objects made from them.

A step's name becomes a label value, a part of the approval annotation's key and a part of Job
names, so it is a DNS label: dots, which zen-flow allowed, do not fit in all three places.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from jobflows.api.model import JobFlow
from jobflows.api.parameters import NAME_LENGTH, NAME_PATTERN
from jobflows.api.spec import STEP_NAME_LENGTH, STEP_NAME_PATTERN, Step, StepTemplate
from jobflows.api.validation.places import places
from jobflows.api.validation.problems import Path, Problem

NAME_MAX = 253
GENERATED = 5
"""Characters that the API server appends to metadata.generateName."""

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
_STEP = re.compile(STEP_NAME_PATTERN)
_PARAMETER = re.compile(NAME_PATTERN)


def flow_name(flow: JobFlow) -> Iterator[Problem]:
    """The flow has a name, or asks for one, that Kubernetes accepts."""
    meta = flow.metadata
    key, name, limit = "name", meta.name, NAME_MAX
    if not name:
        key, name, limit = "generateName", meta.generate_name, NAME_MAX - GENERATED
    path: Path = ("metadata", key)
    if not name:
        yield Problem(
            ("metadata",), "the flow has no name", "Write metadata.name, or metadata.generateName"
        )
    elif len(name) > limit:
        yield Problem(path, f"has {len(name)} characters", f"Use at most {limit}")
    elif not _SUBDOMAIN.match(name if key == "name" else f"{name}0"):
        yield Problem(
            path,
            f"'{name}' is not a DNS name",
            "Use lower-case letters, digits, dashes and dots; begin and end with a letter or digit",
        )


def step_names(flow: JobFlow) -> Iterator[Problem]:
    """Each step, and each template, has a valid name of its own."""
    lists: tuple[tuple[str, str, Sequence[Step | StepTemplate]], ...] = (
        ("steps", "step", flow.spec.steps),
        ("onExit", "step", flow.spec.on_exit),
        ("templates", "template", flow.spec.templates),
    )
    for key, what, named in lists:
        for index, item in enumerate(named):
            yield from _label(("spec", key, index, "name"), item.name)
        yield from duplicates(
            ("spec", key), (item.name for item in named), what, "Rename one of them"
        )


def shared_names(flow: JobFlow) -> Iterator[Problem]:
    """An exit handler has no name of a step: they would have the same Jobs."""
    taken = {step.name: index for index, step in enumerate(flow.spec.steps)}
    for index, handler in enumerate(flow.spec.on_exit):
        if handler.name in taken:
            words = f"step '{handler.name}' exists already as steps[{taken[handler.name]}]"
            yield Problem(("spec", "onExit", index, "name"), words, "Rename one of them")


def _label(path: Path, name: str) -> Iterator[Problem]:
    if not name:
        yield Problem(path, "must not be empty", "Give it a name")
    elif "." in name and _SUBDOMAIN.match(name):
        yield Problem(
            path,
            f"'{name}' has a dot; the name becomes a label and an annotation key",
            f"Write {name.replace('.', '-')}",
        )
    elif not _STEP.match(name) or "\n" in name:
        yield Problem(
            path,
            f"'{name}' is not a DNS label",
            "Use lower-case letters, digits and dashes; begin and end with a letter or digit",
        )
    elif len(name) > STEP_NAME_LENGTH:
        yield Problem(path, f"has {len(name)} characters", f"Use at most {STEP_NAME_LENGTH}")


def parameter_names(flow: JobFlow) -> Iterator[Problem]:
    """Parameters have valid names, unique in the flow or in their step."""
    spec = flow.spec
    yield from _parameters(("spec", "parameters"), (p.name for p in spec.parameters))
    for base, step in places(flow):
        yield from _parameters(
            (*base, "inputs", "parameters"), (p.name for p in step.inputs.parameters)
        )
        yield from _parameters(
            (*base, "outputs", "parameters"), (p.name for p in step.outputs.parameters)
        )
    for index, template in enumerate(spec.templates):
        path = ("spec", "templates", index, "outputs", "parameters")
        yield from _parameters(path, (p.name for p in template.outputs.parameters))


def _parameters(path: Path, names: Iterable[str]) -> Iterator[Problem]:
    names = list(names)
    for index, name in enumerate(names):
        if not _PARAMETER.match(name) or "\n" in name or len(name) > NAME_LENGTH:
            yield Problem(
                (*path, index, "name"),
                f"'{name}' cannot be used as {{{{ parameters.{name} }}}}",
                f"Use at most {NAME_LENGTH} letters, digits, dashes and underscores; "
                "begin and end with a letter or digit",
            )
    yield from duplicates(path, names, "parameter", "Remove or rename one of them")


def duplicates(path: Path, names: Iterable[str], what: str, cure: str) -> Iterator[Problem]:
    """Name every item of a list whose name was used by an item before it."""
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        earlier = first.setdefault(name, index)
        if earlier != index:
            yield Problem(
                (*path, index, "name"),
                f"{what} '{name}' exists already as {path[-1]}[{earlier}]",
                cure,
            )


def is_object_name(name: str) -> bool:
    """Whether Kubernetes accepts `name` for an object such as a ConfigMap."""
    return len(name) <= NAME_MAX and _SUBDOMAIN.match(name) is not None
