"""Steps as they stand in a flow: what is planned, with arguments, inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobflows.api.placeholders import find_arguments
from jobflows.api.validation import Path
from jobflows.cli.convert.argo.planned import Planned
from jobflows.cli.convert.argo.values import Value
from jobflows.cli.convert.source import Notes, Part, strings


def write_step(
    planned: Planned,
    used: Mapping[str, Part],
    templates: Mapping[str, dict[str, Any]],
    names: Mapping[str, str],
    notes: Notes,
) -> dict[str, Any]:
    """A step of the flow. `used` are Argo's templates, `templates` what they have become, under
    `names`."""
    made: dict[str, Any] = {"name": planned.name}
    if not planned.template:
        made["type"] = "Manual"
        if planned.message:
            made["message"] = planned.message
    if planned.dependencies:
        made["dependencies"] = list(planned.dependencies)
    if planned.when:
        made["when"] = planned.when
    if planned.tolerated:
        made["continueOnFailure"] = True
    if planned.locks:
        made["locks"] = planned.locks
    if not planned.template:
        return made
    made["templateRef"] = names[planned.template]
    _arguments(made, planned, templates[planned.template], used[planned.template], notes)
    if planned.array is not None:
        made["array"] = planned.array
    _outputs(made, planned)
    return made


def _arguments(
    step: dict[str, Any], planned: Planned, template: dict[str, Any], source: Part, notes: Notes
) -> None:
    """The arguments that the template mentions, and the inputs that they need."""
    mentioned = {name for _, text in strings(template) for name in find_arguments(text)}
    inputs: dict[str, str] = {}
    arguments = {}
    for name in sorted(mentioned):
        value = planned.arguments.get(name)
        if value is None:
            notes.lost(source.path, f"step {planned.name} gives no value for '{name}'")
            value = Value.of("")
        arguments[name] = value.text
        inputs |= dict(value.sources)
    if inputs:
        step["inputs"] = {
            "parameters": [
                {"name": name, "valueFrom": {"jsonPath": path}} for name, path in inputs.items()
            ]
        }
    if arguments:
        step["arguments"] = arguments


def _outputs(step: dict[str, Any], planned: Planned) -> None:
    if planned.outputs:
        step["outputs"] = {
            "parameters": [
                {
                    "name": name,
                    "valueFrom": {"jsonPath": f"$['{name}']" if "-" in name else f"$.{name}"},
                }
                for name in planned.outputs
            ]
        }


def note_outputs(template: Part, read: set[str]) -> None:
    """Outputs come in another way: as JSON in the termination message."""
    given = template.part("outputs")
    named: dict[str, Path] = {}
    if given is not None:
        given.lose("artifacts", "share a volume of resourceTemplates, or copy it in the command")
        given.lose("exitCode", "a condition sees steps.<name>.phase")
        for part in given.parts("parameters"):
            part.ignore()
            named[part.text("name")] = part.path
    for name in sorted(read):
        words = f'the command has to write {{"{name}": …}} to /dev/termination-log'
        template.notes.lost(named.get(name, template.path), f"output '{name}' is read: {words}")
    for name, path in named.items():
        if name not in read:
            template.notes.changed(path, f"nothing reads output '{name}'; left out")
