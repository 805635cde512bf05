"""The flow's own PersistentVolumeClaims and ConfigMaps, and the names by which steps mount them.

A template named `data` is created as `<flow>-data`; steps go on saying `data`. A name that no
template has is somebody else's object and stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobflows.api.model import API_VERSION, KIND
from jobflows.api.spec import ResourceTemplates
from jobflows.engine import CompiledFlow
from jobflows.manifests import labels

_REPLACED = ("apiVersion", "kind", "metadata")


def build_resources(flow: CompiledFlow) -> list[dict[str, Any]]:
    """The manifests of what the flow asks for in `spec.resourceTemplates`."""
    templates = flow.resources
    kinds = (
        ("PersistentVolumeClaim", templates.volume_claim_templates),
        ("ConfigMap", templates.config_map_templates),
    )
    return [_build(flow, kind, template) for kind, group in kinds for template in group]


def claim_names(flow: str, templates: ResourceTemplates) -> dict[str, str]:
    """Template name -> object name of the flow's claims."""
    return _names(flow, templates.volume_claim_templates)


def config_map_names(flow: str, templates: ResourceTemplates) -> dict[str, str]:
    """Template name -> object name of the flow's ConfigMaps."""
    return _names(flow, templates.config_map_templates)


def owner_reference(flow: CompiledFlow) -> dict[str, Any]:
    """What makes Kubernetes delete an object together with its flow."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": flow.name,
        "uid": flow.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def flow_labels(flow: CompiledFlow) -> dict[str, str]:
    """Labels of everything that belongs to a flow."""
    return {
        labels.FLOW: labels.label_value(flow.name),
        labels.FLOW_UID: flow.uid,
        labels.MANAGED_BY: labels.MANAGER,
    }


def _names(flow: str, templates: tuple[dict[str, Any], ...]) -> dict[str, str]:
    names = (template["metadata"]["name"] for template in templates)
    return {name: f"{flow}-{name}" for name in names}


def _build(flow: CompiledFlow, kind: str, template: Mapping[str, Any]) -> dict[str, Any]:
    metadata = template.get("metadata") or {}
    rest = {key: value for key, value in template.items() if key not in _REPLACED}
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {
            "name": f"{flow.name}-{metadata['name']}",
            "namespace": flow.namespace,
            "labels": {**labels.without_ours(metadata.get("labels")), **flow_labels(flow)},
            "annotations": labels.without_ours(metadata.get("annotations")),
            "ownerReferences": [owner_reference(flow)],
        },
        **rest,
    }
