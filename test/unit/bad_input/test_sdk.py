"""Workflows in Python with anything for an argument: defined, or refused where it was given."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from jobflows.sdk import DefinitionError, Task, TaskTemplate, Tool, Workflow, task
from unit.bad_input.words import words_of

MEMORY: list[Any] = ["x", -1, [], None, "9" * 5000, 10**400, float("nan"), ["1Gi", None]]
MEMORY += ["value *", "1 / 0", {"scale": 0.5, "max": "x"}]

ODD: list[Any] = [
    *(None, 3, -1, 0, 1.5, float("nan"), float("inf"), True, 10**400, b"x", object(), print),
    *("", " ", "é", "\u202e", "{x}", "{", "x" * 10_000, "\ud800", "\0", set(), (1, 2)),
    *([], ["a"], [1], [None], [[]], [{"node_selector": 1}], {}, {"a": 1}, {1: 2}),
    *({"memory": odd} for odd in MEMORY),
    *({"memory": grown} for grown in (lambda _: 1 / 0, lambda _: "x", lambda _: float("inf"))),
    *({"runtime": odd} for odd in ("x", float("inf"), -1)),
    *({"tolerations": "x"}, {"tolerations": [1]}, {"node_selector": [1]}, {"cores": None}),
]


def parts() -> tuple[Tool, TaskTemplate, Task, Workflow]:
    """One of each, with nothing wrong in them."""
    tool = Tool("t", image="a:1")
    template = tool.get_task_template("tt", "echo {a}", node_args=["a"])
    return tool, template, template.create_task(a="1"), tool.create_workflow("x")


def whole(**given: Any) -> None:
    """A workflow of one task that becomes a flow; `given` goes to `<part>__<argument>`."""
    said: dict[str, dict[str, Any]] = {
        "tool": {"name": "t", "image": "a:1"},
        "template": {"template_name": "tt", "command_template": "echo {a}", "node_args": ["a"]},
        "task": {"a": "1"},
        "workflow": {"workflow_args": "x"},
    }
    for place, value in given.items():
        part, _, name = place.partition("__")
        said[part][name] = value
    tool = Tool(**said["tool"])
    template = tool.get_task_template(**said["template"])
    workflow = tool.create_workflow(**said["workflow"])
    workflow.add_task(template.create_task(**said["task"]))
    workflow.to_flow()


SETTINGS = ("compute_resources", "resource_scales", "max_attempts")
ARGUMENTS = {
    "tool": ("name", "image", "pod", *SETTINGS),
    "template": (
        *("template_name", "command_template", "node_args", "task_args", "op_args"),
        *("fallbacks", "yaml_file", "image", "pod", *SETTINGS),
    ),
    "task": ("a", "b", "name", "upstream_tasks", "fallbacks", *SETTINGS),
    "workflow": ("workflow_args", "name", "max_concurrently_running", "retry_delay", *SETTINGS),
}
METHODS = {
    **dict.fromkeys(("set_defaults_from_yaml",), 0),
    **dict.fromkeys(("add_upstream", "add_upstreams", "add_downstream", "add_downstreams"), 2),
    **dict.fromkeys(("output",), 2),
    **dict.fromkeys(("add_task", "add_tasks", "get_tasks_by_node_args"), 3),
}
"""With the place in `parts` of what has it; each takes one argument."""

CALLS: dict[str, Callable[[Any], object]] = {
    "set_default_compute_resources": lambda v: parts()[0].set_default_compute_resources(memory=v),
    "set_default_resource_scales": lambda v: parts()[0].set_default_resource_scales(memory=v),
    "create_tasks": lambda v: parts()[1].create_tasks(a=v),
    "limit": lambda v: parts()[3].set_task_template_max_concurrency_limit("tt", v),
    "limit of": lambda v: parts()[3].set_task_template_max_concurrency_limit(v, 3),
    "max_attempts of @task": lambda v: task(max_attempts=v)(parts),
    "name of @task": lambda v: task(name=v)(parts),
}


def asked(name: str, value: Any) -> object:
    if name in METHODS:
        return getattr(parts()[METHODS[name]], name)(value)
    return CALLS[name](value)


@pytest.mark.parametrize("part", ARGUMENTS)
def test_an_argument_of_another_type_is_told_of(part: str) -> None:
    for name in ARGUMENTS[part]:
        for value in ODD:
            words_of(DefinitionError, partial(whole, **{f"{part}__{name}": value}))


@pytest.mark.parametrize("name", [*METHODS, *CALLS])
def test_a_call_with_another_type_is_told_of(name: str) -> None:
    said = [words_of(DefinitionError, partial(asked, name, value)) for value in ODD]
    assert any(said)
    assert all(len(words) < 11_000 for words in said)


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("tool__name", 3, "a tool: name must be a text, not 3; put it in quotes"),
        ("tool__pod", [1], "tool 't': pod must be a dict with names for keys, not [1]"),
        ("template__node_args", {"a": 1}, "template 'tt': node_args must be a list of texts"),
        ("template__fallbacks", 3, "template 'tt': fallbacks must be a list, not 3"),
        ("template__yaml_file", "\0", "is no file's name"),
        ("task__upstream_tasks", 3, "upstream tasks must be a list, not 3"),
        ("task__compute_resources", {"memory": float("nan")}, "memory nan is no amount"),
        ("task__compute_resources", {"runtime": float("inf")}, "runtime inf is no time"),
        ("workflow__workflow_args", b"x", "workflow 't': workflow_args must be a text, not b'x'"),
    ],
)
def test_what_is_wrong_is_named_with_its_cure(place: str, value: Any, words: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        whole(**{place: value})
    assert words in str(refused.value)
