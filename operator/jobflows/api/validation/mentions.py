"""Where the strings of a step speak of its tasks: `{{ task.x }}` has a value there, and a shell.

A template that many steps share is read once. Each of them then looks at one place of each kind,
and at each name once, so that 10,000 steps of a template with 50,000 strings are checked as fast as
both by themselves; of each the first mistake is told.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jobflows.api.containers import main_container
from jobflows.api.placeholders import find_arguments, split_task
from jobflows.api.spec import Step
from jobflows.api.validation.parameters import becomes_environment, leaves
from jobflows.api.validation.problems import Path, Problem, Spelling, listed

Mention = tuple[Path, tuple[str, ...]]
"""A place, and the names of tasks' values in it."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a shared template says of tasks."""

    places: tuple[Mention, ...]
    """One of each kind."""
    names: Mapping[str, Path]
    arguments: Mapping[str, tuple[Path, ...]]
    """Where each argument stands, one place of each kind."""

    @classmethod
    def read(cls, where: Path, template: Mapping[str, Any]) -> "Spoken":
        main = main_container(template)
        places: dict[object, Mention] = {}
        names: dict[str, Path] = {}
        arguments: dict[str, dict[object, Path]] = {}
        for path, text in leaves(where, template):
            kind = _kind(path, template, main)
            said = mentioned(text)
            if said:
                places.setdefault(kind, (path, said))
            for name in said:
                names.setdefault(name, path)
            for argument in find_arguments(text):
                arguments.setdefault(argument, {}).setdefault(kind, path)
        return cls(
            tuple(places.values()), names, {n: tuple(p.values()) for n, p in arguments.items()}
        )

    def to(self, step: Step, keys: set[str] | None) -> Iterator[Mention]:
        """What it says to a step that uses it, of which the tasks have `keys`."""
        yield from self.places
        for name, path in self.names.items() if keys is not None else ():
            yield path, (name,)
        for argument, text in step.arguments.items():
            said = mentioned(text)
            for path in self.arguments.get(argument, ()) if said else ():
                yield path, said


def mentioned(text: str) -> tuple[str, ...]:
    """The names of tasks' values in a text, each once."""
    return tuple(dict.fromkeys(split_task(text)[1::2]))


def of_step(base: Path, step: Step) -> Iterator[Mention]:
    """Where a step itself speaks of tasks: in its own template, and in its metadata."""
    for path, text in (
        *leaves((*base, "template"), step.template),
        *leaves((*base, "metadata", "labels"), step.metadata.labels),
        *leaves((*base, "metadata", "annotations"), step.metadata.annotations),
        *leaves((*base, "message"), step.message),
    ):
        said = mentioned(text)
        if said:
            yield path, said


def wrong(
    mention: Mention,
    template: Mapping[str, Any] | None,
    *,
    step: Step,
    keys: set[str] | None,
    spelling: Spelling,
) -> Iterator[Problem]:
    """What is wrong with a mention in a step whose tasks have `keys`; None if nobody knows them."""
    path, names = mention
    has_tasks = step.array is not None or (step.map is not None and step.map.is_cut)
    if not has_tasks:
        yield Problem(path, f"{{{{ task.{names[0]} }}}} needs an array", "Add array to the step")
        return
    if not becomes_environment(path):
        yield Problem(
            path,
            "all tasks of an array share this, so it cannot say which task",
            "Use {{ task.… }} in command, args or env[].value of a container",
        )
        return
    for name in names if keys is not None else ():
        if keys is not None and name not in keys:
            cure = spelling.did_you_mean(name, keys) or f"Tasks have {listed(sorted(keys))}"
            yield Problem(path, f"tasks have no '{name}'", cure)
    container = _container(path, template)
    if not container.get("command") and not (
        step.map is not None and container is main_container(template)
    ):
        yield Problem(
            (*path[:9], "command"),
            "is needed: the task's values are filled in by a shell that then runs the command",
            "Write the command of the image, such as [python, main.py]",
        )


def _kind(path: Path, template: Mapping[str, Any], main: Mapping[str, Any]) -> object:
    """What places have in common in which the same is right, whatever step they are for."""
    if not becomes_environment(path):
        return None
    container = _container(path, template)
    return bool(container.get("command")), container is main


def _container(path: Path, template: Mapping[str, Any] | None) -> Any:
    inside: Any = template
    for key in ("spec", "template", "spec", path[7], path[8]):
        inside = inside[key]
    return inside
