"""A hostile value, wherever a template takes one: it stays a part of that one string."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobflows.api.validation import check
from jobflows.engine import CompiledFlow, StartAttempt
from jobflows.local.expansion import expand
from jobflows.manifests.job import build_job

MARK = "MARK"

FRAGMENTS = [
    '"}], "hostNetwork": true, "x": [{"y": "',
    "\n    privileged: true\n",
    "- &anchor {a: *anchor}",
    "!!python/object/apply:os.system [id]",
    "{{ parameters.other }}",
    "${parameters.other}",
    "{{ arguments.other }}",
    "{{ flow.name }}",
    "{{ task.item }}",
    "$(HOME)",
    "$$(HOME)",
    "$",
    "`id`; rm -rf / #",
    "\\u0022}",
    "\x00\x1b[2J",
    "\ud7ff\U0010ffff",
    "%s{0}",
]

hostile = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=8), max_size=4).map("".join)


def template(name: str) -> dict[str, Any]:
    """A Job that takes a value in every kind of place."""
    hole = f"<{{{{ {name} }}}}>"
    container = {
        "name": "main",
        "image": f"busybox:{hole}",
        "workingDir": hole,
        "command": ["echo", hole],
        "args": [hole, f"{hole}{hole}"],
        "env": [{"name": "V", "value": hole}],
        "resources": {"limits": {"memory": f"{{{{ {name} }}}}"}},
    }
    pod = {
        "nodeSelector": {"zone": hole},
        "serviceAccountName": hole,
        "initContainers": [{**container, "name": "first"}],
        "containers": [container],
        "volumes": [{"name": "v", "configMap": {"name": hole}}],
    }
    return {
        "metadata": {"labels": {"a": hole}, "annotations": {"b": hole}},
        "spec": {"template": {"metadata": {"annotations": {"c": hole}}, "spec": pod}},
    }


def compiled() -> CompiledFlow:
    marks = {"labels": {"x": "{{ parameters.p }}"}, "annotations": {"y": "{{ parameters.p }}"}}
    checked = check(
        {
            "apiVersion": "workflow.kube-zen.io/v1alpha1",
            "kind": "JobFlow",
            "metadata": {"name": "flow", "namespace": "team", "uid": "u", "generation": 1},
            "spec": {
                "parameters": [{"name": name, "value": "v"} for name in ("p", "other")],
                "templates": [{"name": "shared", "template": template("arguments.a")}],
                "steps": [
                    {"name": "own", "template": template("parameters.p"), "metadata": marks},
                    {
                        "name": "by-argument",
                        "templateRef": "shared",
                        "arguments": {"a": "{{ parameters.p }}"},
                    },
                ],
            },
        }
    )
    assert checked.flow is not None, checked.problems
    return CompiledFlow.compile(checked.flow)


FLOW = compiled()


def made(step: int, value: str) -> Any:
    return build_job(FLOW, StartAttempt(step, 1, {"p": value, "other": "OTHER"}))


def filled(tree: Any, value: str, *, expanded: bool = False) -> Any:
    """`tree`, made with MARK, as it has to be with `value`."""
    if isinstance(tree, dict):
        return {
            key: filled(item, value, expanded=expanded or key in ("command", "args", "env"))
            for key, item in tree.items()
        }
    if isinstance(tree, list):
        return [filled(item, value, expanded=expanded) for item in tree]
    if isinstance(tree, str):
        return tree.replace(MARK, value.replace("$", "$$") if expanded else value)
    return tree


@settings(deadline=None)
@given(hostile)
@example("".join(FRAGMENTS))
def test_a_value_changes_the_string_it_stands_in_and_nothing_else(value: str) -> None:
    for step in range(len(FLOW.steps)):
        assert made(step, value) == filled(made(step, MARK), value)


@settings(deadline=None)
@given(hostile)
@example("".join(FRAGMENTS))
def test_a_container_gets_the_value_as_it_is(value: str) -> None:
    """The kubelet expands `$(HOME)` in a command, so that a value could reach for variables."""
    for step in range(len(FLOW.steps)):
        (container,) = made(step, value)["spec"]["template"]["spec"]["containers"]
        said = [*container["command"], *container["args"], container["env"][0]["value"]]
        got = [expand(text, {"HOME": "/root"}) for text in said]
        assert got == [
            "echo",
            *(text.replace(MARK, value) for text in ("<MARK>", "<MARK>", "<MARK><MARK>", "<MARK>")),
        ]
