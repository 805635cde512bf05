"""A step's template becomes a Job: what is added, what is kept, what is taken off."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from jobflows.engine import CompiledFlow, StartAttempt
from jobflows.manifests import labels
from jobflows.manifests.job import build_job
from unit.manifests.made import Object, made, resources, template


def build(flow: CompiledFlow, attempt: int = 1, **parameters: str) -> Any:
    return build_job(flow, StartAttempt(0, attempt, parameters))


def pod(job: Any) -> Any:
    return job["spec"]["template"]["spec"]


def test_the_least_template_becomes_a_whole_job() -> None:
    marks = {
        "workflow.kube-zen.io/flow": "flow",
        "workflow.kube-zen.io/flow-uid": "flow-uid",
        "workflow.kube-zen.io/managed-by": "jobflow",
        "workflow.kube-zen.io/step": "one",
        "workflow.kube-zen.io/attempt": "3",
    }
    assert build(made(), 3) == {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": "flow-one-3",
            "namespace": "team",
            "labels": marks,
            "ownerReferences": [
                {
                    "apiVersion": "workflow.kube-zen.io/v1alpha1",
                    "kind": "JobFlow",
                    "name": "flow",
                    "uid": "flow-uid",
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {
            "backoffLimit": 0,
            "template": {
                "metadata": {"labels": marks},
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [
                        {
                            "name": "main",
                            "image": "busybox:1.36",
                            "terminationMessagePolicy": "FallbackToLogsOnError",
                        }
                    ],
                },
            },
        },
    }


def test_what_the_template_says_is_kept() -> None:
    said = template(
        {
            "terminationMessagePolicy": "File",
            "env": [{"name": "STEP", "value": "{{ step.name }} {{ step.attempt }}"}],
        },
        pod={"restartPolicy": "OnFailure", "nodeSelector": {"gpu": "yes"}},
        backoffLimit=4,
        parallelism=2,
        completions=8,
        completionMode="Indexed",
        activeDeadlineSeconds=60,
        suspend=True,
    )
    said["metadata"] = {"labels": {"queue": "q"}, "annotations": {"a": "b"}, "name": "ignored"}
    said["spec"]["template"]["metadata"] = {"labels": {"p": "q"}, "annotations": {"c": "d"}}
    job = build(made(said, step={"metadata": {"labels": {"l": "m"}, "annotations": {"x": "y"}}}))
    assert {"queue": "q", "l": "m"}.items() <= job["metadata"]["labels"].items()
    assert job["metadata"]["annotations"] == {"a": "b", "x": "y"}
    assert job["metadata"]["name"] == "flow-one-1"
    assert job["spec"]["template"]["metadata"]["labels"]["p"] == "q"
    assert job["spec"]["template"]["metadata"]["annotations"] == {"c": "d"}
    kept = ("backoffLimit", "parallelism", "completions", "completionMode", "suspend")
    assert [job["spec"][key] for key in kept] == [4, 2, 8, "Indexed", True]
    assert job["spec"]["activeDeadlineSeconds"] == 60
    assert pod(job)["restartPolicy"] == "OnFailure"
    assert pod(job)["nodeSelector"] == {"gpu": "yes"}
    container = pod(job)["containers"][0]
    assert container["terminationMessagePolicy"] == "File"
    assert container["env"] == [{"name": "STEP", "value": "one 1"}]


def test_our_labels_win_over_those_of_the_template() -> None:
    said = template()
    stolen = {"workflow.kube-zen.io/step": "other", "workflow.kube-zen.io/attempt": "99"}
    said["metadata"] = {"labels": stolen}
    said["spec"]["template"]["metadata"] = {"labels": stolen}
    job = build(made(said))
    for marks in (job["metadata"]["labels"], job["spec"]["template"]["metadata"]["labels"]):
        assert marks["workflow.kube-zen.io/step"] == "one"
        assert marks["workflow.kube-zen.io/attempt"] == "1"


def test_the_ttl_is_taken_off_for_the_operator_keeps_it_itself() -> None:
    assert "ttlSecondsAfterFinished" not in build(made(template(ttlSecondsAfterFinished=0)))["spec"]


@pytest.mark.parametrize(
    ("spec", "pod_spec", "limit"),
    [
        ({}, {}, 0),
        ({}, {"restartPolicy": "Never"}, 0),
        ({"backoffLimit": 3}, {}, 3),
        ({}, {"restartPolicy": "OnFailure"}, None),
        ({"completions": 4, "completionMode": "Indexed", "backoffLimitPerIndex": 1}, {}, None),
    ],
)
def test_a_job_retries_only_where_its_template_asks(
    spec: Object, pod_spec: Object, limit: int | None
) -> None:
    assert build(made(template(pod=pod_spec, **spec)))["spec"].get("backoffLimit") == limit


RULES = (
    {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [3, 0, 2, 3]}},
    {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [9]}},
    {"action": "FailJob", "onExitCodes": {"operator": "NotIn", "values": [0]}},
    {
        "action": "FailJob",
        "onExitCodes": {"containerName": "other", "operator": "In", "values": [1]},
    },
)


def with_rules(**spec: Any) -> CompiledFlow:
    policy = {"podFailurePolicy": {"rules": list(RULES)}}
    return made(template(**spec), executionPolicy=policy)


def test_a_job_that_retries_gets_the_rules_that_end_it() -> None:
    assert build(with_rules(backoffLimit=2))["spec"]["podFailurePolicy"] == {
        "rules": [
            {
                "action": "FailJob",
                "onExitCodes": {"containerName": "main", "operator": "In", "values": [2, 3]},
            },
            {
                "action": "FailJob",
                "onExitCodes": {"containerName": "main", "operator": "NotIn", "values": [0]},
            },
        ]
    }


def test_a_job_that_does_not_retry_needs_no_rules() -> None:
    assert "podFailurePolicy" not in build(with_rules())["spec"]


def test_the_rules_of_a_template_are_its_own() -> None:
    own = {"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]}
    job = build(with_rules(backoffLimit=2, podFailurePolicy=own))
    assert job["spec"]["podFailurePolicy"] == own


NAMED = resources(maps=("settings",), claims=("work",))


def test_resources_of_the_flow_are_mounted_by_their_names_in_the_template() -> None:
    volumes: list[Object] = [
        {"name": "a", "persistentVolumeClaim": {"claimName": "work", "readOnly": True}},
        {"name": "b", "configMap": {"name": "settings", "items": [{"key": "k", "path": "p"}]}},
        {"name": "c", "projected": {"sources": [{"configMap": {"name": "settings"}}]}},
        {"name": "d", "persistentVolumeClaim": {"claimName": "somebody-elses"}},
        {"name": "e", "configMap": {"name": "somebody-elses"}},
        {"name": "work", "emptyDir": {}},
        {"name": "f", "secret": {"secretName": "settings"}},
    ]
    reads: Object = {
        "env": [
            {
                "name": "K",
                "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "k"}},
            },
            {"name": "S", "valueFrom": {"secretKeyRef": {"name": "settings", "key": "k"}}},
        ],
        "envFrom": [
            {"configMapRef": {"name": "settings"}},
            {"secretRef": {"name": "settings"}},
        ],
    }
    first = {"name": "first", "image": "busybox", **reads}
    said = template(reads, pod={"volumes": volumes, "initContainers": [first]})
    spec = pod(build(made(said, resourceTemplates=NAMED)))
    by_name = {volume["name"]: volume for volume in spec["volumes"]}
    assert by_name["a"]["persistentVolumeClaim"] == {"claimName": "flow-work", "readOnly": True}
    assert by_name["b"]["configMap"]["name"] == "flow-settings"
    assert by_name["c"]["projected"]["sources"][0]["configMap"]["name"] == "flow-settings"
    assert [by_name[n] for n in ("d", "e", "work", "f")] == [*volumes[3:5], *volumes[5:]]
    for container in (*spec["containers"], *spec["initContainers"]):
        variables = {v["name"]: v for v in container["env"]}
        assert variables["K"]["valueFrom"]["configMapKeyRef"]["name"] == "flow-settings"
        assert variables["S"]["valueFrom"]["secretKeyRef"]["name"] == "settings"
        assert container["envFrom"][0]["configMapRef"]["name"] == "flow-settings"
        assert container["envFrom"][1]["secretRef"]["name"] == "settings"


def test_the_template_is_never_changed() -> None:
    said = template(
        {"args": ["{{ parameters.x }}"], "env": [{"name": "A", "value": "{{ parameters.x }}"}]},
        pod={"volumes": [{"name": "v", "configMap": {"name": "settings"}}]},
        ttlSecondsAfterFinished=5,
    )
    flow = made(said, parameters=[{"name": "x", "value": "1"}], resourceTemplates=NAMED)
    before = copy.deepcopy(flow.steps[0].spec.template)
    first = build(flow, 1, x="1")
    again = build(flow, 1, x="1")
    other = build(flow, 2, x="2")
    assert flow.steps[0].spec.template == before
    assert first == again
    assert pod(other)["containers"][0]["args"] == ["2"]
    assert pod(first)["containers"][0]["args"] == ["1"]


def test_the_locks_of_a_step_are_marked_on_its_job_and_pod_and_on_no_other() -> None:
    job = build(made(step={"locks": [{"name": "db"}, {"name": "gpu", "limit": 3}]}))
    for metadata in (job["metadata"], job["spec"]["template"]["metadata"]):
        assert labels.read_locks(metadata["annotations"]) == {"db": 1, "gpu": 3}
    assert labels.LOCKS not in str(build(made()))


@pytest.mark.parametrize("spoilt", ["[]", "no", '{"db": "x"}', "7"])
def test_a_spoilt_mark_of_locks_holds_none(spoilt: str) -> None:
    assert labels.read_locks({labels.LOCKS: spoilt}) == {}
