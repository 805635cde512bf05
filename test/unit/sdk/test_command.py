"""Command templates: values are words, whatever is in them."""

from __future__ import annotations

import subprocess

import pytest

from jobflows.local.expansion import expand
from jobflows.sdk import DefinitionError
from jobflows.sdk.command import Command
from unit.sdk.workflows import Lab

EVIL = """it's $(echo bad) "; `rm x` {{ y }} $$ *"""


def run(template: str | list[str], **values: str) -> str:
    """What a command prints, with values put in as a flow and a kubelet do."""
    words = []
    for word in Command.parse(template).words:
        for name, value in values.items():
            word = word.replace(f"{{{{ arguments.{name} }}}}", value.replace("$", "$$"))  # noqa: PLW2901
        words.append(expand(word, {}))
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("template", "printed"),
    [
        ("printf '[%s]' {x}", f"[{EVIL}]"),
        ("printf '[%s]' --out={x}/y", f"[--out={EVIL}/y]"),
        ("printf '[%s]' 'a {x} b' \"c {x}\"", f"[a {EVIL} b][c {EVIL}]"),
        ("printf '[%s]' {x} | cat", f"[{EVIL}]"),
        ("printf '[%s]' 'a {x}' \"b {x}\" c{x} && true", f"[a {EVIL}][b {EVIL}][c{EVIL}]"),
        ('Y={x} && printf %s "$Y"', EVIL),
        (["sh", "-c", 'printf "%s" "$1"', "sh", "{x}"], EVIL),
        ("echo $((1 + 2)) {{}}", "3 {}\n"),
        ("echo 'costs 5$' \\{x} $HOMELESS", f"costs 5$ {EVIL}\n"),
    ],
)
def test_a_value_is_never_read_as_shell_text(template: str | list[str], printed: str) -> None:
    assert run(template, x=EVIL) == printed


def test_without_shell_syntax_no_shell_is_needed() -> None:
    assert Command.parse("python fit.py --rate {rate}").words == (
        "python",
        "fit.py",
        "--rate",
        "{{ arguments.rate }}",
    )
    for line in ("a | b", "a > b", "a; b", "cd x", "A=1 b", "a *.csv", "a\nb", 'a "$HOME"'):
        assert Command.parse(line).words[:2] == ("/bin/sh", "-c")
    for line in ("a 'b | c'", 'a "b; c"', r"a \; b", "a --x=1"):
        assert Command.parse(line).words[0] == "a"


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("", "is empty"),
        ("run {x", "cannot be read: expected '}'"),
        ("run {x!r}", "'{x}' in the command template is no argument"),
        ("run {x:03d}", "write a name such as {rate}"),
        ("run {}", "'{}' in the command template is no argument"),
        ("run 'x", "No closing quotation"),
        ("run \0", "NUL"),
    ],
)
def test_a_template_that_cannot_be_read_is_refused(template: str, words: str) -> None:
    with pytest.raises(DefinitionError) as error:
        Command.parse(template)
    assert words in str(error.value)


def test_a_hostile_value_reaches_the_program_of_an_array_as_it_is(lab: Lab) -> None:
    values = [EVIL.replace("{{ y }}", ""), "plain", "$(echo x)"]
    template = lab.tool.get_task_template(
        "show", "printf '[%s]' {x} {y} | cat", node_args=["x"], op_args=["y"]
    )
    tasks = template.create_tasks(x=values, y="$$(HOME)$")
    assert lab.workflow(*tasks).run().succeeded
    assert [task.log() for task in tasks] == [f"[{value}][$$(HOME)$]" for value in values]
    assert tasks[1].command == [
        "/bin/sh",
        "-c",
        'printf \'[%s]\' "${1}" "${2}" | cat',
        "task",
        "plain",
        "$$(HOME)$",
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "None is no single value"),
        ([1], "give text or a number"),
        ("a\0b", "holds a NUL character"),
        ("{{ parameters.x }}", "holds a placeholder of a flow"),
        ("{{ task.index }}", "holds a placeholder of a flow"),
        ("${parameters.x}", "holds a placeholder of a flow"),
    ],
)
def test_a_value_that_no_command_can_have_is_refused(lab: Lab, value: object, words: str) -> None:
    with pytest.raises(DefinitionError, match="template 't': argument x") as error:
        lab.template("t").create_task(x=value, files=".")
    assert words in str(error.value)


def test_a_value_of_several_lines_makes_a_step_of_its_own(lab: Lab) -> None:
    tasks = lab.template("t", 'printf %s "$1"').create_tasks(x=["a\nb", "c", "d"], files=".")
    assert lab.workflow(*tasks).run().succeeded
    assert [task.log() for task in tasks] == ["a\nb", "c", "d"]
