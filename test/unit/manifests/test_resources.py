"""Claims and ConfigMaps of a flow, as they are created."""

from __future__ import annotations

import copy

from jobflows.manifests.resources import build_resources, claim_names, config_map_names
from unit.manifests.made import made, resources


def test_templates_become_objects_of_the_flow() -> None:
    templates = resources(maps=("settings",), claims=("work", "more"))
    templates["configMapTemplates"][0]["metadata"] |= {
        "labels": {"a": "b", "workflow.kube-zen.io/flow-uid": "stolen"},
        "annotations": {"c": "d"},
    }
    flow = made(resourceTemplates=templates)
    before = copy.deepcopy(flow.resources)
    built = build_resources(flow)
    assert [(m["kind"], m["metadata"]["name"]) for m in built] == [
        ("PersistentVolumeClaim", "flow-work"),
        ("PersistentVolumeClaim", "flow-more"),
        ("ConfigMap", "flow-settings"),
    ]
    assert {m["apiVersion"] for m in built} == {"v1"}
    assert {m["metadata"]["namespace"] for m in built} == {"team"}
    for manifest in built:
        (owner,) = manifest["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"], owner["controller"]) == ("JobFlow", "flow-uid", True)
        assert manifest["metadata"]["labels"]["workflow.kube-zen.io/flow-uid"] == "flow-uid"
    assert built[0]["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert built[2]["data"] == {"k": "v"}
    assert built[2]["metadata"]["labels"]["a"] == "b"
    assert built[2]["metadata"]["annotations"] == {"c": "d"}
    assert flow.resources == before


def test_steps_find_them_by_the_names_of_their_templates() -> None:
    flow = made(resourceTemplates=resources(maps=("settings",), claims=("work",)))
    assert config_map_names(flow.name, flow.resources) == {"settings": "flow-settings"}
    assert claim_names(flow.name, flow.resources) == {"work": "flow-work"}


def test_a_flow_without_templates_needs_nothing() -> None:
    assert build_resources(made()) == []
