"""Flows that are refused: maps."""

from typing import Any

from unit.api.flows import flow, step
from unit.api.refused.base import IN_POD, MAIN, ONE, Case, container

FUNCTION = "shop.prices:fetch"
MAP = f"{ONE}.map"


def mapped(*, template: dict[str, Any] | None = None, **how: Any) -> dict[str, Any]:
    template = template or container(command=None)
    return flow(step("a", template=template, map={"function": FUNCTION, **how}))


def with_step(how: dict[str, Any], **fields: Any) -> dict[str, Any]:
    fields = {"template": container(command=None), **fields}
    return flow(step("a", map={"function": FUNCTION, **how}, **fields))


def job_field(**spec: Any) -> dict[str, Any]:
    job = container(command=None)
    return {**job, "spec": {**job["spec"], **spec}}


MAPS = [
    Case("no items", mapped(), MAP, "says nothing what the items are", "items or itemsFrom"),
    Case(
        "items told twice",
        mapped(items=[1], itemsFrom={"jsonPath": "a:$.outputs.x"}),
        MAP,
        "says twice",
        "items or itemsFrom",
    ),
    Case("an empty path", mapped(items=" "), f"{MAP}.items", "is empty", "/data/items.jsonl"),
    Case("a number of items", mapped(items=3), f"{MAP}.items", "list or a path", "list"),
    Case(
        "too many items",
        mapped(items=[0] * 10_001),
        f"{MAP}.items",
        "more than 10000 items",
        "file on a volume",
    ),
    Case(
        "an item too long",
        mapped(items=["x" * 100_000]),
        f"{MAP}.items",
        "longer than 100000 bytes",
        "file",
    ),
    Case(
        "a task too long",
        mapped(items=["x" * 60_000] * 4, itemsPerTask=2),
        f"{MAP}.itemsPerTask",
        "2 items of a task are longer",
        "smaller",
    ),
    Case(
        "a function without a module",
        mapped(function="fetch", items=[1]),
        f"{MAP}.function",
        "does not name a function",
        "package.module:function",
    ),
    Case(
        "a command in the template",
        mapped(items=[1], template=container(command=["python", "x.py"])),
        f"{ONE}.template",
        "container main has command",
        "Remove command from the template",
    ),
    Case(
        "arguments in the template",
        mapped(items=[1], template=container(command=None, args=["x"])),
        f"{ONE}.template",
        "container main has args",
        "Remove args from the template",
    ),
    Case(
        "the variable of the items",
        mapped(items=[1], template=container(command=None, env=[{"name": "JOBFLOW_ITEMS"}])),
        f"{ONE}.template",
        "JOBFLOW_ITEMS is set by the map",
        "Rename",
    ),
    Case(
        "a Manual step",
        flow(step("a", type="Manual", template=None, map={"function": FUNCTION, "items": [1]})),
        MAP,
        "a Manual step has no items",
        "Remove map",
    ),
    Case(
        "an array beside it",
        with_step({"items": [1]}, array={"count": 2}),
        MAP,
        "has an array, too",
        "Remove array",
    ),
    Case(
        "completions in the template",
        mapped(items=[1], template=job_field(completions=2)),
        f"{ONE}.template.spec.completions",
        "is decided by the map",
        "map.parallelism",
    ),
    Case(
        "a step that is not waited for",
        mapped(itemsFrom={"jsonPath": "b:$.outputs.files"}),
        f"{MAP}.itemsFrom.jsonPath",
        "there is no step 'b'",
        "",
    ),
    Case(
        "a path that is cut",
        mapped(items="/data/*.csv", itemsPerTask=10),
        f"{MAP}.itemsPerTask",
        "cannot be counted before it runs",
        "Remove it",
    ),
    Case(
        "a path with parallelism",
        mapped(items="/data/*.csv", parallelism=3),
        f"{MAP}.parallelism",
        "are one task",
        "Remove it",
    ),
    Case(
        "one file for all tasks",
        mapped(items=[1, 2], itemsPerTask=1, out="/data/out.jsonl"),
        f"{MAP}.out",
        "all tasks of the map would write to this file",
        "{{ task.index }}",
    ),
    Case(
        "a task in a path of items",
        mapped(items="/data/{{ task.index }}.csv"),
        f"{MAP}.items",
        "{{ task.index }} is unknown here",
        "Remove it",
    ),
    Case(
        "a value that no task has",
        mapped(items=[1, 2], out="/data/{{ task.item }}.jsonl"),
        f"{MAP}.out",
        "has an index only",
        "{{ task.index }}",
    ),
    Case(
        "a parameter that does not exist",
        mapped(items="/data/{{ parameters.day }}.csv"),
        f"{MAP}.items",
        "there is no parameter 'day'",
        "",
    ),
    Case(
        "a number of workers",
        mapped(items=[1], workers=0),
        f"{MAP}.workers",
        "must be auto or a whole number",
        "auto",
    ),
    Case(
        "a number of items of a task",
        mapped(items=[1], itemsPerTask="many"),
        f"{MAP}.itemsPerTask",
        "must be auto or a whole number",
        "auto",
    ),
    Case(
        "a task elsewhere",
        mapped(
            items="/data/x.csv",
            template=container(command=None, env=[{"name": "I", "value": "{{ task.index }}"}]),
        ),
        f"{MAIN}.env[0].value",
        "needs an array",
        "",
    ),
    Case(
        "restarts in place",
        mapped(
            items=[1],
            template={
                "spec": {
                    "template": {
                        "spec": {
                            "restartPolicy": "OnFailure",
                            "containers": [{"name": "main", "image": "busybox"}],
                        }
                    }
                }
            },
        ),
        f"{IN_POD}.restartPolicy",
        "sees no failure",
        "Never",
    ),
]
