"""Flows that are refused: arrays."""

from typing import Any

from unit.api.flows import flow, step
from unit.api.refused.base import IN_POD, MAIN, ONE, TWO, Case, container, output_from


def array(how: dict[str, Any], *args: str, **fields: Any) -> dict[str, Any]:
    return flow(
        step("a", template=container(command=["echo"], args=list(args)), array=how, **fields)
    )


FOLLOWS = {"count": 2, "dependencyMode": "Index"}

ARRAYS = [
    Case("no tasks told", array({}), f"{ONE}.array", "says nothing of how many", "exactly one"),
    Case(
        "tasks told twice",
        array({"count": 1, "items": ["a"]}),
        f"{ONE}.array",
        "says several of how many",
        "exactly one",
    ),
    Case("too many", array({"count": 100_001}), f"{ONE}.array.count", "100000", ""),
    Case(
        "too large a matrix",
        array({"matrix": {"a": list(range(1000)), "b": list(range(101))}}),
        f"{ONE}.array",
        "101000 tasks are more than 100000",
        "Split",
    ),
    Case(
        "an empty matrix", array({"matrix": {}}), f"{ONE}.array.matrix", "is empty", "at least one"
    ),
    Case(
        "a list as an item",
        array({"items": [["a"]]}),
        f"{ONE}.array.items",
        "no string, number or boolean",
        "flat mappings",
    ),
    Case(
        "lines as an item",
        array({"items": ["a\nb"]}),
        f"{ONE}.array.items",
        "more than one line",
        "one line",
    ),
    Case(
        "a key that no shell can name",
        array({"matrix": {"a-b": [1]}}),
        f"{ONE}.array",
        "'a-b' cannot name",
        "letters, digits",
    ),
    Case(
        "uneven items",
        array({"items": [{"a": 1, "b": 2}, {"a": 1}]}),
        f"{ONE}.array.items[1]",
        "has no b",
        "same keys",
    ),
    Case(
        "a task value that is not there",
        array({"items": [{"file": "x"}]}, "{{ task.flie }}"),
        f"{MAIN}.args[0]",
        "tasks have no 'flie'",
        "Did you mean file?",
    ),
    Case(
        "a task without an array",
        flow(step("a", template=container(command=["echo", "{{ task.index }}"]))),
        f"{MAIN}.command[1]",
        "needs an array",
        "Add array",
    ),
    Case(
        "a task in what all share",
        array({"count": 2}, metadata={"labels": {"i": "{{ task.index }}"}}),
        f"{ONE}.metadata.labels.i",
        "cannot say which task",
        "command, args or env",
    ),
    Case(
        "a task without a command",
        flow(step("a", array={"count": 2}, template=container(args=["{{ task.index }}"]))),
        f"{MAIN}.command",
        "is needed",
        "command of the image",
    ),
    Case(
        "what the array decides",
        flow(
            step(
                "a",
                array={"count": 2},
                template={"spec": {**container()["spec"], "completions": 3}},
            )
        ),
        f"{ONE}.template.spec.completions",
        "decided by the array",
        "array.parallelism",
    ),
    Case(
        "restarts in place",
        flow(
            step(
                "a",
                array={"count": 2},
                template={
                    "spec": {
                        "template": {
                            "spec": {
                                **container()["spec"]["template"]["spec"],
                                "restartPolicy": "OnFailure",
                            }
                        }
                    }
                },
            )
        ),
        f"{IN_POD}.restartPolicy",
        "restarts in place",
        "Never",
    ),
    Case(
        "outputs of tasks",
        array({"count": 2}, outputs=output_from("$.rows")),
        f"{ONE}.outputs",
        "no outputs",
        "volume",
    ),
    Case(
        "nothing to follow",
        flow(step("a"), step("b", "a", array=FOLLOWS)),
        f"{TWO}.array.dependencyMode",
        "needs an array among the dependencies",
        "Depend on an array",
    ),
    Case(
        "two that cannot follow three",
        flow(step("a", array={"count": 3}), step("b", "a", array=FOLLOWS)),
        f"{TWO}.array.dependencyMode",
        "2 tasks cannot follow the 3 of 'a'",
        "as many",
    ),
    Case(
        "items from a step it does not wait for",
        flow(
            step("a", outputs=output_from("$.rows")),
            step("b", array={"itemsFrom": {"jsonPath": "a:$.outputs.rows"}}),
        ),
        f"{TWO}.array.itemsFrom.jsonPath",
        "does not wait for it",
        "Add a to the dependencies",
    ),
    Case(
        "a person with tasks",
        flow(step("a", type="Manual", template=None, array={"count": 2})),
        f"{ONE}.array",
        "a Manual step has no tasks",
        "Remove array",
    ),
]
