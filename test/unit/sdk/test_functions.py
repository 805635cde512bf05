"""Typed functions as tasks: `@task` writes the words, `jobflow call` reads them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sample_tasks
from jobflows.calling.arguments import Argument, arguments_of
from jobflows.calling.message import TERMINATION_VARIABLE
from jobflows.cli.call import main as call
from jobflows.cli.map.function import encode
from jobflows.sdk import DefinitionError, TaskStatus, Tool, task
from unit.sdk.workflows import Lab


def test_a_function_is_a_template_and_still_a_function(tmp_path: Path) -> None:
    assert sample_tasks.square(3, tmp_path)["square"] == 9
    assert sample_tasks.square.__doc__ == "Write the square of a number, and say what it is."
    assert sample_tasks.square.node_args == ("number",)
    made = sample_tasks.square.create_task(number=3, folder=tmp_path)
    assert made.command == [
        "jobflow",
        "call",
        "sample_tasks:square",
        "number=3",
        f"folder={tmp_path}",
    ]
    assert made.template.tool.name == "sample_tasks"


def test_functions_run_as_tasks_and_hand_values_on(lab: Lab) -> None:
    squares = sample_tasks.square.create_tasks(number=[2, 3], folder=lab.files)
    chosen = sample_tasks.square.create_task(number=4, folder=lab.files)
    total = sample_tasks.add.create_task(
        square=chosen.output("square"),
        text=chosen.output("text"),
        numbers=[1, 2],
        loud=True,
        upstream_tasks=squares,
    )
    workflow = lab.workflow(*squares, chosen, total)

    outcome = workflow.run(parallelism=2)

    assert outcome.succeeded, workflow.get_errors()
    assert sorted(file.name for file in lab.files.iterdir()) == ["2.txt", "3.txt", "4.txt"]
    assert total.log() == "ünïcode: 19.5!\n"


def test_what_a_function_raises_is_the_error_of_the_task(lab: Lab) -> None:
    made = sample_tasks.fail.create_task(how="raise", max_attempts=1)
    lab.workflow(made).run()
    assert made.status is TaskStatus.FAILED
    assert made.errors[0].message.endswith("ValueError: no raise today")
    assert "sample_tasks.py" in made.log()
    assert "calling" not in made.log()


KINDS: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (str, st.text()),
    (int, st.integers()),
    (float, st.floats(allow_nan=False)),
    (bool, st.booleans()),
    (Path, st.text("ab./", min_size=1).map(Path)),
    (list[int], st.lists(st.integers())),
    (tuple[str, ...], st.lists(st.text()).map(tuple)),
    (set[int], st.sets(st.integers())),
    (dict[str, float], st.dictionaries(st.text(), st.floats(allow_nan=False))),
    (str | None, st.one_of(st.none(), st.text())),
    (Any, st.recursive(st.integers() | st.text() | st.none(), st.lists, max_leaves=5)),
]


@settings(max_examples=50)
@given(st.sampled_from(KINDS).flatmap(lambda k: st.tuples(st.just(k[0]), k[1])))
def test_what_is_handed_over_is_what_was_given(pair: tuple[Any, Any]) -> None:
    kind, value = pair
    argument = Argument("x", kind, required=True)
    read = argument.from_text(argument.to_text(value))
    assert read == value
    assert type(read) is type(value) or kind is Path


class Scalar:
    """What numbers of numpy look like."""

    ndim = 0

    def item(self) -> float:
        return 2.5


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (float, Scalar(), "2.5"),
        (float, 1, "1.0"),
        (int, True, None),
        (int, 2.5, None),
        (bool, 1, None),
        (str, 1, None),
        (float, "1", None),
        (list, object(), None),
    ],
)
def test_values_of_other_types_are_refused(kind: Any, value: Any, text: str | None) -> None:
    argument = Argument("x", kind, required=True)
    if text is not None:
        assert argument.to_text(value) == text
        return
    with pytest.raises(ValueError, match=f"x must be {kind.__name__}, not"):
        argument.to_text(value)


def test_a_value_of_another_type_is_refused_at_definition() -> None:
    with pytest.raises(DefinitionError, match="'square': argument number: number must be int"):
        sample_tasks.square.create_task(number="three", folder=".")


def inside() -> Callable[..., Any]:
    def function(x: int) -> int:
        return x

    return function


def bare(x) -> None:  # type: ignore[no-untyped-def]
    """No annotation."""


def odd(x: Unknown) -> None:  # type: ignore[name-defined]  # noqa: F821
    """One that nobody can read."""


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (inside(), "is inside of another function, where no other process finds it"),
        (lambda x: x, "annotate x, such as x: float"),
        (bare, "bare: annotate x, such as x: float"),
        (odd, "an annotation cannot be read: name 'Unknown' is not defined"),
        (sample_tasks.plain, "plain: *rest: int cannot be given by name"),
    ],
)
def test_functions_that_no_process_can_call_are_refused(
    function: Callable[..., Any], words: str
) -> None:
    with pytest.raises(DefinitionError) as error:
        task(function)
    assert words in str(error.value)


def test_kinds_of_arguments_are_those_of_the_function() -> None:
    made = task(tool=Tool("t"), name="sq", task_args=["folder"])(sample_tasks.square.function)
    assert (made.name, made.node_args, made.task_args) == ("sq", ("number",), ("folder",))
    with pytest.raises(DefinitionError, match="function 'square' has no argument 'y'; it has"):
        task(op_args=["y"])(sample_tasks.square.function)


PROGRAM = """
from jobflows.sdk import Tool, task

