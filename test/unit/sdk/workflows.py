"""Small workflows of shell commands, and what became of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jobflows.local import AttemptInfo, Store
from jobflows.sdk import Task, TaskTemplate, Tool, Workflow
from jobflows.sdk.flow import build

IMAGE = "busybox:1.36"


class Lab:
    """A tool whose commands run in a shell, a home for its runs, and a directory for its files."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.files = folder / "files"
        self.files.mkdir()
        self.tool = Tool("lab", image=IMAGE)

    def template(self, name: str, script: str = "true", **more: Any) -> TaskTemplate:
        """A template with the node argument `x`; the script sees it as $1, and the files as $2."""
        return self.tool.get_task_template(
            name,
            ["sh", "-c", script.replace("{", "{{").replace("}", "}}"), "sh", "{x}", "{files}"],
            node_args=["x"],
            op_args=["files"],
            **more,
        )

    def task(self, name: str, script: str = "true", *upstreams: Task, **more: Any) -> Task:
        """One task of a template of its own."""
        made = self.template(name, script)
        return made.create_task(x=0, files=self.files, upstream_tasks=upstreams, **more)

    def tasks(self, name: str, count: int, script: str = "true", **more: Any) -> list[Task]:
        """Tasks of one template."""
        return self.template(name, script).create_tasks(x=range(count), files=self.files, **more)

    def workflow(self, *tasks: Task, args: str = "1", **more: Any) -> Workflow:
        """A workflow of these tasks, which retries at once."""
        made = self.tool.create_workflow(args, retry_delay="10ms", **more)
        made.add_tasks(tasks)
        return made

    def attempts(self, workflow: Workflow, task: Task) -> list[AttemptInfo]:
        """What ran of a task."""
        place = build(workflow).places[task]
        with Store.open(self.home) as store:
            found = store.run(workflow.run_name).attempts(place.step)
        return [each for each in found if each.task == place.index]

    def span(self, workflow: Workflow, task: Task) -> tuple[float, float]:
        """When its last attempt started and ended."""
        last = self.attempts(workflow, task)[-1]
        assert last.finished is not None
        return last.started, last.finished

    def most_at_once(self, workflow: Workflow, tasks: list[Task]) -> int:
        """How many of the tasks ever ran at the same time."""
        spans = [self.span(workflow, task) for task in tasks]
        return max(sum(a <= start < b for a, b in spans) for start, _ in spans)
