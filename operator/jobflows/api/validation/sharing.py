"""Shared templates: each templateRef names one, and what its placeholders need is there.

A template is read once, however many steps use it: 10,000 users of a template with 50,000 strings
cost no more than both. What all its users lack is a problem of the template; what one step lacks is
a problem of that step, which says where the template needs it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from jobflows.api.model import JobFlow
from jobflows.api.placeholders import find, find_arguments, find_outcome
from jobflows.api.spec import Step, StepTemplate
from jobflows.api.validation.parameters import (
    ELSEWHERE,
    becomes_environment,
    check_string,
    fallback_strings,
    leaves,
    read_by_kubelet,
)
from jobflows.api.validation.places import places
from jobflows.api.validation.problems import Path, Problem, Spelling, dotted, listed

MOST_NAMED = 8
"""Names that one problem, or the problems of one step, tell of."""


@dataclass(frozen=True, slots=True)
class Shared:
    """A template as its users see it: where it first mentions which names."""

    strings: tuple[tuple[Path, str], ...]
    arguments: Mapping[str, Path]
    parameters: Mapping[str, Path]
    plain_arguments: Mapping[str, Path]
    """Those that stand where a value that only the kubelet reads cannot."""
    plain_parameters: Mapping[str, Path]
    outcome: tuple[Path, str] | None
    """Where it first speaks of how the flow ended."""

    @classmethod
    def read(cls, index: int, template: StepTemplate) -> "Shared":
        path: Path = ("spec", "templates", index)
        strings = (
            *leaves((*path, "template"), template.template),
            *fallback_strings(path, template.retry_policy),
        )
        plain = [each for each in strings if not becomes_environment(each[0])]
        outcomes = ((where, name) for where, text in strings for name in find_outcome(text))
        return cls(
            strings,
            _first(find_arguments, strings),
            _first(find, strings),
            _first(find_arguments, plain),
            _first(find, plain),
            next(outcomes, None),
        )


def _first(
    find: Callable[[str], Iterable[str]], strings: Iterable[tuple[Path, str]]
) -> dict[str, Path]:
    """The names in `strings`, each with the first place that it is found in."""
    found: dict[str, Path] = {}
    for where, text in strings:
        for name in find(text):
            found.setdefault(name, where)
    return found


def shared_templates(flow: JobFlow, spelling: Spelling) -> Iterator[Problem]:
    """Each reference has its template, and each template's placeholders have their values."""
    declared = frozenset(parameter.name for parameter in flow.spec.parameters)
    templates: dict[str, Shared] = {}
    for index, template in enumerate(flow.spec.templates):
        templates.setdefault(template.name, Shared.read(index, template))
    inputs: dict[str, set[str]] = {}
    for step in flow.spec.all_steps:
        if step.template_ref is not None:
            own = inputs.setdefault(step.template_ref, set())
            own.update(parameter.name for parameter in step.inputs.parameters)
    elsewhere = {
        name: [p for p in shared.parameters if p in inputs.get(name, ()) and p not in declared]
        for name, shared in templates.items()
    }
    for name, shared in templates.items():
        known = {*declared, *inputs.get(name, shared.parameters)}
        for path, text in shared.strings:
            yield from check_string(path, text, known, {}, spelling)
    for path, step in places(flow):
        if step.template_ref is None:
            if step.arguments:
                yield Problem(
                    (*path, "arguments"), "arguments need a templateRef", "Name a template, too"
                )
        elif step.template_ref not in templates:
            yield Problem(
                (*path, "templateRef"),
                f"there is no template '{step.template_ref}'",
                spelling.did_you_mean(step.template_ref, templates) or _declare(templates),
            )
        else:
            shared = templates[step.template_ref]
            yield from _outcome(path, shared)
            yield from _arguments(path, step, shared, spelling)
            yield from _parameters(path, step, shared, elsewhere[step.template_ref])


def _outcome(path: Path, shared: Shared) -> Iterator[Problem]:
    if path[1] == "onExit" or shared.outcome is None:
        return
    where, name = shared.outcome
    words = f"the template has {{{{ {name} }}}} in {dotted(where)}, for exit handlers only"
    cure = "Use another template, or move the step to spec.onExit"
    yield Problem((*path, "templateRef"), words, cure)


def _arguments(path: Path, step: Step, shared: Shared, spelling: Spelling) -> Iterator[Problem]:
    for name in step.arguments.keys() - shared.arguments.keys():
        yield Problem(
            (*path, "arguments", name),
            f"template '{step.template_ref}' has no {{{{ arguments.{name} }}}}",
            spelling.did_you_mean(name, shared.arguments) or "Remove it, or use it in the template",
        )
    count = len(shared.arguments) - len(step.arguments.keys() & shared.arguments.keys())
    if count:
        lacking = (name for name in shared.arguments if name not in step.arguments)
        names = list(islice(lacking, MOST_NAMED))
        more = f" and {count - len(names)} more" if count > len(names) else ""
        where = dotted(shared.arguments[names[0]])
        yield Problem(
            (*path, "arguments"),
            f"template '{step.template_ref}' needs {', '.join(names)}{more}, as {where} says",
            f'Write `{names[0]}: "…"` into the step\'s arguments',
        )


def _parameters(
    path: Path, step: Step, shared: Shared, elsewhere: Iterable[str]
) -> Iterator[Problem]:
    """The step has the parameters of the template that are inputs `elsewhere`, where they fit."""
    own = {parameter.name for parameter in step.inputs.parameters}
    lacking = (name for name in elsewhere if name not in own)
    for name in islice(lacking, MOST_NAMED):
        where = shared.parameters[name]
        yield Problem(
            (*path, "templateRef"),
            f"template '{step.template_ref}' needs parameter '{name}', as {dotted(where)} says",
            "Add it to the step's inputs.parameters, as other steps have it",
        )
    by_kubelet = read_by_kubelet(step)
    if not by_kubelet:
        return
    places = {name: w for name in by_kubelet if (w := shared.plain_parameters.get(name))}
    for argument, text in step.arguments.items():
        through = shared.plain_arguments.get(argument)
        for name in find(text) if through else ():
            if name in by_kubelet and through:
                places.setdefault(name, through)
    for name, where in places.items():
        yield Problem(
            (*path, "templateRef"),
            f"parameter '{name}' comes from a {by_kubelet[name]}, which only the kubelet "
            f"reads, and the template has it in {dotted(where)}",
            ELSEWHERE,
        )


def _declare(templates: Iterable[str]) -> str:
    known = listed(sorted(templates))
    return f"Add it to spec.templates{f' ({known} exist)' if known else ''}"
