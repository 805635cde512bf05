"""Flows that are refused: conditions."""

from typing import Any

from unit.api.flows import flow, step
from unit.api.refused.base import ONE, Case, input_from, output_from


def when(text: str, **spec: Any) -> dict[str, Any]:
    return flow(
        step("extract-data", outputs=output_from("$.rows")),
        step("other"),
        step("b", "extract-data", when=text),
        **spec,
    )


WHEN = "spec.steps[2].when"


CONDITIONS = [
    Case(
        "syntax",
        when("steps.extract-data.phase =="),
        WHEN,
        "unexpected the end at column 28",
        "always, never",
    ),
    Case(
        "single equals sign",
        when("steps.extract-data.phase = 'Failed'"),
        WHEN,
        "at column 26",
        "Write == to compare",
    ),
    Case("and", when("true and false"), WHEN, "unexpected 'and' at column 6", "&&"),
    Case(
        "Go template",
        when('{{ eq (index .StepStatus "a").Phase "Succeeded" }}'),
        WHEN,
        "column",
        "without braces",
    ),
    Case(
        "unknown step",
        when("steps.extract.phase == 'Failed'"),
        WHEN,
        "no step 'extract'",
        "Did you mean extract-data?",
    ),
    Case(
        "no ancestor",
        when("steps.other.phase == 'Failed'"),
        WHEN,
        "reads 'other' but does not wait",
        "Add other to the dependencies of 'b'",
    ),
    Case("itself", when("steps.b.phase == 'Failed'"), WHEN, "reads itself", "depends on"),
    Case(
        "unknown field of a step",
        when("steps.extract-data.status == 'x'"),
        WHEN,
        "a step has phase",
        "always, never",
    ),
    Case(
        "unknown output",
        when("steps.extract-data.outputs.row == '1'"),
        WHEN,
        "no output 'row'",
        "outputs.parameters of step 'extract-data'",
    ),
    Case(
        "unknown parameter",
        when("parameters.dat == '1'", parameters=[{"name": "date", "value": ""}]),
        WHEN,
        "no parameter 'dat'",
        "Did you mean date?",
    ),
    Case(
        "string and number",
        when("steps.extract-data.outputs.rows > 3"),
        WHEN,
        "is a string and 3 is not",
        "always",
    ),
    Case("unknown name", when("phase == 'Succeeded'"), WHEN, "unknown name 'phase'", "always"),
    Case("unknown function", when("exec('rm')"), WHEN, "unknown function 'exec'", "always"),
    Case(
        "loop",
        when("[1, 2].all(x, x > 0)"),
        WHEN,
        "loops such as .all() are not allowed",
        "always",
    ),
    Case("no boolean", when("1 + 1"), WHEN, "gives 2, not true or false", "always"),
    Case("capitals", when("Always"), WHEN, "unknown name 'Always'", "Write always"),
    Case(
        "the step's own input",
        flow(step("a", when="parameters.p == '1'", inputs=input_from(value="1"))),
        f"{ONE}.when",
        "no parameter 'p'",
        "not the step's inputs",
    ),
    Case(
        "parameter of a flow without any",
        flow(step("a", when="parameters.p == '1'")),
        f"{ONE}.when",
        "no parameter 'p'",
        "Add it to spec.parameters",
    ),
    Case("or", flow(step("a", when="true or false")), f"{ONE}.when", "unexpected 'or'", "||"),
    Case("not", flow(step("a", when="not true")), f"{ONE}.when", "column", "Write !"),
    Case("too long", flow(step("a", when="x" * 4097)), f"{ONE}.when", "longer than 4096", "Short"),
    Case("empty", flow(step("a", when="")), f"{ONE}.when", "must not be empty", "leave the field"),
]
