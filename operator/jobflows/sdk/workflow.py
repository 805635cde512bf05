"""A workflow: tasks, what waits for what, and its run on this machine or on a cluster."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jobflows.sdk.errors import DefinitionError, WorkflowError, WorkflowTimeoutError
from jobflows.sdk.given import listed, shown, text
from jobflows.sdk.naming import flow_name
from jobflows.sdk.scales import Scale
from jobflows.sdk.settings import Settings
from jobflows.sdk.tasks import Task

if TYPE_CHECKING:
    from jobflows.sdk.flow import Built
    from jobflows.sdk.remote import Cluster
    from jobflows.sdk.standing import Standing, TaskError, TaskStatus, WorkflowStatus
    from jobflows.sdk.template import TaskTemplate
    from jobflows.sdk.tool import Tool

Executor = Literal["local", "sequential", "cluster"]


class Workflow:
    """Tasks and what they wait for. Made by `Tool.create_workflow`.

    `workflow_args` say what makes this workflow one of its own, such as a date or a version of the
    data: the same tool, arguments and tasks are the same run, which can be resumed. Without them
    each workflow is a new one. `max_concurrently_running` limits the tasks at once; `retry_delay`
    is the wait before the first retry of a task, such as `10s`, which doubles with each.
    """

    def __init__(
        self,
        tool: Tool,
        workflow_args: str = "",
        name: str = "",
        *,
        max_concurrently_running: int | None = None,
        compute_resources: Mapping[str, Any] | None = None,
        resource_scales: Mapping[str, Scale] | None = None,
        max_attempts: int | None = None,
        retry_delay: str | None = None,
    ) -> None:
        self.tool = tool
        self.name = text(tool.owner, "name of a workflow", name) or tool.name
        self.owner = f"workflow '{self.name}'"
        self.workflow_args = text(self.owner, "workflow_args", workflow_args) or uuid.uuid4().hex
        self.run_name = flow_name(self.name, [tool.name, self.workflow_args])
        """Name of its run, and of its JobFlow."""
        self.settings = Settings.of(self.owner, compute_resources, resource_scales, max_attempts)
        self.max_concurrently_running = _limit(self.owner, max_concurrently_running)
        self.limits: dict[str, int] = {}
        """Most tasks at once of templates, by name."""
        self.retry_delay = retry_delay
        self._tasks: dict[Task, None] = {}
        self._nodes: dict[tuple[str, tuple[object, ...]], Task] = {}
        self._standing: Standing | None = None
        self._home: Path | None = None
        self._cluster: Cluster | None = None

    def __repr__(self) -> str:
        return f"<Workflow {self.run_name}, {len(self._tasks)} tasks>"

    @property
    def tasks(self) -> tuple[Task, ...]:
        """All tasks, in the order in which they were added."""
        return tuple(self._tasks)

    def add_task(self, task: Task) -> None:
        """Add a task. Raises `DefinitionError` for one with the node arguments of another."""
        if not isinstance(task, Task):
            raise DefinitionError(f"{self.owner}: {shown(task)} is no task; create_task makes one")
        if task in self._tasks:
            raise DefinitionError(f"task '{task.name}' is in {self.owner} already; add it once")
        if task.workflow is not None:
            raise DefinitionError(
                f"task '{task.name}' is in {task.workflow.owner}; create another one for "
                f"{self.owner}"
            )
        template = task.template
        node = (template.name, tuple(task.args[name] for name in template.identity[0]))
        twin = self._nodes.setdefault(node, task)
        if twin is not task:
            raise DefinitionError(
                f"task '{task.name}' has the same node arguments as '{twin.name}' of template "
                f"'{template.name}'; give them another value, or leave one of the tasks out"
            )
        self._tasks[task] = None
        task.workflow = self

    def add_tasks(self, tasks: Iterable[Task]) -> None:
        """Add each of `tasks`."""
        for task in listed(self.owner, "tasks", tasks):
            self.add_task(task)

    def get_tasks_by_node_args(self, template: str | TaskTemplate, **node_args: Any) -> list[Task]:
        """The tasks of a template whose node arguments have these values."""
        name = self._name_of(template)
        found = []
        for task in self._tasks:
            if task.template.name == name:
                unknown = [arg for arg in node_args if arg not in task.template.node_args]
                if unknown:
                    raise DefinitionError(
                        f"{task.template.owner} has no node argument '{unknown[0]}'; it has "
                        f"{', '.join(task.template.node_args) or 'none'}"
                    )
                wanted = {n: task.template.value(n, value) for n, value in node_args.items()}
                if wanted.items() <= task.args.items():
                    found.append(task)
        return found

    def set_task_template_max_concurrency_limit(
        self, template: str | TaskTemplate, limit: int
    ) -> None:
        """Let at most `limit` tasks of a template run at once."""
        name = self._name_of(template)
        number = _limit(f"template '{name}'", limit)
        if number is None:
            raise DefinitionError(f"template '{name}': a limit is a whole number of at least 1")
        self.limits[name] = number

    def validate(self) -> None:
        """Check everything that can be checked before it runs; raises `DefinitionError`.

        That is: tasks that wait for each other in a circle, or for one that was not added,
        resources that make no sense, and more tasks than a flow can hold.
        """
        self._build()

    def to_flow(self, *, fail_fast: bool = False) -> dict[str, Any]:
        """The workflow as a JobFlow, as it is sent to a cluster; raises `DefinitionError`."""
        from jobflows.sdk.pods import has_image  # noqa: PLC0415 - see the package

        bare = next((t.template for t in self._tasks if not has_image(t.template)), None)
        if bare is not None:
            raise DefinitionError(
                f"{bare.owner} has no image to run in on a cluster; give Tool(…, image=…)"
            )
        return self._build(fail_fast=fail_fast).document

    def to_yaml(self, *, fail_fast: bool = False) -> str:
        """The same as YAML, for `kubectl create -f` and `jobflow run`."""
        from jobflows.api.written import to_yaml  # noqa: PLC0415 - see the package

        return to_yaml(self.to_flow(fail_fast=fail_fast))

    def run(
        self,
        executor: Executor = "local",
        *,
        resume: bool = False,
        fail_fast: bool = False,
        timeout: float | None = None,
        parallelism: int | None = None,
        home: Path | None = None,
        namespace: str | None = None,
        context: str | None = None,
        kubeconfig: str | None = None,
    ) -> WorkflowStatus:
        """Run the workflow to its end, and say how it ended.

        `executor` is where: processes of this machine (`sequential`: one after another), or Jobs of
        a cluster. `resume` goes on with the run of the same `workflow_args`: what has succeeded
        stays, everything else runs again. With `fail_fast` nothing starts after the first task that
        has failed for good. `timeout` is in seconds: on this machine what runs is stopped then, on
        a cluster it goes on. `parallelism` is how many tasks run here at once (default: the cores).
        `home` is where runs are kept here; `namespace`, `context` and `kubeconfig` say which
        cluster.

        The logger `jobflows.sdk` is told every ten seconds how far it is. Raises
        `WorkflowExistsError` for a run that there is, without `resume`;
        `WorkflowChangedError` if it has other tasks, `WorkflowCompleteError` if there is nothing
        to resume, `WorkflowTimeoutError`, and `WorkflowError` for what else cannot be run. That
        tasks fail is no error but the status that is returned.
        """
        if executor == "cluster":
            self.submit(
                resume=resume,
                fail_fast=fail_fast,
                namespace=namespace,
                context=context,
                kubeconfig=kubeconfig,
            )
            return self.wait(timeout=timeout)
        if executor not in ("local", "sequential"):
            raise WorkflowError(
                f"there is no executor '{executor}'; give local, sequential or cluster"
            )
        from jobflows.sdk.local_run import run  # noqa: PLC0415 - see the package

        built = self._build(fail_fast=fail_fast)
        self._home, self._cluster = home, None
        self._standing = run(
            built,
            resume=resume,
            executor="process" if executor == "local" else executor,
            parallelism=parallelism,
            timeout=timeout,
            home=home,
            folders=_folders(self._tasks),
        )
        status = self._standing.status()
        if timeout is not None and status.reason == "ActiveDeadlineExceeded":
            raise WorkflowTimeoutError(
                f"timeout: {self.owner} has not ended within {timeout:g} s, and was stopped; "
                "run(resume=True) goes on with what is left"
            )
        return status

    def submit(
        self,
        *,
        resume: bool = False,
        fail_fast: bool = False,
        namespace: str | None = None,
        context: str | None = None,
        kubeconfig: str | None = None,
    ) -> str:
        """Hand the workflow to a cluster and return the name of its JobFlow; it runs by itself.

        The cluster is that of the kubeconfig, as for `kubectl`. Raises as `run`, and `ClusterError`
        for one that cannot be reached.
        """
        from jobflows.sdk.remote import Cluster  # noqa: PLC0415 - see the package

        document = self.to_flow(fail_fast=fail_fast)
        self._cluster = Cluster(namespace=namespace, context=context, kubeconfig=kubeconfig)
        self._cluster.submit(document, resume=resume)
        return self.run_name

    def wait(self, *, timeout: float | None = None) -> WorkflowStatus:
        """Wait until a workflow that was submitted has ended, at most `timeout` seconds.

        Raises `WorkflowTimeoutError` when it has not; it goes on, and `wait` can be called again.
        """
        if self._cluster is None:
            raise WorkflowError(f"{self.owner} was not submitted; call submit() first")
        from jobflows.sdk.remote import standing  # noqa: PLC0415 - see the package

        found = self._cluster.wait(self.run_name, timeout)
        self._standing = standing(found, self._build(), self._cluster)
        return self._standing.status()

    def status(self, *, home: Path | None = None) -> WorkflowStatus:
        """How the workflow stands now: where it was submitted, or else on this machine.

        Raises `WorkflowError` when it was never run, `WorkflowChangedError` if it had other tasks.
        """
        self._standing = self._look(home)
        return self._standing.status()

    def status_of(self, task: Task) -> TaskStatus:
        """How a task stood when the workflow was last run or asked."""
        from jobflows.sdk.standing import TaskStatus  # noqa: PLC0415 - see the package

        return self._standing.of(task) if self._standing is not None else TaskStatus.PENDING

    def errors_of(self, task: Task) -> list[TaskError]:
        """The failed attempts of a task, as known then."""
        return self._standing.errors(task) if self._standing is not None else []

    def log_of(self, task: Task, length: int = 10_000) -> str:
        """The last characters that the newest attempt of a task printed, on this machine."""
        from jobflows.sdk.local_run import read_log  # noqa: PLC0415 - see the package

        newest = self._standing.newest(task) if self._standing is not None else None
        return read_log(newest.log, length) if newest is not None else ""

    def get_errors(self) -> dict[Task, list[TaskError]]:
        """The failed attempts of all tasks that have any."""
        return {task: errors for task in self._tasks if (errors := self.errors_of(task))}

    def _name_of(self, template: str | TaskTemplate) -> str:
        return text(self.owner, "template", getattr(template, "name", template))

    def _look(self, home: Path | None) -> Standing:
        built = self._build()
        if self._cluster is not None:
            from jobflows.sdk.remote import standing  # noqa: PLC0415 - see the package

            return standing(self._cluster.fetch(self.run_name), built, self._cluster)
        from jobflows.sdk.local_run import look  # noqa: PLC0415 - see the package

        return look(built, home or self._home)

    def _build(self, *, fail_fast: bool = False) -> Built:
        from jobflows.sdk.flow import build  # noqa: PLC0415 - see the package

        return build(self, fail_fast=fail_fast)


def _limit(owner: str, limit: int | None) -> int | None:
    if limit is None:
        return None
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise DefinitionError(
            f"{owner}: a limit of tasks at once is a whole number of at least 1, not {shown(limit)}"
        )
    return limit


def _folders(tasks: Iterable[Task]) -> list[Path]:
    """Where the modules of functions lie."""
    found = (getattr(template, "folder", None) for template in {t.template for t in tasks})
    return sorted({folder for folder in found if isinstance(folder, Path)})
