"""The main container of a template: the one whose output counts and whose resources grow."""

from collections.abc import Mapping
from typing import Any

MAIN = "main"


def main_container(template: Any) -> Mapping[str, Any]:
    """The container `main` of a Job's template, or else the first; empty if there is none.

    The template is as its author wrote it, so any part of it may have any type.
    """
    pod = template
    for key in ("spec", "template", "spec"):
        pod = pod.get(key) if isinstance(pod, Mapping) else None
    containers = pod.get("containers") if isinstance(pod, Mapping) else None
    items = containers if isinstance(containers, list | tuple) else ()
    found = [item for item in items if isinstance(item, Mapping)]
    return next((c for c in found if c.get("name") == MAIN), found[0] if found else {})


def amount(container: Mapping[str, Any], resource: str) -> Any:
    """What a container may use of a resource, as written: its limit, or else its request."""
    resources = container.get("resources")
    for kind in ("limits", "requests"):
        amounts = resources.get(kind) if isinstance(resources, Mapping) else None
        if isinstance(amounts, Mapping) and amounts.get(resource) is not None:
            return amounts[resource]
    return None
