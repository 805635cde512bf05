"""Whether a run that is there already is one of the same workflow, and may go on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jobflows.sdk.errors import (
    WorkflowChangedError,
    WorkflowCompleteError,
    WorkflowError,
    WorkflowExistsError,
)

ANNOTATION = "workflow.kube-zen.io/workflow"
"""Annotation of a flow with what tells its workflow from others, in JSON."""


def check_same(
    name: str, stored: Mapping[str, Any], wanted: Mapping[str, Any], *, phase: str, resume: bool
) -> None:
    """Refuse to run `wanted` where the flow `stored` is, unless it is resumed and has its tasks."""
    check_tasks(name, stored, wanted)
    if not resume:
        raise WorkflowExistsError(
            f"{name} is there already ({phase}); give resume=True to go on with it, or other "
            "workflow_args for a new run"
        )
    if phase == "Succeeded":
        raise WorkflowCompleteError(
            f"{name} has succeeded, there is nothing to resume; choose other workflow_args for a "
            "new run"
        )


def check_tasks(name: str, stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse to take the flow `stored` for `wanted` if it was made of other tasks."""
    before, now = told(stored), told(wanted)
    if not before:
        raise WorkflowError(
            f"{name} is there already, and no workflow of Python; choose other workflow_args"
        )
    differences = [
        *_differences(before.get("templates") or {}, now["templates"]),
        *(["they are grouped in another way"] if before.get("places") != now["places"] else []),
    ]
    if differences:
        raise WorkflowChangedError(
            f"{name} has other tasks than the run that is there: {differences[0]}. Choose other "
            "workflow_args for a new run, or make the tasks as they were; what may change are "
            "operation arguments, and resources of whole templates"
        )


def told(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a flow says about the workflow that it was made of; empty for any other flow."""
    text = ((document.get("metadata") or {}).get("annotations") or {}).get(ANNOTATION)
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs, the plainest first: another number of tasks changes what others wait for."""
    plain, others = [], []
    for name in sorted(before.keys() | now.keys()):
        old, new = before.get(name), now.get(name)
        if old is None or new is None:
            plain.append(f"template '{name}' is {'new' if old is None else 'gone'}")
        elif old["tasks"] != new["tasks"]:
            plain.append(f"template '{name}' had {old['tasks']} tasks, and has {new['tasks']} now")
        elif old["hash"] != new["hash"]:
            others.append(f"arguments or dependencies of tasks of template '{name}' differ")
    return plain + others
