"""Task templates with their resources as a flow's `spec.templates`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jobflows.api.spec import MAX_TEMPLATES
from jobflows.sdk.amounts import RUNTIME, pod_parts
from jobflows.sdk.errors import DefinitionError
from jobflows.sdk.naming import slug
from jobflows.sdk.scales import growth
from jobflows.sdk.settings import Settings, Settled, settle
from jobflows.sdk.tasks import Task
from jobflows.sdk.template import TaskTemplate

if TYPE_CHECKING:
    from jobflows.sdk.workflow import Workflow

MAIN = "main"

NO_IMAGE = "none"
"""Stands for an image where none is needed, on one machine."""


class Templates:
    """The flow's templates: one for each task template and what its tasks ask for."""

    def __init__(self, workflow: Workflow) -> None:
        self._workflow = workflow
        self._by_settings: dict[tuple[int, int], str] = {}
        self._by_text: dict[str, str] = {}
        self._documents: dict[str, dict[str, Any]] = {}
        self.of_template: dict[str, list[str]] = {}
        """Names in the flow by those in the program."""
        self.owners: list[str] = []

    def of(self, task: Task) -> str:
        """The name of a task's template in the flow."""
        key = (id(task.template), id(task.settings))
        if key not in self._by_settings:
            self._by_settings[key] = self._name(task)
        return self._by_settings[key]

    def documents(self) -> list[dict[str, Any]]:
        return list(self._documents.values())

    def _name(self, task: Task) -> str:
        document = step_template(task.template, self._workflow.settings, task.settings)
        text = json.dumps([task.template.name, document], sort_keys=True, default=repr)
        if text not in self._by_text:
            self._by_text[text] = self._add(task, document)
        return self._by_text[text]

    def _add(self, task: Task, document: dict[str, Any]) -> str:
        own = task.template.name
        names = self.of_template.setdefault(own, [])
        name, number = slug(own)[:50].strip("-") or "template", 2
        base = name
        while name in self._documents:
            name, number = f"{base}-{number}", number + 1
        if len(self._documents) == MAX_TEMPLATES:
            raise DefinitionError(
                f"{task.template.owner}: tasks ask for more than {MAX_TEMPLATES} different amounts "
                "of resources; round them up to fewer"
            )
        limit = self._workflow.limits.get(own)
        if limit is not None and names:
            other = task.settings.owner if task.settings is not None else "one of them"
            raise DefinitionError(
                f"{task.template.owner} has a limit of tasks at once, so its tasks have to ask for "
                f"the same amounts; {other} asks for others"
            )
        more = {} if limit is None else {"parallelism": limit}
        self._documents[name] = {"name": name, **document, **more}
        self.owners.append(task.template.owner)
        names.append(name)
        return name


def step_template(
    template: TaskTemplate, workflow: Settings, task: Settings | None
) -> dict[str, Any]:
    """What tasks of `template` share that say `task` of themselves, without a name.

    Raises `DefinitionError` for amounts and scales that do not go together.
    """
    settled = settle((template.tool.settings, workflow, template.settings, task))
    owner = task.owner if task is not None else template.owner
    job: dict[str, Any] = {"spec": {"template": _pod(template, settled)}}
    _, _, labels = pod_parts(settled.amounts)
    if labels:
        job["metadata"] = {"labels": labels}
    shared: dict[str, Any] = {"template": job}
    if RUNTIME in settled.amounts:
        if not isinstance(settled.amounts[RUNTIME], int):
            raise DefinitionError(f"{owner}: runtime has to be known when the task is defined")
        shared["timeoutSeconds"] = settled.amounts[RUNTIME]
    retries = settled.attempts - 1
    policy: dict[str, Any] = {"limit": retries}
    if grown := growth(owner, settled.amounts, settled.scales, retries):
        policy["resources"] = grown
    if settled.fallbacks and retries:
        policy["fallbacks"] = list(settled.fallbacks)
    return {**shared, "retryPolicy": policy}


def has_image(template: TaskTemplate) -> bool:
    """Whether a cluster would know what to run it in."""
    main, _ = _given(template)
    return bool(template.image or main.get("image") or template.tool.image)


def _pod(template: TaskTemplate, settled: Settled) -> dict[str, Any]:
    resources, fields, _ = pod_parts(settled.amounts)
    main, others = _given(template)
    container = {
        **main,
        "name": MAIN,
        "image": template.image or main.get("image") or template.tool.image or NO_IMAGE,
        "command": list(template.template.words),
    }
    if resources:
        container["resources"] = {"requests": resources, "limits": resources}
    own = {**template.tool.pod, **template.pod}
    metadata = own.pop("metadata", None)
    spec = {**own, **fields, "containers": [container, *others]}
    return {"metadata": metadata, "spec": spec} if metadata else {"spec": spec}


def _given(template: TaskTemplate) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
    """What the user's pod says of the main container, and the containers beside it."""
    given = {**template.tool.pod, **template.pod}.get("containers") or []
    main: Mapping[str, Any] = next((c for c in given if c.get("name") == MAIN), {})
    return main, [c for c in given if c.get("name") != MAIN]
