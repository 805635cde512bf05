"""Values in a manifest: they stay in the string they stand in, and secrets are never seen."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobflows.engine import CompiledFlow, StartAttempt
from jobflows.manifests.job import build_job
from unit.manifests.made import Object, made, resources, template

NASTY = '"}], "hostNetwork": true, \'x\n{{ parameters.y }} ${parameters.y} $(HOME) $$ `id`'


def job(container: Object, value: str = "V", **more: Any) -> Any:
    said = template(container)
    said["metadata"] = {"annotations": {"note": "{{ parameters.x }}"}}
    flow = made(said, parameters=[{"name": n, "value": "v"} for n in ("x", "y")], **more)
    return build_job(flow, StartAttempt(0, 1, {"x": value, "y": "Y"}))


def main(made_job: Any) -> Any:
    return made_job["spec"]["template"]["spec"]["containers"][0]


@pytest.mark.parametrize(
    "spelling",
    [
        "{{ parameters.x }}",
        "{{parameters.x}}",
        "{{.parameters.x}}",
        "{{ .Parameters.x }}",
        "${parameters.x}",
    ],
)
def test_every_spelling_is_filled_in(spelling: str) -> None:
    assert main(job({"args": [f"a{spelling}b"]}))["args"] == ["aVb"]


@given(st.text(max_size=50))
def test_no_value_breaks_out_of_its_string(value: str) -> None:
    plain = job({"args": ["{{ parameters.x }}"], "workingDir": "/{{ parameters.x }}"}, "")
    filled = job({"args": ["{{ parameters.x }}"], "workingDir": "/{{ parameters.x }}"}, value)
    assert main(filled)["args"] == [value.replace("$", "$$")]
    assert main(filled)["workingDir"] == f"/{value}"
    main(filled)["args"] = [""]
    main(filled)["workingDir"] = "/"
    filled["metadata"]["annotations"]["note"] = ""
    assert filled == plain
    json.dumps(filled)


def test_a_value_is_not_read_again_and_reaches_for_no_variable() -> None:
    container = {
        "command": ["sh", "-c", "echo {{ parameters.x }} $(KEPT)"],
        "args": ["{{ parameters.x }}"],
        "env": [{"name": "A", "value": "{{ parameters.x }}"}],
        "workingDir": "{{ parameters.x }}",
    }
    made_job = job(container, NASTY)
    escaped = NASTY.replace("$", "$$")
    assert main(made_job)["command"] == ["sh", "-c", f"echo {escaped} $(KEPT)"]
    assert main(made_job)["args"] == [escaped]
    assert {"name": "A", "value": escaped} in main(made_job)["env"]
    assert main(made_job)["workingDir"] == NASTY  # nothing is expanded there
    assert made_job["metadata"]["annotations"]["note"] == NASTY


def secret_step(**source: Any) -> Object:
    inputs = {"parameters": [{"name": "pass-word", "valueFrom": source}]}
    return {"inputs": inputs}


def test_a_secret_is_a_reference_and_never_a_value() -> None:
    step = secret_step(secretKeyRef={"name": "db", "key": "password"})
    container = {
        "args": ["--password={{ parameters.pass-word }}"],
        "env": [{"name": "URL", "value": "db://{{ parameters.pass-word }}@host"}],
    }
    quiet = {"name": "quiet", "image": "busybox"}
    said = template(container)
    said["spec"]["template"]["spec"]["containers"].append(quiet)
    made_job = build_job(made(said, step=step), StartAttempt(0, 1))
    first, second = made_job["spec"]["template"]["spec"]["containers"]
    assert first["args"] == ["--password=$(JOBFLOW_PARAM_PASS_WORD)"]
    variable = {
        "name": "JOBFLOW_PARAM_PASS_WORD",
        "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}},
    }
    assert variable in first["env"]
    url = {"name": "URL", "value": "db://$(JOBFLOW_PARAM_PASS_WORD)@host"}
    assert first["env"].index(variable) < first["env"].index(url)  # else it is not expanded
    assert "PASS_WORD" not in json.dumps(second)  # only where it is used


def test_a_config_map_of_the_flow_is_found_under_its_real_name() -> None:
    step = secret_step(configMapKeyRef={"name": "settings", "key": "k"})
    flow = made(
        template({"args": ["{{ parameters.pass-word }}"]}),
        step=step,
        resourceTemplates=resources(maps=("settings",)),
    )
    container = main(build_job(flow, StartAttempt(0, 1)))
    sources = [v["valueFrom"] for v in container["env"] if "valueFrom" in v]
    assert sources == [{"configMapKeyRef": {"name": "flow-settings", "key": "k"}}]


def test_names_that_look_alike_get_variables_of_their_own() -> None:
    source = {"secretKeyRef": {"name": "db", "key": "a"}}
    inputs = [{"name": n, "valueFrom": source} for n in ("a-b", "a_b", "A-b")]
    args = [f"{{{{ parameters.{n} }}}}" for n in ("a-b", "a_b", "A-b")]
    flow = made(template({"args": args}), step={"inputs": {"parameters": inputs}})
    container = main(build_job(flow, StartAttempt(0, 1)))
    assert len(set(container["args"])) == 3
    names = [v["name"] for v in container["env"]]
    assert len(set(names)) == len(names)


def shared(container: Object, **step: Any) -> CompiledFlow:
    """A flow whose one step uses the template of this container."""
    templates = [{"name": "work", "template": template(container)}]
    return made(step={"template": None, "templateRef": "work", **step}, templates=templates)


def test_arguments_fill_the_template_with_values_of_the_step() -> None:
    flow = shared(
        {"args": ["{{ arguments.x }}"], "workingDir": "/{{arguments.x}}/{{ parameters.q }}"},
        arguments={"x": "<{{ parameters.p }}>{{ step.name }}$HOME"},
        inputs={"parameters": [{"name": "p", "value": "1"}, {"name": "q", "value": "2"}]},
    )
    container = main(build_job(flow, StartAttempt(0, 1, {"p": "$(X)", "q": "2"})))
    assert container["args"] == ["<$$(X)>one$$HOME"]  # as each value: the kubelet expands nothing
    assert container["workingDir"] == "/<$(X)>one$HOME/2"


def test_an_argument_may_hold_a_secret() -> None:
    step = secret_step(secretKeyRef={"name": "db", "key": "password"})
    flow = shared(
        {"args": ["{{ arguments.url }}"]},
        arguments={"url": "$db://{{ parameters.pass-word }}@{{ step.name }}"},
        **step,
    )
    container = main(build_job(flow, StartAttempt(0, 1, {})))
    assert container["args"] == ["$$db://$(JOBFLOW_PARAM_PASS_WORD)@one"]
    assert [variable["name"] for variable in container["env"]] == ["JOBFLOW_PARAM_PASS_WORD"]


def test_a_value_that_looks_like_an_argument_is_not_filled_again() -> None:
    flow = shared(
        {"args": ["{{ arguments.x }}"]},
        arguments={"x": "{{ parameters.p }}"},
        inputs={"parameters": [{"name": "p", "value": "-"}]},
    )
    container = main(build_job(flow, StartAttempt(0, 1, {"p": "{{ arguments.x }}"})))
    assert container["args"] == ["{{ arguments.x }}"]
