"""From the entrypoint down to what runs: DAGs and lists of steps become one graph of steps.

A task that calls another DAG is replaced by the tasks of it, whose names begin with its own. What
waited for it waits for the last of them, and the first of them wait for what it waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from jobflows.cli.convert.argo import values
from jobflows.cli.convert.argo.loops import MOST_STEPS, Loop, in_step, read_loop
from jobflows.cli.convert.argo.order import in_order, waits_for, watchers_in
from jobflows.cli.convert.argo.planned import Before, Call, Ends, Planned
from jobflows.cli.convert.argo.pods import has_command, runs, why_not
from jobflows.cli.convert.argo.policies import locks
from jobflows.cli.convert.argo.values import Scope, Value, parse, plain
from jobflows.cli.convert.source import ConversionError, Notes, Part, label, unique

MOST_LEVELS = 30


class Expansion:
    """The steps of one workflow. `templates` finds a template by a task that names it."""

    def __init__(
        self, templates: Callable[[Part], Part | None], world: Scope, parameters: Mapping[str, str]
    ) -> None:
        self.steps: dict[str, Planned] = {}
        self.used: dict[str, Part] = {}
        """Templates that run something, by a name for each."""
        self._templates = templates
        self._world = world
        self._parameters = parameters

    def enter(self, template: Part, inputs: Mapping[str, Value]) -> None:
        """Begin at the entrypoint, or at an exit handler."""
        name = label(template.text("name"))
        is_graph = "dag" in template or "steps" in template
        self._expand(template, Call(name="" if is_graph else name, inputs=inputs))

    def _expand(self, template: Part, call: Call) -> Ends:
        name = template.text("name")
        if name in call.above or len(call.above) > MOST_LEVELS:
            raise ConversionError(
                template.path, f"template '{name}' calls itself, which has no end"
            )
        inputs = _with_defaults(template, call.inputs)
        call = replace(call, inputs=inputs, above=(*call.above, name))
        if "dag" in template:
            dag = template.part("dag")
            assert dag is not None
            if dag.take("failFast") is not None and call.above[1:]:
                dag.notes.changed(dag.at("failFast"), "the flow has one failFast, the entrypoint's")
            dag.lose("target", "remove the tasks that are not wanted")
            return self._tasks(template, call, [dag.parts("tasks")], ordered=False)
        if "steps" in template:
            groups = [
                [
                    template.inside(step, (*template.at("steps"), i, j))
                    for j, step in enumerate(group)
                ]
                for i, group in enumerate(template.listing("steps", "lists"))
            ]
            return self._tasks(template, call, groups, ordered=True)
        return self._leaf(template, call)

    def _leaf(self, template: Part, call: Call) -> Ends:
        planned = Planned(
            name=unique(label(call.name), self.steps),
            dependencies=call.after,
            needs=call.needs,
            conditions=call.conditions,
            never=call.never,
            tolerated=call.tolerated,
        )
        self.steps[planned.name] = planned
        if not runs(template):
            self._manual(template, planned)
            return Ends((planned.name,), lambda _: None)
        planned.template = template.text("name")
        planned.arguments, planned.array = call.inputs, call.array
        planned.locks = locks(template)
        self.used.setdefault(planned.template, template)

        def output(name: str) -> Value | None:
            if planned.array is not None:
                return None
            planned.outputs[name] = None
            return values.output(planned.name, name)

        return Ends((planned.name,), output)

    def _manual(self, template: Part, planned: Planned) -> None:
        suspend = template.part("suspend") if "suspend" in template else None
        if suspend is None and "suspend" not in template.value:
            path, words = why_not(template)
            template.notes.lost(path, words)
            planned.message = "Not converted from Argo: do it by hand, then approve"
            return
        template.take("suspend", "inputs", "outputs")
        if suspend is not None:
            suspend.lose("duration", "a Manual step waits for a person; timeoutSeconds fails it")

    def _tasks(
        self, template: Part, call: Call, groups: Sequence[Sequence[Part]], *, ordered: bool
    ) -> Ends:
        """The tasks of a DAG, or groups of steps one after the other."""
        ends: dict[str, Ends] = {}
        scope = self._scope(call, ends)
        before = Before(self.steps, ends, watchers_in(groups))
        last: tuple[str, ...] = call.after
        for group in groups:
            for task in in_order(group) if not ordered else group:
                name = task.text("name")
                ends[name] = self._task(task, call, scope, before, last)
                self._tolerate(name, ends[name].steps, before)
            if ordered and group:
                last = tuple(s for task in group for s in ends[task.text("name")].steps)
        waited = {d for step in self.steps.values() for d in step.dependencies}
        inner = tuple(s for each in ends.values() for s in each.steps)
        steps = last if ordered else tuple(s for s in dict.fromkeys(inner) if s not in waited)
        return Ends(steps, self._outputs(template, scope))

    def _task(
        self, task: Part, call: Call, scope: Scope, before: Before, last: tuple[str, ...]
    ) -> Ends:
        notes, name = task.notes, label(task.text("name"))
        full = f"{call.name}-{name}" if call.name else name
        template = self._templates(task)
        arguments = task.part("arguments")
        given = arguments.parts("parameters") if arguments is not None else []
        if arguments is not None:
            arguments.lose("artifacts", _NO_ARTIFACTS)
        carry_on = task.part("continueOn")
        tolerated = call.tolerated or bool(
            carry_on is not None and (carry_on.take("failed") or carry_on.take("error"))
        )
        for key, why in _TASK_WHY.items():
            task.lose(key, why)
        waits = replace(waits_for(task, call, scope, before, last), name=full, tolerated=tolerated)

        def made(full: str, inner: Scope, array: dict[str, Any] | None) -> Ends:
            inputs = {part.text("name"): _argument(part, inner, notes) for part in given}
            ready = replace(waits, name=full, inputs=inputs, array=array)
            return self._missing(ready) if template is None else self._expand(template, ready)

        loop = read_loop(task, scope, self._parameters)
        if loop is None:
            return made(full, scope, None)
        if isinstance(loop, str):
            notes.lost(task.path, f"{loop}; a Manual step stands in its place")
            return self._missing(waits)
        return self._repeated(task, loop, waits, scope=scope, template=template, made=made)

    def _repeated(
        self,
        task: Part,
        loop: Loop,
        waits: Call,
        *,
        scope: Scope,
        template: Part | None,
        made: Callable[[str, Scope, dict[str, Any] | None], Ends],
    ) -> Ends:
        array = loop.array()
        if array is not None and template is not None and runs(template) and has_command(template):
            return made(waits.name, lambda n: loop.in_array(n) if _is_item(n) else scope(n), array)
        if loop.source or len(loop.items) > MOST_STEPS:
            words = "cannot be an array, and its items are not known now, or too many"
            task.notes.lost(task.path, f"{words}; a Manual step stands in its place")
            return self._missing(waits)
        each = [
            made(f"{waits.name}-{i}", _with_item(scope, item), None)
            for i, item in enumerate(loop.items)
        ]
        return Ends(tuple(s for one in each for s in one.steps), lambda _: None)

    def _missing(self, call: Call) -> Ends:
        """A Manual step in the place of what cannot be converted."""
        message = "Not converted from Argo: do it by hand, then approve"
        planned = Planned(
            name=unique(label(call.name), self.steps),
            message=message,
            dependencies=call.after,
            needs=call.needs,
            conditions=call.conditions,
            never=call.never,
        )
        self.steps[planned.name] = planned
        return Ends((planned.name,), lambda _: None)

    def _tolerate(self, name: str, steps: Sequence[str], before: Before) -> None:
        """A failure that some task looks at must be allowed, or that one is never asked."""
        watcher = before.watchers.get(name)
        if watcher is None:
            return
        for step in steps:
            if not self.steps[step].tolerated:
                self.steps[step].tolerated = True
                words = f"a failure of {step} no longer fails the flow, because this looks at it"
                watcher.notes.changed(watcher.at("depends"), words)

    def _scope(self, call: Call, ends: Mapping[str, Ends]) -> Scope:
        def find(name: str) -> Value | None:
            match name.split("."):
                case ["inputs", "parameters", parameter]:
                    return call.inputs.get(parameter)
                case ["tasks" | "steps", other, "outputs", "parameters", output] if other in ends:
                    return ends[other].output(output)
                case ["tasks" | "steps", other, "outputs", "result"] if other in ends:
                    return ends[other].output("result")
                case ["tasks" | "steps", other, "status"] if other in ends:
                    steps = ends[other].steps
                    return values.phase(steps[0]) if len(steps) == 1 else None
            return self._world(name)

        return find

    def _outputs(self, template: Part, scope: Scope) -> Callable[[str], Value | None]:
        """What a DAG hands out is what one of its tasks puts out."""
        outputs = template.part("outputs")
        found: dict[str, str] = {}
        for part in outputs.parts("parameters") if outputs is not None else ():
            source = part.part("valueFrom")
            found[part.text("name")] = source.text("parameter") if source is not None else ""
        if outputs is not None:
            outputs.lose("artifacts", _NO_ARTIFACTS)

        def output(name: str) -> Value | None:
            made = values.read(found.get(name, ""), scope)
            return made if isinstance(made, Value) and made.pieces else None

        return output


_NO_ARTIFACTS = "share a volume of resourceTemplates, or copy to and from the store in the command"

_TASK_WHY = {
    "hooks": "steps that depend on this one, or onExit, do the same",
    "onExit": "a step that depends on this one does the same",
    "inline": "write it as a template with a name",
}


def _is_item(name: str) -> bool:
    return name == "item" or name.startswith("item.")


def _with_item(scope: Scope, item: Any) -> Scope:
    return lambda name: in_step(item, name) if _is_item(name) else scope(name)


def _argument(part: Part, scope: Scope, notes: Notes) -> Value:
    part.lose("valueFrom", "give a value, or an input of the step with valueFrom")
    return parse(plain(part.take("value", "default") or ""), scope, part.at("value"), notes)


def _with_defaults(template: Part, given: Mapping[str, Value]) -> dict[str, Value]:
    """What a template gets: what its caller gives, else its own values."""
    inputs = template.part("inputs")
    found = dict(given)
    if inputs is None:
        return found
    inputs.lose("artifacts", _NO_ARTIFACTS)
    for part in inputs.parts("parameters"):
        value = part.take("value", "default")
        part.take("description", "enum")
        if part.text("name") not in found and value is not None:
            found[part.text("name")] = Value.of(plain(value))
        part.lose("valueFrom", "give the step an input with valueFrom")
    return found
