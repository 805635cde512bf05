"""`jobflow convert`: what becomes of Argo's and Volcano's workflows, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from jobflows.api.source import load
from jobflows.api.validation import validate
from jobflows.cli.convert.argo.workflow import convert_workflow
from jobflows.cli.convert.source import ConversionError, Notes
from jobflows.cli.main import app

SOURCES = Path(__file__).parent / "converted"


def jobflow(*words: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, words, input=stdin)


def converted(
    *templates: dict[str, Any], library: dict[str, Any] | None = None, **spec: Any
) -> tuple[dict[str, Any], list[str], list[str]]:
    """The spec of a valid flow, what is lost, and what has changed, each with its path."""
    notes = Notes()
    document = {
        "kind": "Workflow",
        "metadata": {"name": "w"},
        "spec": {"entrypoint": "main", "templates": list(templates), **spec},
    }
    flow = convert_workflow(document, library or {}, notes)
    assert [str(problem) for problem in validate(flow)] == []
    said = {
        lost: [".".join(map(str, n.path)) + ": " + n.message for n in notes.found if n.lost is lost]
        for lost in (True, False)
    }
    changed = [words for words in said[False] if "ttlSecondsAfterFinished" not in words]
    return flow["spec"], said[True], changed


def runs(name: str, *inputs: str, **fields: Any) -> dict[str, Any]:
    """A container template that prints its inputs."""
    command = ["echo", *(f"{{{{inputs.parameters.{i}}}}}" for i in inputs)]
    made: dict[str, Any] = {"name": name, "container": {"image": "x", "command": command}, **fields}
    if inputs:
        made["inputs"] = {"parameters": [{"name": each} for each in inputs]}
    return made


def dag(*tasks: dict[str, Any], name: str = "main", **fields: Any) -> dict[str, Any]:
    return {"name": name, "dag": {"tasks": list(tasks)}, **fields}


def task(name: str, template: str = "t", **fields: Any) -> dict[str, Any]:
    given = fields.pop("give", {})
    if given:
        values = [{"name": key, "value": value} for key, value in given.items()]
        fields["arguments"] = {"parameters": values}
    return {"name": name, "template": template, **fields}


def steps(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {step["name"]: step for step in spec["steps"]}


@pytest.mark.parametrize(
    ("source", "lost"), [("argo-dag.yaml", 5), ("argo-steps.yaml", 0), ("volcano.yaml", 8)]
)
def test_what_a_file_becomes_is_as_stored_and_valid(source: str, lost: int) -> None:
    result = jobflow("convert", str(SOURCES / source))
    stored = SOURCES / source.replace(".yaml", ".flow.yaml")
    assert yaml.safe_load(result.stdout) == yaml.safe_load(stored.read_text())
    said = f"{lost} fields could not be carried over" if lost else "all carried over"
    assert result.stderr.splitlines()[-1] == f"1 flow converted, {said}"
    assert result.exit_code == 0
    assert jobflow("lint", "-", stdin=result.stdout).exit_code == 0
    assert jobflow("convert", "--strict", str(SOURCES / source)).exit_code == (1 if lost else 0)


def test_a_note_has_the_line_of_the_document_that_it_is_about() -> None:
    lines = jobflow("convert", str(SOURCES / "volcano.yaml")).stderr.splitlines()
    queue = next(line for line in lines if "prepare.spec.queue" in line)
    assert queue.split(":")[1] == "24"
    assert "label kueue.x-k8s.io/queue-name" in queue


@pytest.mark.parametrize(
    ("depends", "names", "when"),
    [
        ("a", ["a"], None),
        ("a && b", ["a", "b"], None),
        ("a.Succeeded && b.Succeeded", ["a", "b"], None),
        ("a.Failed", ["a"], "steps.a.phase == 'Failed'"),
        ("!a.Succeeded", ["a"], "!(steps.a.phase == 'Succeeded')"),
        (
            "b && (a.Succeeded || a.Failed)",
            ["b", "a"],
            "(steps.a.phase == 'Succeeded' || steps.a.phase == 'Failed')",
        ),
        (
            "a || b",
            ["a", "b"],
            "(steps.a.phase == 'Succeeded' || (steps.a.phase == 'Skipped')) || "
            "(steps.b.phase == 'Succeeded' || (steps.b.phase == 'Skipped'))",
        ),
    ],
)
def test_depends_becomes_dependencies_and_a_condition(
    depends: str, names: list[str], when: str | None
) -> None:
    spec, lost, _ = converted(dag(task("a"), task("b"), task("c", depends=depends)), runs("t"))
    assert (steps(spec)["c"]["dependencies"], steps(spec)["c"].get("when")) == (names, when)
    assert lost == []


def test_a_failure_that_is_looked_at_is_allowed_and_stops_the_others_below() -> None:
    tasks = (
        task("a"),
        task("help", depends="a.Failed"),
        task("b", depends="a"),
        task("c", depends="b"),
    )
    spec, _, changed = converted(dag(*tasks), runs("t"))
    made = steps(spec)
    assert made["a"]["continueOnFailure"] is True
    assert made["b"]["when"] == made["c"]["when"] == "steps.a.phase != 'Failed'"
    assert changed[0].startswith("spec.templates.0.dag.tasks.1.depends: a failure of a no longer")


@pytest.mark.parametrize(
    "depends", ["a.AnySucceeded", "a.AllFailed", "a.Daemoned || b", "nope.Failed"]
)
def test_a_depends_that_cannot_be_said_never_runs(depends: str) -> None:
    spec, lost, _ = converted(dag(task("a"), task("b"), task("c", depends=depends)), runs("t"))
    assert steps(spec)["c"]["when"] == "never"
    assert lost[0].startswith("spec.templates.0.dag.tasks.2.depends: ")


@pytest.mark.parametrize(
    ("when", "cel"),
    [
        ("{{workflow.parameters.p}} == yes", 'parameters.p == "yes"'),
        ("'{{workflow.parameters.p}}' != 'no'", 'parameters.p != "no"'),
        ("{{workflow.parameters.p}} > 3", "double(parameters.p) > 3.0"),
        ("{{workflow.parameters.p}} == 3.5", "double(parameters.p) == 3.5"),
        ("{{workflow.parameters.p}} == true", 'parameters.p == "true"'),
        ("{{workflow.parameters.p}}", "parameters.p == 'true'"),
        ("!( {{workflow.parameters.p}} =~ '^a' )", '!((parameters.p.matches("^a")))'),
        (
            "{{tasks.a.outputs.result}} == heads || {{tasks.a.status}} == Failed",
            'steps.a.outputs.result == "heads" || steps.a.phase == "Failed"',
        ),
        ("x{{workflow.parameters.p}} == xy", '("x" + parameters.p) == "xy"'),
    ],
)
def test_when_becomes_cel(when: str, cel: str) -> None:
    spec, _, _ = converted(
        dag(task("a"), task("b", depends="a", when=when)),
        runs("t"),
        arguments={"parameters": [{"name": "p", "value": "yes"}]},
    )
    assert steps(spec)["b"]["when"] == cel


@pytest.mark.parametrize(
    "when",
    ["{{=1 == 1}}", "{{tasks.a.exitCode}} == 1", "{{workflow.parameters.p}} in (1, 2)", "a <"],
)
def test_a_when_that_cannot_be_said_never_runs(when: str) -> None:
    spec, lost, _ = converted(
        dag(task("a"), task("b", depends="a", when=when)),
        runs("t"),
        arguments={"parameters": [{"name": "p", "value": "1"}]},
    )
    assert steps(spec)["b"]["when"] == "never"
    assert lost[0].startswith("spec.templates.0.dag.tasks.1.when: ")


def test_items_become_an_array_and_a_nested_dag_of_each_item_becomes_steps() -> None:
    inner = dag(
        task("one", "echo", give={"x": "{{inputs.parameters.x}}"}),
        task("two", "echo", depends="one", give={"x": "2"}),
        name="inner",
        inputs={"parameters": [{"name": "x"}]},
    )
    spec, lost, _ = converted(
        dag(
            task("each", "echo", withItems=["a", 1, True], give={"x": "<{{item}}>"}),
            task("deep", "inner", depends="each", withItems=["a", "b"], give={"x": "{{item}}"}),
            task("last", "echo", depends="deep", give={"x": "end"}),
        ),
        inner,
        runs("echo", "x"),
    )
    made = steps(spec)
    assert made["each"]["array"] == {"items": ["a", "1", "true"]}
    assert made["each"]["arguments"] == {"x": "<{{ task.item }}>"}
    assert made["deep-1-one"]["arguments"] == {"x": "b"}
    assert made["deep-1-one"]["dependencies"] == ["each"]
    assert made["deep-1-two"]["dependencies"] == ["deep-1-one"]
    assert made["last"]["dependencies"] == ["deep-0-two", "deep-1-two"]
    assert lost == []


@pytest.mark.parametrize(
    ("loop", "array"),
    [
        ({"withSequence": {"count": 3}}, {"items": ["0", "1", "2"]}),
        (
            {"withSequence": {"start": "2", "end": "1", "format": "n%02d"}},
            {"items": ["n02", "n01"]},
        ),
        ({"withParam": '[{"a b": 1}, {}]'}, {"items": [{"a_b": "1"}, {"a_b": ""}]}),
        ({"withParam": "{{workflow.parameters.list}}"}, {"items": ["x", "y"]}),
        (
            {"withParam": "{{tasks.find.outputs.parameters.files}}", "depends": "find"},
            {"itemsFrom": {"jsonPath": "find:$.outputs.files"}},
        ),
    ],
)
def test_loops_of_all_kinds(loop: dict[str, Any], array: dict[str, Any]) -> None:
    spec, _, _ = converted(
        dag(task("find"), task("each", **loop)),
        runs("t"),
        arguments={"parameters": [{"name": "list", "value": '["x", "y"]'}]},
    )
    assert steps(spec)["each"]["array"] == array


def test_items_where_the_image_says_the_command_become_steps() -> None:
    bare = {"name": "t", "container": {"image": "{{inputs.parameters.x}}"}}
    bare["inputs"] = {"parameters": [{"name": "x"}]}
    spec, lost, _ = converted(dag(task("each", withItems=["a", "b"], give={"x": "{{item}}"})), bare)
    assert [step["arguments"] for step in spec["steps"]] == [{"x": "a"}, {"x": "b"}]
    assert lost == []


def test_a_list_that_nobody_knows_leaves_a_manual_step() -> None:
    spec, lost, _ = converted(dag(task("each", withParam="{{=fetch()}}")), runs("t"))
    assert spec["steps"][0]["type"] == "Manual"
    assert any("the list is not known now" in words for words in lost)


def test_steps_run_in_groups_and_continue_on_failure() -> None:
    main = {
        "name": "main",
        "steps": [
            [task("a", continueOn={"failed": True}), task("b")],
            [task("c", when="{{steps.a.status}} == Succeeded")],
        ],
    }
    spec, lost, _ = converted(main, runs("t"))
    made = steps(spec)
    assert made["c"]["dependencies"] == ["a", "b"]
    assert made["a"]["continueOnFailure"] is True
    assert made["c"]["when"] == 'steps.a.phase == "Succeeded"'
    assert lost == []


@pytest.mark.parametrize(
    ("strategy", "policy"),
    [
        ({"limit": 2}, {"limit": 2, "backoff": {"type": "Fixed", "duration": "1s"}}),
        (
            {"limit": "4", "retryPolicy": "OnError", "backoff": {"duration": "5", "cap": "1m"}},
            {
                "limit": 0,
                "onDisruption": {"limit": 4},
                "backoff": {"type": "Fixed", "duration": "5s", "maxDuration": "1m"},
            },
        ),
    ],
)
def test_retries_by_policy(strategy: dict[str, Any], policy: dict[str, Any]) -> None:
    spec, lost, _ = converted(runs("main", retryStrategy=strategy))
    assert spec["templates"][0]["retryPolicy"] == policy
    assert lost == []


def test_what_runs_no_container_is_left_to_a_person_and_named() -> None:
    resource = {"name": "make", "resource": {"action": "create", "manifest": "{}"}}
    main = dag(task("a", "make"), task("b", "wait", depends="a"))
    spec, lost, _ = converted(main, resource, {"name": "wait", "suspend": {"duration": "1h"}})
    assert [step["type"] for step in spec["steps"]] == ["Manual", "Manual"]
    assert [words.partition(": ")[0] for words in lost] == [
        "spec.templates.1.resource",
        "spec.templates.2.suspend.duration",
    ]


def test_templates_of_other_documents_are_taken_from_the_library() -> None:
    library = {"lib": {"spec": {"templates": [runs("echo", "x", memoize={"key": "k"})]}}}
    call = {"name": "a", "templateRef": {"name": "lib", "template": "echo"}}
    call["arguments"] = {"parameters": [{"name": "x", "value": "1"}]}
    spec, lost, _ = converted(dag(call), library=library)
    assert spec["steps"][0]["templateRef"] == "echo"
    assert lost[0].startswith("WorkflowTemplate.lib.spec.templates.0.memoize: ")
    missing = {"name": "a", "templateRef": {"name": "other", "template": "echo"}}
    spec, lost, _ = converted(dag(missing))
    assert (spec["steps"][0]["type"], len(lost)) == ("Manual", 1)


def test_a_field_that_nobody_has_heard_of_is_lost_with_its_path() -> None:
    _, lost, _ = converted(runs("main", newThing=1), brandNew={"x": 1})
    assert lost == [
        "spec.brandNew: JobFlow has nothing like it",
        "spec.templates.0.newThing: JobFlow has nothing like it",
    ]


@pytest.mark.parametrize(
    ("templates", "words"),
    [
        ([dag(task("a", "main"))], "calls itself"),
        ([dag(task("a", depends="b"), task("b", depends="a")), runs("t")], "waits in a cycle"),
        ([dag(task("a", "nope"))], "there is no template 'nope'"),
        ([{"name": "main", "dag": {"tasks": "x"}}], "must be a list"),
    ],
)
def test_a_workflow_that_makes_no_sense_is_refused(templates: list[Any], words: str) -> None:
    with pytest.raises(ConversionError, match=words):
        converted(*templates)


def test_nothing_to_convert_is_said(tmp_path: Path) -> None:
    result = jobflow("convert", "-", stdin="kind: Pod\n")
    assert (result.exit_code, "no Workflow of Argo" in result.stderr) == (1, True)
    assert jobflow("convert", str(tmp_path / "none")).exit_code == 2
    assert jobflow("convert", "-", stdin="a: [").exit_code == 2


def test_a_list_of_kubectl_and_a_template_without_a_workflow_are_converted() -> None:
    template = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "WorkflowTemplate",
        "metadata": {"name": "w"},
        "spec": {"entrypoint": "main", "templates": [runs("main")]},
    }
    text = yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": [template, template]})
    result = jobflow("convert", "-", "-o", "json", stdin=text)
    assert len(yaml.safe_load(result.stdout)["items"]) == 2


JUNK: tuple[Any, ...] = (
    None,
    1,
    True,
    -1,
    "x",
    "{{x}}",
    [],
    {},
    [1],
    ["x"],
    {"a": 1},
    [{"name": 1}],
    [[1]],
)


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all parts of a document."""
    found = [path]
    if isinstance(tree, (dict, list)):
        for key, part in tree.items() if isinstance(tree, dict) else enumerate(tree):
            found += places(part, (*path, key))
    return found


@pytest.mark.parametrize("source", ["argo-dag.yaml", "argo-steps.yaml", "volcano.yaml"])
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_whatever_stands_in_a_field_it_is_converted_or_refused_in_words(
    source: str, data: st.DataObject
) -> None:
    documents = [each.value for each in load((SOURCES / source).read_text())]
    *way, last = data.draw(st.sampled_from([p for p in places(documents) if len(p) > 1]))
    inner: Any = documents
    for key in way:
        inner = inner[key]
    inner[last] = data.draw(st.sampled_from(JUNK))
    text = yaml.safe_dump_all(documents)
    result = jobflow("convert", "-", stdin=text)
    assert result.exit_code in (0, 1), result.output
    assert not result.exception or isinstance(result.exception, SystemExit), text