@task
def hello(name: str) -> None:
    print("hello", name)

{guard}
    tool = Tool("greet")
    workflow = tool.create_workflow("1")
    workflow.add_tasks(hello.create_tasks(name=["Ada", "Grace"]))
    print(workflow.run())
"""


@pytest.mark.parametrize("guarded", [True, False])
def test_functions_of_the_program_itself_run_if_it_can_be_imported(
    lab: Lab, tmp_path: Path, guarded: bool
) -> None:
    program = tmp_path / "greet.py"
    guard = 'if __name__ == "__main__":' if guarded else "if True:"
    program.write_text(PROGRAM.format(guard=guard))
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, check=False, cwd=lab.files
    )
    if guarded:
        assert "Succeeded (2 succeeded)" in done.stdout, done.stderr
    else:
        assert "would run again in each task; put what it does below" in done.stderr


@pytest.fixture
def message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a termination message goes."""
    file = tmp_path / "message"
    monkeypatch.setenv(TERMINATION_VARIABLE, str(file))
    return file


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["sample_tasks:nothing"], 2, "has no function 'nothing'"),
        (["sample_tasks"], 2, "name a function as package.module:function"),
        (["no_such_module:f"], 2, "module no_such_module is not found"),
        (["sample_tasks:later", "number=1"], 2, "is async"),
        (["sample_tasks:add", "square"], 2, "give arguments as NAME=VALUE"),
        (["sample_tasks:add", "square=x"], 2, "square=x: must be int, as JSON"),
        (["sample_tasks:add", "cube=1"], 2, "has no argument 'cube', it has square, text, numbers"),
        (["sample_tasks:add", "square=1", "square=1"], 2, "'square' is given twice"),
        (["sample_tasks:add", "square=1"], 2, "argument 'text' is missing"),
        (["sample_tasks:fail", "how=raise"], 1, "ValueError: no raise today"),
        (["sample_tasks:fail", "how=memory"], 137, "Killed"),
        (["sample_tasks:fail", "how=object"], 0, "no outputs can be read of this"),
        (["sample_tasks:fail", "how=long"], 0, "longer than 4096 bytes"),
        ([], 2, "usage: jobflow call FUNCTION"),
    ],
)
def test_a_call_ends_with_a_code_and_says_why(
    words: list[str],
    code: int,
    says: str,
    message: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(words) == code
    assert says in capsys.readouterr().err
    if words and code in (1, 2):
        assert says in message.read_text()


def test_a_call_leaves_what_the_function_returned(message: Path) -> None:
    assert call(["sample_tasks:add", "square=1", "text=a=b", "numbers=[1,2]", "half=1"]) == 0
    assert message.read_text() == encode(5.0)


def test_help_is_no_call(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["--help"]) == 0
    assert "usage: jobflow call FUNCTION" in capsys.readouterr().out


BLOCKED = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"pydantic", "yaml", "networkx", "cel", "typer", "rich"}:
            raise ImportError(f"{name} is not in this image")

sys.meta_path.insert(0, Refuse())
sys.argv = ["jobflow", "call", "sample_tasks:add", "square=1", "text=t", "numbers=[]"]
from jobflows.cli.entry import main
main()
"""


def test_a_task_runs_where_only_the_standard_library_is() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(sample_tasks.__file__).parent,
    )
    assert (done.stdout, done.returncode) == ("t: 1.5\n", 0), done.stderr


def test_defaults_are_arguments_too() -> None:
    known = arguments_of(sample_tasks.add)
    assert {name: each.required for name, each in known.items()} == {
        "square": True,
        "text": True,
        "numbers": True,
        "half": False,
        "loud": False,
    }
    assert sample_tasks.add.create_task(square=1, text="", numbers=[]).args["half"] == "0.5"
