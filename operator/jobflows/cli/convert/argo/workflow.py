"""A Workflow as a JobFlow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobflows.api.model import API_VERSION, KIND
from jobflows.api.validation import Path
from jobflows.cli.convert.argo import values
from jobflows.cli.convert.argo.expansion import Expansion
from jobflows.cli.convert.argo.planned import Planned
from jobflows.cli.convert.argo.pods import step_template
from jobflows.cli.convert.argo.policies import whole
from jobflows.cli.convert.argo.steps import note_outputs, write_step
from jobflows.cli.convert.argo.values import Scope, Value, plain
from jobflows.cli.convert.source import ConversionError, Notes, Part, label, unique

GROUP = "argoproj.io"
FLOWS = ("Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow")

Library = Mapping[str, Mapping[str, Any]]
"""WorkflowTemplates of the same input, by name."""

NO_LIMIT = 1_000_000
"""Retries of all steps together, which Argo does not limit."""

_WHY = {
    "podGC": "pods go with their Jobs, and those with the flow; see ttlSecondsAfterFinished",
    "volumeClaimGC": "claims live as long as the flow",
    "artifactGC": "there are no artifacts",
    "artifactRepositoryRef": "there are no artifacts",
    "archiveLogs": "logs stay with their pods",
    "hooks": "use onExit",
    "metrics": "the operator has metrics of its own",
    "synchronization": "use concurrencyPolicy with concurrencyGroup, or steps[].locks",
    "templateDefaults": "write it into each template",
    "podDisruptionBudget": "lost pods are tried again, see retryPolicy.onDisruption",
    "podSpecPatch": "write what it changes into the template",
    "podPriority": "use priorityClassName",
    "retryStrategy": "a failed flow is resumed: jobflow resume",
    "executor": "there is no executor in the pod",
    "workflowMetadata": "write metadata.labels and annotations",
    "shutdown": "use jobflow stop",
}


def convert_workflow(document: Mapping[str, Any], library: Library, notes: Notes) -> dict[str, Any]:
    """One Workflow, or what is written like one, as a JobFlow."""
    whole_document = Part(document, (), notes)
    whole_document.take("apiVersion", "status")
    kind = whole_document.text("kind")
    spec = whole_document.part("spec")
    if spec is None:
        raise ConversionError((), "has no spec")
    if kind == "CronWorkflow":
        cron, spec = spec, spec.part("workflowSpec")
        if spec is None:
            raise ConversionError(cron.path, "has no workflowSpec")
        for key in cron.value:
            cron.lose(key, "there are no schedules yet; a CronJob may create the flow")
    spec = _with_library(spec, library)
    made = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": _metadata(whole_document),
        "spec": _Conversion(spec, library, notes).made(),
    }
    whole_document.left_over()
    return made


def _with_library(spec: Part, library: Library) -> Part:
    """The spec of the WorkflowTemplate that a Workflow names, with what it says itself on top."""
    ref = spec.part("workflowTemplateRef")
    if ref is None:
        return spec
    name = ref.text("name")
    ref.take("clusterScope")
    found = library.get(name, {}).get("spec")
    if not isinstance(found, Mapping):
        raise ConversionError(ref.path, f"WorkflowTemplate '{name}' is not among the files")
    merged = {**found, **{k: v for k, v in spec.value.items() if k != "workflowTemplateRef"}}
    own, theirs = (each.get("arguments") or {} for each in (spec.value, found))
    if own and theirs:
        by_name = {p["name"]: p for each in (theirs, own) for p in each.get("parameters") or ()}
        merged["arguments"] = {**theirs, **own, "parameters": list(by_name.values())}
    for key in spec.value:
        spec.take(key)
    return spec.inside(merged, ("WorkflowTemplate", name, "spec"))


class _Conversion:
    def __init__(self, spec: Part, library: Library, notes: Notes) -> None:
        self._spec = spec
        self._library = library
        self._notes = notes
        self._templates = {part.text("name"): part for part in spec.parts("templates")}
        self._foreign: dict[tuple[str, str], Part] = {}
        self._parameters = self._read_parameters()

    def made(self) -> dict[str, Any]:
        spec, notes = self._spec, self._notes
        entry = self._template(spec.text("entrypoint"), spec.at("entrypoint"))
        policy = self._policy(entry)
        main = self._expanded(entry, on_exit=False)
        handler = None
        if "onExit" in spec:
            wanted = self._template(spec.text("onExit"), spec.at("onExit"))
            handler = self._expanded(wanted, on_exit=True, taken=main.steps)
        used = {**main.used, **(handler.used if handler else {})}
        names: dict[str, str] = {}
        templates = []
        for name, template in used.items():
            names[name] = unique(label(name), names.values())
            templates.append(step_template(template, spec, names[name], self._inside))
        by_name = dict(zip(used, templates, strict=True))
        planned = [*main.steps.values(), *(handler.steps.values() if handler else ())]
        for name, template in used.items():
            note_outputs(template, {o for p in planned if p.template == name for o in p.outputs})
        claims = [dict(claim) for claim in spec.listing("volumeClaimTemplates")]
        for key, why in _WHY.items():
            spec.lose(key, why)
        self._unused(used)
        made: dict[str, Any] = {}
        if spec.take("suspend"):
            made["suspend"] = True
        if self._parameters:
            made["parameters"] = [{"name": n, "value": v} for n, v in self._parameters.items()]
        made["executionPolicy"] = policy
        if claims:
            made["resourceTemplates"] = {"volumeClaimTemplates": claims}
        if templates:
            made["templates"] = templates
        made["steps"] = [write_step(s, used, by_name, names, notes) for s in main.steps.values()]
        if handler is not None:
            made["onExit"] = [
                write_step(s, used, by_name, names, notes) for s in handler.steps.values()
            ]
        return made

    def _expanded(
        self, template: Part, *, on_exit: bool, taken: Mapping[str, Planned] | None = None
    ) -> Expansion:
        made = Expansion(self._called, self._world(on_exit=on_exit), self._parameters)
        inputs = {name: values.parameter(name) for name in self._parameters}
        before = dict(taken or {})
        made.steps.update(before)
        made.enter(template, inputs)
        for name in before:
            del made.steps[name]
        return made

    def _called(self, task: Part) -> Part | None:
        """The template that a task calls, of this workflow or of another one of the input."""
        ref = task.part("templateRef")
        if ref is None:
            name = task.text("template")
            if not name:
                self._notes.lost(task.path, "calls no template; a Manual step stands in its place")
                return None
            return self._template(name, task.at("template"))
        ref.take("clusterScope")
        where, name = ref.text("name"), ref.text("template")
        if (where, name) not in self._foreign:
            spec = self._library.get(where, {}).get("spec") or {}
            listed = spec.get("templates") or ()
            found = next((i for i, t in enumerate(listed) if t.get("name") == name), None)
            if found is None:
                words = f"WorkflowTemplate '{where}' with template '{name}' is not among the files"
                self._notes.lost(ref.path, f"{words}; a Manual step stands in its place")
                return None
            path = ("WorkflowTemplate", where, "spec", "templates", found)
            self._foreign[where, name] = self._spec.inside(listed[found], path)
        return self._foreign[where, name]

    def _template(self, name: str, path: Path) -> Part:
        if name not in self._templates:
            raise ConversionError(path, f"there is no template '{name}'" if name else "is missing")
        return self._templates[name]

    def _world(self, *, on_exit: bool) -> Scope:
        """What every template may speak of."""

        def find(name: str) -> Value | None:
            match name.split("."):
                case ["workflow", "parameters", parameter] if parameter in self._parameters:
                    return values.parameter(parameter)
                case ["workflow", "name" | "namespace" as field]:
                    return values.flow(field)
                case ["workflow", "status"] if on_exit:
                    return values.flow("phase")
            return None

        return find

    def _inside(self, name: str) -> Value | None:
        """What the strings of a template may speak of."""
        match name.split("."):
            case ["inputs", "parameters", parameter]:
                return values.argument(parameter)
        return self._world(on_exit=True)(name)

    def _read_parameters(self) -> dict[str, str]:
        arguments = self._spec.part("arguments")
        found: dict[str, str] = {}
        if arguments is None:
            return found
        arguments.lose(
            "artifacts", "share a volume of resourceTemplates, or fetch it in the command"
        )
        for part in arguments.parts("parameters"):
            part.take("description", "enum")
            value = part.take("value", "default")
            part.lose("valueFrom", "give steps an input with valueFrom.configMapKeyRef")
            if value is None:
                words = "has no value; give it one here, or by --param when the flow is run"
                self._notes.changed(part.path, words)
            found[part.text("name")] = plain("" if value is None else value)
        return found

    def _policy(self, entry: Part) -> dict[str, Any]:
        spec = self._spec
        made: dict[str, Any] = {"concurrencyPolicy": "Allow", "backoffLimit": NO_LIMIT}
        for key, name in (("activeDeadlineSeconds",) * 2, ("parallelism",) * 2, ("priority",) * 2):
            if (number := whole(spec, key)) is not None:
                made[name] = number
        dag = entry.value.get("dag")
        if isinstance(dag, Mapping) and dag.get("failFast", True):
            made["failFast"] = True
        if (limit := whole(entry, "parallelism")) is not None:
            made["parallelism"] = min(limit, made.get("parallelism", limit))
        ttl = spec.part("ttlStrategy")
        if ttl is not None:
            after = whole(ttl, "secondsAfterCompletion")
            if after is not None:
                made["ttlSecondsAfterFinished"] = after
            for key in ("secondsAfterSuccess", "secondsAfterFailure"):
                ttl.lose(key, "there is one time for all ends, ttlSecondsAfterFinished")
        if "ttlSecondsAfterFinished" not in made:
            words = "the flow is deleted a day after its end; see ttlSecondsAfterFinished"
            self._notes.changed(spec.at("ttlStrategy"), words)
        return made

    def _unused(self, used: Mapping[str, Part]) -> None:
        """Templates that nothing calls are left out."""
        for name, template in self._templates.items():
            if not template.is_touched and name not in used:
                self._notes.changed(template.path, f"nothing calls template '{name}'; left out")
                template.ignore()


def _metadata(document: Part) -> dict[str, Any]:
    found = document.part("metadata")
    if found is None:
        raise ConversionError((), "has no metadata")
    kept = ("name", "generateName", "namespace", "labels", "annotations")
    made = {key: found.take(key) for key in kept if key in found}
    for key in found.value:  # what the API server has written
        found.take(key)
    if "name" not in made and "generateName" not in made:
        raise ConversionError(found.path, "has no name")
    return made
