"""A task: one command with its arguments, and what it waits for.

Its identity is the name of its template and its node and task arguments. Everything else (operation
arguments, resources, the command itself) may change between two runs of a workflow.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobflows.sdk.errors import DefinitionError
from jobflows.sdk.given import listed, shown, text

if TYPE_CHECKING:
    from jobflows.sdk.settings import Settings
    from jobflows.sdk.standing import TaskError, TaskStatus
    from jobflows.sdk.template import TaskTemplate
    from jobflows.sdk.workflow import Workflow

_PATH = re.compile(r"[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*|\[\d+\])*|")


@dataclass(frozen=True, slots=True)
class Output:
    """A value that a task finds out: an argument, or an amount of a resource, of tasks after it.

    It is read from what the task's function returned, or from the JSON that its command wrote to
    `/dev/termination-log`; the path names what is in it.
    """

    task: Task
    path: str = ""

    @property
    def name(self) -> str:
        """What the flow calls it."""
        return re.sub(r"[^A-Za-z0-9]+", "-", self.path).strip("-") or "value"

    @property
    def json_path(self) -> str:
        """Where it stands in what the task says."""
        return f"$.{self.path}" if self.path else "$"


Value = str | Output
"""An argument as a command has it."""


class Task:
    """One command to run. Made by `TaskTemplate.create_task` and `create_tasks`."""

    __slots__ = ("_upstreams", "args", "hash", "name", "settings", "template", "workflow")

    def __init__(
        self,
        template: TaskTemplate,
        args: dict[str, Value],
        *,
        name: str = "",
        settings: Settings | None = None,
        upstreams: Iterable[Task] = (),
    ) -> None:
        self.template = template
        self.args = args
        """Values of all arguments, as the command gets them."""
        self.name = name or default_name(template, args)
        self.settings = settings
        self.workflow: Workflow | None = None
        """The workflow that it was added to."""
        self.hash = _identity(template, args)
        """Its identity: 16 hexadecimal digits over template, node and task arguments."""
        self._upstreams: frozenset[Task] = frozenset()
        self.add_upstreams(upstreams)
        self.add_upstreams(output.task for output in self.reads)

    def __repr__(self) -> str:
        return f"<Task {self.name}>"

    @property
    def upstreams(self) -> frozenset[Task]:
        """The tasks that have to succeed before this one starts."""
        return self._upstreams

    def add_upstream(self, task: Task) -> None:
        """Let this task wait for `task`."""
        self.add_upstreams([task])

    def add_upstreams(self, tasks: Iterable[Task]) -> None:
        """Let this task wait for each of `tasks`. Raises `DefinitionError` for one that is itself,
        or no task."""
        if not isinstance(tasks, frozenset):
            tasks = listed(f"task '{self.name}'", "upstream tasks", tasks)
        elif tasks <= self._upstreams:
            return
        for task in tasks:
            if not isinstance(task, Task):
                said = f"task '{self.name}' cannot wait for {shown(task)}; give a task"
                raise DefinitionError(said)
        added = frozenset(tasks)
        if added <= self._upstreams:
            return
        if self in added:
            raise DefinitionError(f"task '{self.name}' waits for itself; remove that dependency")
        # A set that many tasks were given stays one set.
        self._upstreams = self._upstreams | added if self._upstreams else added

    def add_downstream(self, task: Task) -> None:
        """Let `task` wait for this one."""
        if not isinstance(task, Task):
            raise DefinitionError(f"{shown(task)} cannot wait for task '{self.name}'; give a task")
        task.add_upstreams([self])

    def add_downstreams(self, tasks: Iterable[Task]) -> None:
        """Let each of `tasks` wait for this one."""
        for task in listed(f"task '{self.name}'", "downstream tasks", tasks):
            self.add_downstream(task)

    def output(self, path: str = "") -> Output:
        """A value that this task finds out, for an argument or a resource of a task after it.

        `path` names what is in the returned dict, such as `rows` or `files[0].name`; without one it
        is all of it. Raises `DefinitionError` for what is no such path.
        """
        if not _PATH.fullmatch(text(f"task '{self.name}'", "path", path)):
            raise DefinitionError(
                f"task '{self.name}': {shown(path)} is no path of names and indexes such as "
                "files[0].name"
            )
        return Output(self, path)

    @property
    def reads(self) -> list[Output]:
        """What it takes from other tasks, for its arguments and its resources."""
        amounts = self.settings.compute_resources.values() if self.settings is not None else ()
        return [v for v in (*self.args.values(), *amounts) if isinstance(v, Output)]

    @property
    def node_args(self) -> dict[str, Value]:
        """The arguments that tell it from other tasks of its template."""
        return {name: self.args[name] for name in self.template.node_args}

    @property
    def command(self) -> list[str]:
        """The words that run, with `<task.path>` for what an earlier task finds out."""
        return self.template.render(self.args)

    @property
    def status(self) -> TaskStatus:
        """How it stood when its workflow was last run or asked; see `Workflow.status`."""
        from jobflows.sdk.standing import TaskStatus  # noqa: PLC0415 - see the package

        return self.workflow.status_of(self) if self.workflow is not None else TaskStatus.PENDING

    @property
    def errors(self) -> list[TaskError]:
        """Its failed attempts, oldest first, as known when the workflow was last run or asked."""
        return self.workflow.errors_of(self) if self.workflow is not None else []

    def log(self, length: int = 10_000) -> str:
        """The last characters that its newest attempt printed; empty without one.

        Only of runs on this machine; on a cluster, `jobflow logs` has them.
        """
        return self.workflow.log_of(self, length) if self.workflow is not None else ""


def default_name(template: TaskTemplate, args: Mapping[str, Value]) -> str:
    """The template's name with the values of the node arguments."""
    values = (args[name] for name in template.node_args)
    return "-".join([template.name, *(v if isinstance(v, str) else v.name for v in values)])


def digest(told: object) -> str:
    """16 hexadecimal digits that stand for a value of JSON."""
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _identity(template: TaskTemplate, args: Mapping[str, Value]) -> str:
    node, task = ({n: _told(args[n]) for n in names} for names in template.identity)
    return digest([template.name, node, task])


def _told(value: Value) -> object:
    return value if isinstance(value, str) else [value.task.hash, value.path]
