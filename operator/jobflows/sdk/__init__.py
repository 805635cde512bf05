"""Workflows in Python: tools, templates, tasks, and what waits for what, in the words of Jobmon.

    tool = Tool("survey")
    fit = tool.get_task_template("fit", "python fit.py {region}", node_args=["region"])
    workflow = tool.create_workflow(workflow_args="2026-01")
    workflow.add_tasks(fit.create_tasks(region=["north", "south"]))
    workflow.run()

What they make is a JobFlow, which runs on this machine or on a cluster. A name is imported when it
is first used, so that a module of tasks can be imported where only the standard library is.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobflows.sdk.errors import (
        ClusterError,
        DefinitionError,
        WorkflowChangedError,
        WorkflowCompleteError,
        WorkflowError,
        WorkflowExistsError,
        WorkflowTimeoutError,
    )
    from jobflows.sdk.functions import FunctionTemplate, task
    from jobflows.sdk.standing import TaskError, TaskStatus, WorkflowStatus
    from jobflows.sdk.tasks import Output, Task
    from jobflows.sdk.template import TaskTemplate
    from jobflows.sdk.tool import Tool
    from jobflows.sdk.usage import ResourceUsage, Spread
    from jobflows.sdk.workflow import Workflow

__all__ = [
    "ClusterError",
    "DefinitionError",
    "FunctionTemplate",
    "Output",
    "ResourceUsage",
    "Spread",
    "Task",
    "TaskError",
    "TaskStatus",
    "TaskTemplate",
    "Tool",
    "Workflow",
    "WorkflowChangedError",
    "WorkflowCompleteError",
    "WorkflowError",
    "WorkflowExistsError",
    "WorkflowStatus",
    "WorkflowTimeoutError",
    "task",
]

# No module has the name of what is in it, because the import of a module sets that name here.
_WHERE = {
    "ClusterError": "errors",
    "DefinitionError": "errors",
    "FunctionTemplate": "functions",
    "Output": "tasks",
    "ResourceUsage": "usage",
    "Spread": "usage",
    "Task": "tasks",
    "TaskError": "standing",
    "TaskStatus": "standing",
    "TaskTemplate": "template",
    "Tool": "tool",
    "Workflow": "workflow",
    "WorkflowChangedError": "errors",
    "WorkflowCompleteError": "errors",
    "WorkflowError": "errors",
    "WorkflowExistsError": "errors",
    "WorkflowStatus": "standing",
    "WorkflowTimeoutError": "errors",
    "task": "functions",
}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
