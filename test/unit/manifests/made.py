"""Flows compiled for the manifests: one step with this template, and what the flow shares."""

from __future__ import annotations

from typing import Any

from jobflows.api.validation import check
from jobflows.engine import CompiledFlow

Object = dict[str, Any]


def template(container: Object | None = None, *, pod: Object | None = None, **spec: Any) -> Object:
    """A Job template with a container `main`; `pod` are more fields of its pod's spec."""
    main = {"name": "main", "image": "busybox:1.36", **(container or {})}
    return {"spec": {**spec, "template": {"spec": {"containers": [main], **(pod or {})}}}}


def made(
    job: Object | None = None, *, name: str = "flow", step: Object | None = None, **spec: Any
) -> CompiledFlow:
    """A flow of the step `one`, with `job` as its template; other keywords go into its spec."""
    document = {
        "apiVersion": "workflow.kube-zen.io/v1alpha1",
        "kind": "JobFlow",
        "metadata": {"name": name, "namespace": "team", "uid": "flow-uid", "generation": 1},
        "spec": {
            "steps": [{"name": "one", "template": job or template(), **(step or {})}],
            **spec,
        },
    }
    checked = check(document)
    assert checked.flow is not None, checked.problems
    return CompiledFlow.compile(checked.flow)


def resources(maps: tuple[str, ...] = (), claims: tuple[str, ...] = ()) -> Object:
    """Resource templates by these names."""
    wants = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {
        "configMapTemplates": [{"metadata": {"name": n}, "data": {"k": "v"}} for n in maps],
        "volumeClaimTemplates": [{"metadata": {"name": n}, "spec": wants} for n in claims],
    }
