"""`jobflow lint`."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from jobflows.cli.lint import lint
from unit.api.flows import EXAMPLES

MANUAL = next(path for path in EXAMPLES if path.stem == "manual")

APP = typer.Typer()
APP.command()(lint)

BAD = """\
apiVersion: workflow.kube-zen.io/v1alpha1
kind: JobFlow
metadata:
  name: bad
spec:
  steps:
    - name: a
      template: {spec: {template: {spec: {containers: [{name: main, image: x}]}}}}
    - name: b
      dependencies: [a, extract]
      type: Manual
      timeoutSecond: 3
"""


def run(*arguments: str, stdin: str | None = None) -> tuple[int, str, str]:
    result = CliRunner().invoke(APP, list(arguments), input=stdin)
    return result.exit_code, result.stdout, result.stderr


def test_good_files_give_no_output_and_exit_zero() -> None:
    code, out, notes = run(str(MANUAL), str(MANUAL))

    assert (code, out) == (0, "")
    assert notes == "2 flows checked, no problems\n"


def test_zen_flows_examples_are_taken_with_warnings() -> None:
    code, out, notes = run(*map(str, EXAMPLES))

    assert code == 0
    assert all(": warning: " in line for line in out.splitlines())
    assert notes == "3 flows checked, no problems, 2 warnings\n"


def test_each_problem_is_a_line_with_its_place_and_cure(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(BAD)

    code, out, notes = run(str(file))

    assert code == 1
    assert out.splitlines() == [
        f"{file}:10:25: spec.steps[1].dependencies[1]: there is no step 'extract'. "
        "Use one of the steps a, b",
        f"{file}:12:7: spec.steps[1].timeoutSecond: unknown field 'timeoutSecond'. "
        "Did you mean timeoutSeconds?",
    ]
    assert notes == "1 flow checked, 2 problems\n"


def test_a_problem_of_a_shared_template_is_told_once_in_its_own_line() -> None:
    text = """\
apiVersion: workflow.kube-zen.io/v1alpha1
kind: JobFlow
metadata: {name: shared}
spec:
  templates:
    - name: work
      template:
        spec:
          template:
            spec:
              containers:
                - name: main
                  image: x
                  args: ["{{ arguments.x }}", "{{ parameters.gone }}"]
  steps:
    - {name: a, templateRef: work, arguments: {x: "1"}}
    - {name: b, templateRef: work}
"""
    code, out, _ = run("-", stdin=text)

    assert code == 1
    place = "spec.templates[0].template.spec.template.spec.containers[0]"
    assert out.splitlines() == [
        f"<stdin>:14:47: {place}.args[1]: there is no parameter 'gone' here. "
        "Add it to spec.parameters or to the step's inputs.parameters",
        f"<stdin>:17:7: spec.steps[1].arguments: template 'work' needs x, as {place}.args[0] "
        'says. Write `x: "…"` into the step\'s arguments',
    ]


def test_standard_input() -> None:
    code, out, _ = run("-", stdin=BAD)

    assert code == 1
    assert out.startswith("<stdin>:10:25: spec.steps[1]")


def test_json() -> None:
    code, out, _ = run("-", "-o", "json", stdin=BAD)

    assert code == 1
    assert json.loads(out)[1] == {
        "file": "<stdin>",
        "line": 12,
        "column": 7,
        "path": "spec.steps[1].timeoutSecond",
        "message": "unknown field 'timeoutSecond'",
        "cure": "Did you mean timeoutSeconds?",
        "severity": "error",
    }


def test_a_warning_is_told_and_refuses_nothing() -> None:
    text = BAD.replace("a, extract", "a").replace("      timeoutSecond: 3\n", "")

    code, out, notes = run("-", stdin=text)

    assert code == 0
    assert out == (
        "<stdin>:8:69: warning: spec.steps[0].template.spec.template.spec.containers[0].image: "
        "'x' may be another program at each attempt. Write a tag other than latest, or a digest\n"
    )
    assert notes == "1 flow checked, no problems, 1 warning\n"
    assert json.loads(run("-", "-o", "json", stdin=text)[1])[0]["severity"] == "warning"


def test_json_without_problems_is_an_empty_list() -> None:
    assert run(str(MANUAL), "-o", "json")[:2] == (0, "[]\n")


def test_documents_of_other_kinds_are_skipped_with_a_note() -> None:
    others = "kind: Service\nmetadata: {name: web}\n---\napiVersion: flow.volcano.sh/v1alpha1\n"

    code, out, notes = run("-", stdin=f"{others}kind: JobFlow\n---\nx: 1\n")

    assert (code, out) == (0, "")
    assert notes.splitlines() == [
        "<stdin>:1: Service 'web' skipped",
        "<stdin>:4: JobFlow skipped",
        "<stdin>:7: a document without kind skipped",
        "no JobFlow found, no problems",
    ]


@pytest.mark.parametrize(
    "document",
    [
        "kind: JobFlow",
        "apiVersion: workflow.kube-zen.io/v1alpha1\nkind: Jobflow",
        "- a",
        "steps: []",
    ],
)
def test_what_wants_to_be_a_flow_is_checked(document: str) -> None:
    assert run("-", stdin=document)[0] == 1


def test_bad_yaml_is_a_problem_with_a_line() -> None:
    code, out, _ = run("-", stdin="a: 1\nb: [\n")

    assert code == 1
    assert out.startswith("<stdin>:3:1: not YAML: ")


def test_a_key_that_occurs_twice() -> None:
    code, out, _ = run("-", stdin=BAD.replace("timeoutSecond: 3", "type: Manual"))

    assert code == 1
    assert ":11:7: spec.steps[1].type: 'type' occurs twice, again in line 12" in out


@pytest.mark.parametrize("name", ["missing.yaml", "latin1.yaml", "."])
def test_a_file_that_cannot_be_read_exits_two(tmp_path: Path, name: str) -> None:
    (tmp_path / "latin1.yaml").write_bytes(b"a: \xe9\n")

    code, _, notes = run(str(tmp_path / name), str(EXAMPLES[0]))

    assert code == 2
    assert "cannot be read" in notes
    assert "1 flow checked" in notes


def test_help_has_examples() -> None:
    code, out, _ = run("--help")

    assert code == 0
    assert "helm template . | jobflow lint -" in out
