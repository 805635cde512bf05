"""What the package offers, and that it is typed for those who use it."""

from __future__ import annotations

import subprocess
import sys

import jobflows.sdk

NAMES = [
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


def test_it_offers_these_names() -> None:
    assert jobflows.sdk.__all__ == NAMES
    assert all(getattr(jobflows.sdk, name).__doc__ for name in NAMES)
    assert set(NAMES) <= set(dir(jobflows.sdk))


def test_defining_tasks_needs_no_library() -> None:
    heavy = "('pydantic', 'yaml', 'networkx', 'cel', 'typer', 'rich', 'jobflows.engine')"
    program = (
        "import sys; from jobflows.sdk import *; "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
