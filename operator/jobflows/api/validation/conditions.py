"""Conditions: each `when` compiles, and reads only what is decided before its step."""

import re
from collections.abc import Iterator

from jobflows.api import cascade
from jobflows.api.expressions import Expression, ExpressionError
from jobflows.api.model import JobFlow
from jobflows.api.spec import Step, StepTemplate
from jobflows.api.validation.graph import StepGraph, unknown_step
from jobflows.api.validation.order import Demand
from jobflows.api.validation.places import is_handler, places
from jobflows.api.validation.problems import Path, Problem, listed

EXAMPLE = "Write always, never, or a comparison such as steps.extract.phase == 'Succeeded'"

# Mistakes that have one cure, by what the text looks like.
_HABITS = (
    (re.compile(r"\{\{|\$\{"), "Write names without braces: steps.extract.phase == 'Succeeded'"),
    (re.compile(r"\band\b"), "Write && for and"),
    (re.compile(r"\bor\b"), "Write || for or"),
    (re.compile(r"\bnot\b"), "Write ! for not"),
    (re.compile(r"(?<![=!<>])=(?!=)"), "Write == to compare"),
)
_STRINGS = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'")


def conditions(flow: JobFlow, graph: StepGraph, demands: list[Demand]) -> Iterator[Problem]:
    """Parse each `when`; the steps it reads go to `demands`, to be checked for their order."""
    parameters = {parameter.name for parameter in flow.spec.parameters}
    templates = cascade.by_name(flow.spec.templates)
    steps = flow.spec.all_steps
    for index, (base, step) in enumerate(places(flow)):
        if step.when is None:
            continue
        path: Path = (*base, "when")
        try:
            expression = Expression.parse(step.when)
        except ExpressionError as error:
            place = f" at column {error.column}" if error.column else ""
            yield Problem(path, f"{error}{place} of `{step.when.strip()}`", _cure(step.when))
            continue
        read = expression.references
        for name in sorted(read.steps):
            if name not in graph.index:
                yield Problem(path, f"there is no step '{name}'", unknown_step(name, graph))
            else:
                demands.append(Demand(path, index, graph.index[name], "when"))
        for name, output in sorted(read.outputs):
            if name in graph.index and output not in _outputs(templates, steps[graph.index[name]]):
                cure = f"Declare it in the outputs.parameters of step '{name}'"
                yield Problem(path, f"step '{name}' has no output '{output}'", cure)
        for name in sorted(read.parameters - parameters):
            own = name in {parameter.name for parameter in step.inputs.parameters}
            yield Problem(
                path,
                f"the flow has no parameter '{name}'",
                "A condition sees spec.parameters and steps.<name>.outputs, not the step's inputs"
                if own
                else graph.spelling.did_you_mean(name, parameters) or _declare(parameters),
            )
        if read.flow and not is_handler(flow, index):
            words = f"flow.{min(read.flow)} is known when all steps are done, to exit handlers only"
            yield Problem(path, words, "Look at the steps before this one, or use spec.onExit")
        if not (read.steps or read.parameters or read.flow) and expression.constant is None:
            yield from _constant(path, expression)


def _outputs(templates: dict[str, StepTemplate], step: Step) -> set[str]:
    return {output.name for output in cascade.outputs(templates.get(step.template_ref or ""), step)}


def _constant(path: Path, expression: Expression) -> Iterator[Problem]:
    """An expression over nothing has its value now, or its error."""
    try:
        expression.evaluate({}, {})
    except ExpressionError as error:
        yield Problem(path, str(error), EXAMPLE)


def _declare(parameters: set[str]) -> str:
    known = f" ({listed(sorted(parameters))} exist)" if parameters else ""
    return f"Add it to spec.parameters{known}"


def _cure(text: str) -> str:
    bare = _STRINGS.sub("''", text)
    for habit, cure in _HABITS:
        if habit.search(bare):
            return cure
    return EXAMPLE
