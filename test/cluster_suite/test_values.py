"""Values that enter and leave steps, and the objects that a flow brings along."""

import json

import pytest

from cluster_suite.flows import flow, job, sim, step
from cluster_suite.kube import Kube, container, steps
from cluster_suite.process import OperatorProcess

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]

SECRET = "correct-horse-battery-staple"


def test_outputs_of_one_step_are_inputs_of_the_next(kube: Kube) -> None:
    said = sim("succeed", message=json.dumps({"rows": 12, "files": ["a b", 'c"d']}))
    outputs = [
        {"name": "rows", "valueFrom": {"jsonPath": "$.rows"}},
        {"name": "last", "valueFrom": {"jsonPath": "$.files[1]"}},
    ]
    inputs = [
        {"name": "rows", "valueFrom": {"jsonPath": "extract:$.outputs.rows"}},
        {"name": "file", "valueFrom": {"jsonPath": "extract:$.outputs.last"}},
    ]
    command = ["load", "{{ parameters.rows }}", "${parameters.file}", "{{ parameters.day }}"]
    load = job(container={"command": command})
    kube.apply(
        flow(
            "values",
            step("extract", pod=said, outputs={"parameters": outputs}),
            {
                "name": "load",
                "template": load,
                "dependencies": ["extract"],
                "inputs": {"parameters": inputs},
                "when": "int(steps.extract.outputs.rows) > 10",
            },
            parameters=[{"name": "day", "value": "$(today)"}],
        )
    )
    done = steps(kube.ends("values"))
    assert done["extract"]["outputs"] == {"rows": "12", "last": 'c"d'}
    (made,) = kube.jobs("values", "load")
    assert container(made)["command"] == ["load", "12", 'c"d', "$$(today)"]


def test_an_output_that_is_missing_fails_the_step(kube: Kube) -> None:
    outputs = {"parameters": [{"name": "rows", "valueFrom": {"jsonPath": "$.rows"}}]}
    kube.apply(flow("mute", step("a", pod=sim("succeed", message="done"), outputs=outputs)))
    done = steps(kube.ends("mute", "Failed"))["a"]
    assert done["reason"] == "OutputInvalid"
    assert "$.rows" in done["message"]


def test_secrets_and_config_maps_are_read_by_the_kubelet_only(
    kube: Kube, operator: OperatorProcess
) -> None:
    kube("create", "secret", "generic", "login", f"--from-literal=password={SECRET}")
    kube("create", "configmap", "settings", "--from-literal=value=verbose")
    inputs = [
        {"name": "password", "valueFrom": {"secretKeyRef": {"name": "login", "key": "password"}}},
        {"name": "mode", "valueFrom": {"configMapKeyRef": {"name": "settings"}}},
    ]
    template = job(
        container={"args": ["--password={{ parameters.password }}", "{{parameters.mode}}"]}
    )
    kube.apply(flow("login", {"name": "a", "template": template, "inputs": {"parameters": inputs}}))
    status = kube.ends("login")
    (made,) = kube.jobs("login")
    assert container(made)["args"] == [
        "--password=$(JOBFLOW_PARAM_PASSWORD)",
        "$(JOBFLOW_PARAM_MODE)",
    ]
    sources = {e["name"]: e["valueFrom"] for e in container(made)["env"] if "valueFrom" in e}
    assert sources == {
        "JOBFLOW_PARAM_PASSWORD": {"secretKeyRef": {"name": "login", "key": "password"}},
        "JOBFLOW_PARAM_MODE": {"configMapKeyRef": {"name": "settings", "key": "value"}},
    }
    for place in (json.dumps(made), json.dumps(status), operator.log_text()):
        assert SECRET not in place


def test_resource_templates_are_made_first_and_mounted_by_their_short_names(kube: Kube) -> None:
    claim = {
        "metadata": {"name": "data", "labels": {"tier": "fast"}},
        "spec": {
            "storageClassName": "",
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    settings = {"metadata": {"name": "settings"}, "data": {"level": "9"}}
    template = job()
    template["spec"]["template"]["spec"]["volumes"] = [
        {"name": "d", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "s", "configMap": {"name": "settings"}},
    ]
    kube.apply(
        flow(
            "pipeline",
            {"name": "a", "template": template},
            resourceTemplates={
                "volumeClaimTemplates": [claim],
                "configMapTemplates": [settings],
            },
        ),
    )
    # No volume is there for the claim, so the pod waits; that must be told, too.
    kube.until("jf", "pipeline", lambda f: "is not scheduled" in str(f.get("status")))
    (made,) = kube.jobs("pipeline")
    volumes = {v["name"]: v for v in made["spec"]["template"]["spec"]["volumes"]}
    assert volumes["d"]["persistentVolumeClaim"]["claimName"] == "pipeline-data"
    assert volumes["s"]["configMap"]["name"] == "pipeline-settings"
    uid = kube.get("jf", "pipeline")["metadata"]["uid"]
    for kind, name in (("pvc", "pipeline-data"), ("configmap", "pipeline-settings")):
        found = kube.get(kind, name)
        assert [owner["uid"] for owner in found["metadata"]["ownerReferences"]] == [uid]
    assert kube.get("pvc", "pipeline-data")["metadata"]["labels"]["tier"] == "fast"
    kube("delete", "jf", "pipeline", "--wait=false")
    kube.gone("configmap", "pipeline-settings")
    kube.gone("pvc", "pipeline-data")


def test_a_foreign_object_is_not_taken_for_the_flows_own(kube: Kube) -> None:
    kube("create", "configmap", "greedy-settings", "--from-literal=mine=yes")
    templates = {"configMapTemplates": [{"metadata": {"name": "settings"}, "data": {"x": "y"}}]}
    kube.apply(flow("greedy", step("a"), resourceTemplates=templates))
    status = kube.ends("greedy", "Failed")
    assert status["reason"] == "ResourceConflict"
    assert "greedy-settings" in status["message"]
    assert kube.get("configmap", "greedy-settings")["data"] == {"mine": "yes"}
