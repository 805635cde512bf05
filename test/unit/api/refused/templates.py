"""Flows that are refused: job templates and their resources."""

from typing import Any

from unit.api.flows import flow, step, template
from unit.api.refused.base import IN_POD, MAIN, ONE, Case, container, exit_codes


def with_resources(requests: Any = None, limits: Any = None) -> dict[str, Any]:
    both = {"requests": requests, "limits": limits}
    return container(resources={key: value for key, value in both.items() if value is not None})


def job(**spec: Any) -> dict[str, Any]:
    made = template()
    made["spec"].update(spec)
    return made


TEMPLATES = [
    Case(
        "Job without template",
        flow(step("a", template=None)),
        f"{ONE}.template",
        "needs a template",
        "containers",
    ),
    Case(
        "message without type",
        flow(step("a", template=None, message="look")),
        f"{ONE}.template",
        "needs a template",
        "type: Manual",
    ),
    Case(
        "Manual with template",
        flow(step("a", type="Manual")),
        f"{ONE}.template",
        "runs nothing",
        "Remove template",
    ),
    Case(
        "template of a Pod",
        flow(step("a", template={**template(), "kind": "Pod"})),
        f"{ONE}.template.kind",
        "'Pod' is not Job",
        "Write Job",
    ),
    Case(
        "template of batch/v1beta1",
        flow(step("a", template={**template(), "apiVersion": "batch/v1beta1"})),
        f"{ONE}.template.apiVersion",
        "not batch/v1",
        "Write batch/v1",
    ),
    Case(
        "empty template",
        flow(step("a", template={})),
        f"{IN_POD}.containers",
        "no containers",
        "name and an image",
    ),
    Case(
        "no containers",
        flow(step("a", template=template(containers=[]))),
        f"{IN_POD}.containers",
        "no containers",
        "Add one",
    ),
    Case(
        "spec that is a list",
        flow(step("a", template={"spec": []})),
        f"{ONE}.template.spec",
        "must be a mapping",
        "batch/v1",
    ),
    Case(
        "container without name",
        flow(step("a", template=container(name=None))),
        f"{MAIN}.name",
        "no name",
        "name: main",
    ),
    Case(
        "container without image",
        flow(step("a", template=container(image=""))),
        f"{MAIN}.image",
        "no image",
        "image:",
    ),
    Case(
        "two containers of one name",
        flow(step("a", template=template(containers=[{"name": "m", "image": "i"}] * 2))),
        f"{IN_POD}.containers[1].name",
        "another container",
        "Rename",
    ),
    Case(
        "restartPolicy Always",
        flow(step("a", template=template(restartPolicy="Always"))),
        f"{IN_POD}.restartPolicy",
        "cannot use 'Always'",
        "Never or OnFailure",
    ),
    Case(
        "exit codes with OnFailure",
        flow(step("a", template=template(restartPolicy="OnFailure")), executionPolicy=exit_codes()),
        f"{IN_POD}.restartPolicy",
        "no exit codes",
        "restartPolicy: Never",
    ),
    Case(
        "negative Job backoffLimit",
        flow(step("a", template=job(backoffLimit=-1))),
        f"{ONE}.template.spec.backoffLimit",
        "at least 0",
        "0 or more",
    ),
    Case(
        "Job deadline of zero",
        flow(step("a", template=job(activeDeadlineSeconds=0))),
        f"{ONE}.template.spec.activeDeadlineSeconds",
        "at least 1",
        "1 or more",
    ),
    Case(
        "completions beyond the API",
        flow(step("a", template=job(completions=100_001))),
        f"{ONE}.template.spec.completions",
        "more than 100000",
        "Split",
    ),
    Case(
        "no parallelism",
        flow(step("a", template=job(parallelism=0))),
        f"{ONE}.template.spec.parallelism",
        "at least 1",
        "1 or more",
    ),
    Case(
        "Indexed without completions",
        flow(step("a", template=job(completionMode="Indexed"))),
        f"{ONE}.template.spec.completionMode",
        "needs completions",
        "completions",
    ),
    Case(
        "limit below request",
        flow(step("a", template=with_resources({"memory": "2Gi"}, {"memory": "1500Mi"}))),
        f"{MAIN}.resources.limits.memory",
        "limit 1500Mi is below the request 2Gi",
        "Raise",
    ),
    Case(
        "zero request",
        flow(step("a", template=with_resources({"cpu": "0m"}))),
        f"{MAIN}.resources.requests.cpu",
        "greater than zero",
        "leave it out",
    ),
    Case(
        "no quantity",
        flow(step("a", template=with_resources(limits={"memory": "1 GB"}))),
        f"{MAIN}.resources.limits.memory",
        "not a quantity",
        "1Gi",
    ),
    Case(
        "container that is a string",
        flow(step("a", template=template(containers=["busybox"]))),
        f"{IN_POD}.containers[0]",
        "must be a mapping",
        "a name and an image",
    ),
    Case(
        "containers that are a mapping",
        flow(step("a", template=template(containers={"main": {}}))),
        f"{IN_POD}.containers",
        "must be a list",
        "batch/v1",
    ),
    Case(
        "resources that are a string",
        flow(step("a", template=container(resources="big"))),
        f"{MAIN}.resources",
        "must be a mapping",
        "requests and limits",
    ),
    Case(
        "requests that are a string",
        flow(step("a", template=with_resources("1Gi"))),
        f"{MAIN}.resources.requests",
        "must be a mapping",
        "memory: 1Gi",
    ),
    Case(
        "unknown completion mode",
        flow(step("a", template=job(completionMode="indexed"))),
        f"{ONE}.template.spec.completionMode",
        "'indexed' does not exist",
        "Indexed",
    ),
    Case(
        "backoffLimit in quotes",
        flow(step("a", template=job(backoffLimit="1"))),
        f"{ONE}.template.spec.backoffLimit",
        "whole number",
        "without quotes",
    ),
]
