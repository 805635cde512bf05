"""Expressions of `when`."""

import sys
from typing import Any

import pytest

from jobflows.api.expressions import Expression, ExpressionError

STEPS: dict[str, Any] = {
    "extract-data": {
        "phase": "Succeeded",
        "outputs": {"row-count": "5", "ok": "true"},
        "retryCount": 2,
        "message": "done",
    },
    "in": {"phase": "Failed"},
    "1st": {"phase": "Skipped"},
}
PARAMETERS = {"n": "4", "day-of-week": "monday"}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("always", True),
        (" true ", True),
        ("never", False),
        ("false", False),
        ("steps.extract-data.phase == 'Succeeded'", True),
        ("steps['extract-data'].phase != 'Succeeded'", False),
        ('steps["extract-data"].phase == "Succeeded"', True),
        ("steps.in.phase == 'Failed'", True),
        ("steps.1st.phase in ['Skipped', 'Failed']", True),
        ("int(steps.extract-data.outputs.row-count) > 3", True),
        ("steps.extract-data.outputs['row-count'] == '5'", True),
        ("steps.extract-data.retryCount - 1 == 1", True),
        ("steps.extract-data.message.startsWith('do')", True),
        ("has(steps.extract-data.outputs.ok)", True),
        ("has(steps.in.outputs.ok)", False),
        ("'row-count' in steps.extract-data.outputs", True),
        ("parameters.day-of-week == 'monday' && !(int(parameters.n) > 4)", True),
        ("'steps.extract-data' == \"steps.extract-data\"", True),
        ("r'steps.a-b\\' == 'steps.a-b\\\\'", True),
        ("true // steps.nobody", True),
        ("steps.in.retryCount == 0 || steps.in.message == ''", True),
        ("steps.in\n  .phase == 'Failed'", True),
    ],
)
def test_value(text: str, result: bool) -> None:
    assert Expression.parse(text).evaluate(STEPS, PARAMETERS) is result


def test_references() -> None:
    expression = Expression.parse(
        "steps.extract-data.outputs.row-count == parameters.n || steps['in'].phase == 'steps.x'"
    )

    assert expression.constant is None
    assert expression.references.steps == {"extract-data", "in"}
    assert expression.references.outputs == {("extract-data", "row-count")}
    assert expression.references.parameters == {"n"}


def test_keywords_are_constants_without_references() -> None:
    assert Expression.parse("never").constant is False
    assert Expression.parse("never").references.steps == frozenset()


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("", 1, "the end"),
        ("steps.extract-data.phase = 'x'", 26, "token recognition error"),
        ("true &&\n steps.a-b.phase == 'x' and true", 33, "unexpected 'and'"),
        ("'steps.a-b' == steps.c-d.phase and", 32, "unexpected 'and'"),
        ("steps", 1, "must be followed by a name"),
        ("steps[parameters.n].phase == 'x'", 1, "must be followed by a name"),
        ("parameters", 1, "must be followed by a name"),
        ("steps.a", 8, "a step has phase, outputs, retryCount, message"),
        ("steps.a.result == 'x'", 8, "steps.a.result: a step has phase"),
        ("true || [1].exists(x, x > 0)", 13, "loops such as .exists()"),
        ("status == 'x'", 1, "unknown name 'status'"),
        ("now() > 1", 1, "unknown function 'now'"),
        ("parameters.n > 3", 16, "parameters.n is a string and 3 is not: write '3' or int("),
        ("steps.a.outputs.x == 1.5", 22, "write '1.5' or double(steps.a.outputs.x)"),
        ("parameters.n == true", 17, "write 'true'"),
    ],
)
def test_a_text_that_is_no_expression(text: str, column: int, words: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        Expression.parse(text)

    assert words in str(caught.value)
    assert caught.value.column == column


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("steps.extract-data.phase", "gives 'Succeeded', not true or false"),
        ("steps.nobody.phase == 'x'", "there is no step 'nobody'"),
        ("steps.in.outputs.rows == '1'", "'rows' has no value"),
        ("parameters.m == '1'", "'m' has no value"),
        ("int(parameters.day-of-week) > 1", "int(parameters.day-of-week) > 1"),
        ("1 / 0 == 1", "division by zero"),
        ("steps.in.retryCount > '1'", "No such overload"),
    ],
)
def test_an_expression_without_a_boolean_value(text: str, words: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        Expression.parse(text).evaluate(STEPS, PARAMETERS)

    assert words in str(caught.value)


def test_values_are_never_run_as_code() -> None:
    hostile = {"n": "' || true || '"}

    assert Expression.parse("parameters.n == 'x'").evaluate({}, hostile) is False


def test_only_the_steps_that_are_named_are_read() -> None:
    class Guarded(dict[str, Any]):
        def __getitem__(self, key: str) -> Any:
            assert key == "in"
            return super().__getitem__(key)

    assert Expression.parse("steps.in.phase == 'Failed'").evaluate(Guarded(STEPS), {})


def test_a_keyword_does_not_load_cel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cel", None)

    assert Expression.parse("  always  ").evaluate({}, {}) is True


def test_an_index_beyond_a_list_is_an_error_of_the_expression() -> None:
    with pytest.raises(ExpressionError, match="index out of bounds"):
        Expression.parse("[parameters.a][3] == 'x'").evaluate({}, {"a": "1"})
