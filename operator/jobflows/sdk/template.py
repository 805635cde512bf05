"""A task template: a command with arguments of three kinds, from which tasks are made.

Node arguments tell the tasks of a template from each other, task arguments say on what version of
the data they work; both are part of a task's identity. Operation arguments (a path of a script, a
verbosity) are not: they may change when a workflow is resumed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobflows.sdk.command import ARGUMENT_PATTERN, Command
from jobflows.sdk.errors import DefinitionError
from jobflows.sdk.given import mapping, names, text
from jobflows.sdk.scales import Scale
from jobflows.sdk.settings import Settings
from jobflows.sdk.tasks import Output, Task, Value

if TYPE_CHECKING:
    from jobflows.sdk.tool import Tool
    from jobflows.sdk.usage import ResourceUsage

_RESERVED = frozenset(
    (
        "upstream_tasks",
        "max_attempts",
        "compute_resources",
        "resource_scales",
        "fallbacks",
        "self",
    )
)
_PLACEHOLDER = re.compile(r"\{\{ arguments\.(\w+) \}\}")


class TaskTemplate:
    """A command and its arguments. Made by `Tool.get_task_template`.

    `name` tells it from others of its tool; `node_args`, `task_args` and `op_args` are the names of
    its arguments.
    """

    def __init__(
        self,
        tool: Tool,
        name: str,
        command_template: str | Sequence[str],
        *,
        node_args: Sequence[str] = (),
        task_args: Sequence[str] = (),
        op_args: Sequence[str] = (),
        settings: Settings | None = None,
        image: str = "",
        pod: Mapping[str, Any] | None = None,
    ) -> None:
        self.tool = tool
        self.name = name
        self.owner = f"template '{name}'"
        try:
            self.template = Command.parse(command_template)
        except DefinitionError as error:
            raise DefinitionError(f"{self.owner}: {error}") from None
        self.node_args = names(self.owner, "node_args", node_args)
        self.task_args = names(self.owner, "task_args", task_args)
        self.op_args = names(self.owner, "op_args", op_args)
        self.identity = (tuple(sorted(self.node_args)), tuple(sorted(self.task_args)))
        self.settings = settings or Settings(self.owner)
        self.image = text(self.owner, "image", image)
        self.pod = dict(mapping(self.owner, "pod", pod))
        self._check_arguments()

    def __repr__(self) -> str:
        return f"<TaskTemplate {self.name}>"

    @property
    def arguments(self) -> tuple[str, ...]:
        """The names of all arguments."""
        return (*self.node_args, *self.task_args, *self.op_args)

    def create_task(
        self,
        *,
        upstream_tasks: Iterable[Task] = (),
        max_attempts: int | None = None,
        compute_resources: Mapping[str, Any] | None = None,
        resource_scales: Mapping[str, Scale] | None = None,
        fallbacks: Sequence[Mapping[str, Any]] | None = None,
        **args: Any,
    ) -> Task:
        """One task, with a value for each argument.

        `name` is what messages call the task, unless the template has an argument of that name; the
        default is made of the template's name and the node arguments. `compute_resources` and the
        like say for this task what differs from the template. Raises `DefinitionError` for an
        argument that is missing or unknown, and for a value that cannot be in a command.
        """
        name = "" if "name" in self.arguments else str(args.pop("name", ""))
        values = {key: self.value(key, value) for key, value in self._complete(args).items()}
        settings = self._settings(name, compute_resources, resource_scales, max_attempts, fallbacks)
        return Task(self, values, name=name, settings=settings, upstreams=upstream_tasks)

    def create_tasks(
        self,
        *,
        upstream_tasks: Iterable[Task] = (),
        max_attempts: int | None = None,
        compute_resources: Mapping[str, Any] | None = None,
        resource_scales: Mapping[str, Scale] | None = None,
        fallbacks: Sequence[Mapping[str, Any]] | None = None,
        **args: Any,
    ) -> list[Task]:
        """A task for each combination of the node arguments, each of which is a list of values.

        The last node argument varies fastest. A single value is a list of one; task and operation
        arguments are the same for all tasks. All of them wait for all of `upstream_tasks`. A
        template without node arguments makes no tasks. Raises `DefinitionError` as `create_task`.
        """
        given = self._complete(args)
        if not self.node_args:
            return []
        fixed = {n: self.value(n, given[n]) for n in (*self.task_args, *self.op_args)}
        choices = [
            [(name, self.value(name, value)) for value in _listed(given[name])]
            for name in self.node_args
        ]
        settings = self._settings("", compute_resources, resource_scales, max_attempts, fallbacks)
        upstreams = frozenset(upstream_tasks)
        return [
            Task(self, dict(chosen) | fixed, settings=settings, upstreams=upstreams)
            for chosen in product(*choices)
        ]

    def set_default_compute_resources(self, **compute_resources: Any) -> None:
        """Change what the template's tasks ask for, key by key."""
        said = Settings.of(self.owner, compute_resources)
        self.settings.compute_resources |= said.compute_resources

    def set_default_resource_scales(self, **resource_scales: Scale) -> None:
        """Change how the resources of the template's tasks grow, key by key."""
        said = Settings.of(self.owner, None, resource_scales)
        self.settings.resource_scales |= said.resource_scales

    def resource_usage(
        self, workflow_args: str | None = None, *, home: Path | None = None
    ) -> ResourceUsage:
        """What the tasks of this template have used in the runs on this machine.

        Of a task that attempt counts which succeeded. `workflow_args` counts one workflow's run
        only. What was not measured is unknown: it is left out, never counted as zero.
        """
        from jobflows.sdk.usage import resource_usage  # noqa: PLC0415 - see the package

        return resource_usage(self, workflow_args, home)

    def render(self, args: Mapping[str, Value]) -> list[str]:
        """The words of the command with these values, for people to read."""

        def text(name: str) -> str:
            value = args[name]
            if isinstance(value, str):
                return value
            return f"<{value.task.name}.{value.path}>" if value.path else f"<{value.task.name}>"

        return [
            _PLACEHOLDER.sub(lambda found: text(found[1]), word.replace("$$", "$"))
            for word in self.template.words
        ]

    def text(self, name: str, value: Any) -> str:
        """A value as the command gets it; raises `ValueError` for what cannot be in one."""
        del name
        if value is None or isinstance(value, Mapping | list | tuple | set | frozenset):
            raise ValueError(f"{value!r} is no single value; give text or a number")
        return str(value)

    def defaults(self) -> Mapping[str, Any]:
        """Values of arguments that need not be given."""
        return {}

    def value(self, name: str, value: Any) -> Value:
        """A value of an argument as the command has it; raises `DefinitionError`."""
        if isinstance(value, Output):
            return value
        try:
            text = self.text(name, value)
        except ValueError as error:
            raise DefinitionError(f"{self.owner}: argument {name}: {error}") from None
        if "\0" in text:
            raise DefinitionError(f"{self.owner}: argument {name} holds a NUL character; remove it")
        if "{{" in text or "${" in text:
            self._refuse_placeholders(name, text)
        return text

    def _refuse_placeholders(self, name: str, text: str) -> None:
        from jobflows.api.placeholders import has_any, malformed, split_task  # noqa: PLC0415

        if has_any(text) or malformed(text) or split_task(text):
            raise DefinitionError(
                f"{self.owner}: argument {name}: {text!r} holds a placeholder of a flow; give the "
                "value itself, or `task.output(…)` for what a task finds out"
            )

    def _complete(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """The values by name; raises `DefinitionError` for missing and unknown ones."""
        given = {**self.defaults(), **args}
        unknown = [name for name in given if name not in self.arguments]
        if unknown:
            raise DefinitionError(
                f"{self.owner} has no argument '{unknown[0]}'; it has {self._has()}"
            )
        missing = [name for name in self.arguments if name not in given]
        if missing:
            raise DefinitionError(
                f"{self.owner}: argument '{missing[0]}' is missing; give {missing[0]}=…"
            )
        return given

    def _has(self) -> str:
        return ", ".join(self.arguments) or "none"

    def _settings(
        self,
        name: str,
        compute_resources: Mapping[str, Any] | None,
        resource_scales: Mapping[str, Scale] | None,
        max_attempts: int | None,
        fallbacks: Sequence[Mapping[str, Any]] | None,
    ) -> Settings | None:
        owner = f"task '{name}'" if name else f"a task of {self.owner}"
        said = Settings.of(owner, compute_resources, resource_scales, max_attempts, fallbacks)
        return None if said.is_silent else said

    def _check_arguments(self) -> None:
        names = self.arguments
        for name in names:
            if name in _RESERVED or not re.fullmatch(ARGUMENT_PATTERN, name):
                raise DefinitionError(
                    f"{self.owner}: an argument cannot be called '{name}'; use letters, digits and "
                    "underscores between them, and no keyword of create_task"
                )
            if names.count(name) > 1:
                raise DefinitionError(
                    f"{self.owner}: argument '{name}' is of two kinds; name it in one of "
                    "node_args, task_args and op_args"
                )
        used = self.template.names
        if missing := sorted(used - set(names)):
            raise DefinitionError(
                f"{self.owner}: the command names {{{missing[0]}}}, which is no argument; add it "
                "to node_args, task_args or op_args"
            )
        if unused := [name for name in names if name not in used]:
            raise DefinitionError(
                f"{self.owner}: the command does not use argument '{unused[0]}'; write "
                f"{{{unused[0]}}} where it goes, or remove it"
            )


def _listed(value: Any) -> Iterable[Any]:
    """The values of a node argument."""
    is_one = isinstance(value, str | bytes | Mapping | Output | Path)
    return [value] if is_one or not isinstance(value, Iterable) else value
