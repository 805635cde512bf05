"""Flows that are refused: the form of a case, and what several tables share."""

from typing import Any, NamedTuple

from unit.api.flows import step, template


class Case(NamedTuple):
    title: str
    document: Any
    path: str
    message: str
    cure: str


A = step("a")


ONE = "spec.steps[0]"


TWO = "spec.steps[1]"


IN_POD = f"{ONE}.template.spec.template.spec"


MAIN = f"{IN_POD}.containers[0]"


def container(**fields: Any) -> dict[str, Any]:
    fields = {"name": "main", "image": "busybox", **fields}
    kept = {key: value for key, value in fields.items() if value is not None}
    return template(containers=[kept])


def exit_codes(**fields: Any) -> dict[str, Any]:
    codes = {"operator": "In", "values": [1], **fields}
    return {"podFailurePolicy": {"rules": [{"action": "Ignore", "onExitCodes": codes}]}}


def input_from(**source: Any) -> dict[str, Any]:
    return {"parameters": [{"name": "p", **source}]}


def path_input(path: str) -> dict[str, Any]:
    return input_from(valueFrom={"jsonPath": path})


def output_from(path: str) -> dict[str, Any]:
    return {"parameters": [{"name": "rows", "valueFrom": {"jsonPath": path}}]}
