"""Flows that are refused: parameters, placeholders and paths."""

from typing import Any

from unit.api.flows import flow, step
from unit.api.refused.base import (
    MAIN,
    ONE,
    TWO,
    A,
    Case,
    container,
    input_from,
    output_from,
    path_input,
)

SECRET = input_from(valueFrom={"secretKeyRef": {"name": "s"}})


def arguments(where: str, **fields: Any) -> dict[str, Any]:
    return flow(step("a", template=container(args=[where]), **fields))


PARAMETERS = [
    Case(
        "unknown placeholder",
        arguments("{{ parameters.dat }}", inputs=input_from(value="1")),
        f"{MAIN}.args[0]",
        "no parameter 'dat'",
        "inputs.parameters (p exist)",
    ),
    Case(
        "misspelt placeholder",
        flow(step("a", message="${parameters.dat}"), parameters=[{"name": "date", "value": ""}]),
        f"{ONE}.message",
        "no parameter 'dat'",
        "Did you mean date?",
    ),
    Case(
        "unknown in a label",
        flow(step("a", metadata={"labels": {"x": "{{.parameters.y}}"}})),
        f"{ONE}.metadata.labels.x",
        "no parameter 'y'",
        "Add it",
    ),
    Case(
        "filter in a placeholder",
        arguments("{{ parameters.p | upper }}", inputs=input_from(value="1")),
        f"{MAIN}.args[0]",
        "not a placeholder",
        "without functions",
    ),
    Case(
        "shell default",
        arguments("${parameters.p:-1}", inputs=input_from(value="1")),
        f"{MAIN}.args[0]",
        "not a placeholder",
        "{{ parameters.name }}",
    ),
    Case(
        "Secret in the image",
        flow(step("a", inputs=SECRET, template=container(image="x:{{ parameters.p }}"))),
        f"{MAIN}.image",
        "comes from a Secret",
        "command, args or env[].value",
    ),
    Case(
        "ConfigMap in an annotation",
        flow(
            step(
                "a",
                inputs=input_from(valueFrom={"configMapKeyRef": {"name": "c"}}),
                metadata={"annotations": {"x": "{{ parameters.p }}"}},
            )
        ),
        f"{ONE}.metadata.annotations.x",
        "comes from a ConfigMap",
        "env[].value",
    ),
    Case(
        "Secret in the name of a variable",
        flow(
            step(
                "a",
                inputs=SECRET,
                template=container(env=[{"name": "{{ parameters.p }}", "value": ""}]),
            )
        ),
        f"{MAIN}.env[0].name",
        "comes from a Secret",
        "env[].value",
    ),
    Case(
        "input that reads an input",
        flow(
            step(
                "a",
                inputs={
                    "parameters": [
                        {"name": "p", "value": "1"},
                        {"name": "q", "value": "{{ parameters.p }}"},
                    ]
                },
            )
        ),
        f"{ONE}.inputs.parameters[1].value",
        "no parameter 'p'",
        "spec.parameters",
    ),
    Case(
        "no source",
        flow(step("a", inputs=input_from())),
        f"{ONE}.inputs.parameters[0]",
        "neither value nor",
        "exactly one",
    ),
    Case(
        "two sources",
        flow(step("a", inputs=input_from(value="1", **SECRET["parameters"][0]))),
        f"{ONE}.inputs.parameters[0]",
        "both value and",
        "exactly one",
    ),
    Case(
        "empty valueFrom",
        flow(step("a", inputs=input_from(valueFrom={}))),
        f"{ONE}.inputs.parameters[0].valueFrom",
        "no sources",
        "exactly one",
    ),
    Case(
        "path without step",
        flow(step("a", inputs=path_input("$.rows"))),
        f"{ONE}.inputs.parameters[0].valueFrom.jsonPath",
        "does not name a step",
        "extract:$",
    ),
    Case(
        "path of an unknown step",
        flow(A, step("b", inputs=path_input("c:$.x"))),
        f"{TWO}.inputs.parameters[0].valueFrom.jsonPath",
        "no step 'c'",
        "steps a, b",
    ),
    Case(
        "path of a step not waited for",
        flow(A, step("b", inputs=path_input("a:$.x"))),
        f"{TWO}.inputs.parameters[0].valueFrom.jsonPath",
        "does not wait",
        "Add a to the dep",
    ),
    Case(
        "path that does not parse",
        flow(A, step("b", "a", inputs=path_input("a:$.x["))),
        f"{TWO}.inputs.parameters[0].valueFrom.jsonPath",
        "not a JSON path",
        "$.rows",
    ),
    Case(
        "output path in kubectl's form",
        flow(step("a", outputs=output_from("{.rows}"))),
        f"{ONE}.outputs.parameters[0].valueFrom.jsonPath",
        "not a JSON path",
        "names and indexes",
    ),
    Case(
        "path of many values",
        flow(step("a", outputs=output_from("$..rows"))),
        f"{ONE}.outputs.parameters[0].valueFrom.jsonPath",
        "more than one value",
        "$.rows",
    ),
]
