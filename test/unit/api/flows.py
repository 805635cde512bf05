"""Small flows for the tests, as documents."""

from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "flows"
EXAMPLES = sorted(FOLDER.glob("*.yaml"))


def template(**pod: Any) -> dict[str, Any]:
    """A minimal Job; keywords go into the pod's spec."""
    containers = [{"name": "main", "image": "busybox:1.36"}]
    return {"spec": {"template": {"spec": {"containers": containers, **pod}}}}


def step(name: str, *dependencies: str, **fields: Any) -> dict[str, Any]:
    """A Job step; a field set to None is left out."""
    made = {"name": name, "template": template(), **fields}
    if dependencies:
        made["dependencies"] = list(dependencies)
    return {key: value for key, value in made.items() if value is not None}


def flow(*steps: Any, name: str = "flow", **spec: Any) -> dict[str, Any]:
    """A JobFlow of `steps`; keywords go into its spec."""
    return {
        "apiVersion": "workflow.kube-zen.io/v1alpha1",
        "kind": "JobFlow",
        "metadata": {"name": name},
        "spec": {"steps": list(steps), **spec},
    }
