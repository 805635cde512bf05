"""The one validator of flows. `jobflow lint`, the admission webhook, the controller, the local
runner and the SDK all call it, so a flow that one of them accepts is accepted by all.

Pure: a document in, all its problems out, each with its path and a cure. First the structure
(`structure.py`), then one policy a file over the models: names, graph, templates, resources,
retries, growth, endings, conditions, parameters, sharing, order. Linear in the size of the flow.

What is wrong is refused; what is only unwise is for `advise`, which looks at flows without
problems.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from jobflows.api.model import JobFlow
from jobflows.api.validation import (
    advice,
    arrays,
    conditions,
    endings,
    graph,
    growth,
    locks,
    maps,
    names,
    order,
    parameters,
    resources,
    retries,
    sharing,
    structure,
    templates,
)
from jobflows.api.validation.problems import Path, Problem, Spelling, in_document_order

__all__ = ["Checked", "Path", "Problem", "advise", "check", "validate"]

MOST_PROBLEMS = 10_000
"""A flow of a megabyte and a half can hold half a million, which is a gigabyte of words: nobody
reads them, and the operator would end of it."""


class Checked(NamedTuple):
    """A flow and its problems; `flow` is set only if there are none."""

    flow: JobFlow | None
    problems: list[Problem]


def validate(document: Mapping[Any, Any]) -> list[Problem]:
    """Return all problems of a JobFlow document, in the order of the document's paths."""
    return check(document).problems


def check(document: Mapping[Any, Any]) -> Checked:
    """Return the flow if the document is one without problems, and the problems otherwise.

    Of more than `MOST_PROBLEMS` they are the first, and one that says so.
    """
    if not isinstance(document, Mapping):
        cure = "Write apiVersion, kind, metadata and spec"
        return Checked(None, [Problem((), "a flow must be a mapping", cure)])
    deep = structure.too_deep(document)
    if deep is not None:
        return Checked(None, [deep])
    spelling = Spelling()
    flow, problems = structure.read(document, spelling, most=MOST_PROBLEMS + 1)
    if flow is not None:
        # What is malformed was cut out of `flow`; that it seems missing there is no news, neither
        # to itself nor to the mapping it was cut from.
        malformed = {problem.path for problem in problems}
        around = {path[:-1] for path in malformed} | {_mapping(path) for path in malformed}
        news = (
            problem
            for problem in _meaning(flow, spelling)
            if problem.path not in around
            and not any(problem.path[:end] in malformed for end in range(1, len(problem.path) + 1))
        )
        problems += islice(news, MOST_PROBLEMS + 1 - len(problems))
    if len(problems) > MOST_PROBLEMS:
        words = f"has more problems than the {MOST_PROBLEMS} that are listed"
        problems[MOST_PROBLEMS:] = [Problem((), words, "Mend these first")]
    return Checked(flow if not problems else None, in_document_order(problems))


def advise(flow: JobFlow) -> list[Problem]:
    """Return the warnings about a flow that `check` has nothing against."""
    return in_document_order(advice.advice(flow))


def _mapping(path: Path) -> Path:
    """The mapping that something malformed was cut from; of a list with it nothing is kept."""
    end = len(path)
    while end and isinstance(path[end - 1], int):
        end -= 1
    return path[: end - 1] if end else path


def _meaning(flow: JobFlow, spelling: Spelling) -> Iterator[Problem]:
    steps = graph.build(flow, spelling)
    demands: list[order.Demand] = []
    yield from names.flow_name(flow)
    yield from names.step_names(flow)
    yield from names.shared_names(flow)
    yield from names.parameter_names(flow)
    yield from graph.dependencies(flow, steps)
    yield from graph.cycles(flow, steps)
    yield from templates.job_templates(flow)
    yield from resources.resource_templates(flow)
    yield from retries.retry_policies(flow)
    yield from endings.fail_fast(flow)
    yield from growth.growth(flow)
    yield from locks.step_locks(flow)
    yield from conditions.conditions(flow, steps, demands)
    yield from parameters.sources(flow, steps, demands)
    yield from parameters.placeholders(flow, spelling)
    yield from sharing.shared_templates(flow, spelling)
    yield from arrays.arrays(flow, steps, demands, spelling)
    yield from maps.maps(flow, steps, demands)
    yield from order.order(flow, steps, demands)
