"""Flows that are refused: names and the graph."""

from unit.api.flows import flow, step
from unit.api.refused.base import ONE, TWO, A, Case

NAMES = [
    Case("no flow name", {**flow(A), "metadata": {}}, "metadata", "no name", "metadata.name"),
    Case("capital in flow name", flow(A, name="Flow"), "metadata.name", "not a DNS name", "lower"),
    Case("long flow name", flow(A, name="f" * 254), "metadata.name", "254", "at most 253"),
    Case(
        "bad generateName",
        {**flow(A), "metadata": {"generateName": "_x-"}},
        "metadata.generateName",
        "not a DNS name",
        "lower-case",
    ),
    Case("duplicate step", flow(A, A), f"{TWO}.name", "exists already as steps[0]", "Rename"),
    Case("empty step name", flow(step("")), f"{ONE}.name", "must not be empty", "name"),
    Case("blank in step name", flow(step(" a")), f"{ONE}.name", "not a DNS label", "lower-case"),
    Case("dot in step name", flow(step("a.b")), f"{ONE}.name", "has a dot", "Write a-b"),
    Case("capital in step name", flow(step("Load")), f"{ONE}.name", "not a DNS label", "lower"),
    Case("long step name", flow(step("s" * 64)), f"{ONE}.name", "64 characters", "at most 63"),
    Case("line break in step name", flow(step("a\n")), f"{ONE}.name", "not a DNS label", "lower"),
    Case(
        "bad parameter name",
        flow(A, parameters=[{"name": "a b", "value": ""}]),
        "spec.parameters[0].name",
        "cannot be used",
        "letters",
    ),
    Case(
        "duplicate flow parameter",
        flow(A, parameters=[{"name": "p", "value": ""}, {"name": "p", "value": ""}]),
        "spec.parameters[1].name",
        "exists already as parameters[0]",
        "Remove or rename",
    ),
    Case(
        "duplicate input",
        flow(
            step(
                "a", inputs={"parameters": [{"name": "p", "value": ""}, {"name": "p", "value": ""}]}
            )
        ),
        f"{ONE}.inputs.parameters[1].name",
        "exists already",
        "rename",
    ),
]


GRAPH = [
    Case(
        "unknown dependency",
        flow(step("extract"), step("b", "extrct")),
        f"{TWO}.dependencies[0]",
        "no step 'extrct'",
        "Did you mean extract?",
    ),
    Case(
        "unlike any step",
        flow(step("b", "zzz")),
        f"{ONE}.dependencies[0]",
        "no step 'zzz'",
        "one of the steps b",
    ),
    Case(
        "self-dependency",
        flow(step("a", "a")),
        f"{ONE}.dependencies[0]",
        "depends on itself",
        "Remove",
    ),
    Case("twice", flow(A, step("b", "a", "a")), f"{TWO}.dependencies[1]", "listed twice", "Remove"),
    Case(
        "cycle of two",
        flow(step("a", "b"), step("b", "a")),
        f"{ONE}.dependencies[0]",
        "a -> b -> a",
        "Remove one",
    ),
    Case(
        "cycle behind a root",
        flow(A, step("b", "a", "d"), step("c", "b"), step("d", "c")),
        f"{TWO}.dependencies[1]",
        "b -> d -> c -> b",
        "Remove one",
    ),
]
