"""Job templates: what can be said about a batch/v1 Job without asking the API server.

A template passes through as it is, so it is read here with care: any part may have any type.
`metadata.name` and `namespace` may be set, they are replaced.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jobflows.api.base import INT32_MAX
from jobflows.api.model import JobFlow
from jobflows.api.spec import Step
from jobflows.api.validation.places import places
from jobflows.api.validation.problems import Path, Problem, shown
from jobflows.api.validation.resources import resources
from jobflows.api.validation.shapes import JOB, misshapen

MOST_PODS = 100_000
"""The API server's own limit for completions of an Indexed Job."""


MOST_CONTAINERS = 100
"""Far more than a node runs of one pod; steps that share a template look through them."""


@dataclass(frozen=True, slots=True)
class Part:
    """A place in an opaque object, and what is there."""

    path: Path
    value: Any

    def __getitem__(self, key: str) -> "Part":
        inside = isinstance(self.value, dict)
        return Part((*self.path, key), self.value.get(key) if inside else None)

    def wrong_type(self, kind: type, words: str) -> list[Problem]:
        """Return the problem of a value that is there but of another type."""
        if self.value is None or isinstance(self.value, kind):
            return []
        cure = "Compare with the reference of batch/v1 Job"
        return [Problem(self.path, f"must be {words}", cure)]


def job_templates(flow: JobFlow) -> Iterator[Problem]:
    """Each Job step has one template that can become a Job, no Manual step has any."""
    never = flow.spec.execution_policy.pod_failure_policy is not None
    for index, shared in enumerate(flow.spec.templates):
        part = Part(("spec", "templates", index, "template"), shared.template)
        yield from _job(part, pod_failure_policy=never)
    for path, step in places(flow):
        if step.type == "Manual":
            yield from _manual(path, step)
        elif step.template is None:
            if step.template_ref is None:
                where = (*path, "template")
                yield Problem(where, "a Job step needs a template or a templateRef", _missing(step))
        elif step.template_ref is not None:
            where = (*path, "templateRef")
            yield Problem(where, "the step has a template, too", "Remove template or templateRef")
        else:
            yield from _job(Part((*path, "template"), step.template), pod_failure_policy=never)


def _manual(path: Path, step: Step) -> Iterator[Problem]:
    for key, given in (("template", step.template), ("templateRef", step.template_ref)):
        if given is not None:
            cure = f"Remove {key}, or type: Manual"
            yield Problem((*path, key), "a Manual step runs nothing", cure)


def _missing(step: Step) -> str:
    if step.message is not None:
        return "Write type: Manual if the step waits for a person"
    return "Write template.spec.template.spec.containers with a name and an image"


def _job(job: Part, *, pod_failure_policy: bool) -> Iterator[Problem]:
    for key, expected in (("apiVersion", "batch/v1"), ("kind", "Job")):
        part = job[key]
        if part.value is not None and part.value != expected:
            yield Problem(
                part.path,
                f"{shown(part.value)} is not {expected}",
                f"Write {expected} or leave it out",
            )
    spec = job["spec"]
    pod = spec["template"]["spec"]
    wrong = [
        problem
        for part in (job["metadata"], spec, spec["template"], spec["template"]["metadata"], pod)
        for problem in part.wrong_type(dict, "a mapping")
    ]
    if wrong:
        yield from wrong
        return
    problems = [
        *_job_numbers(spec),
        *_restart_policy(pod["restartPolicy"], pod_failure_policy=pod_failure_policy),
        *_containers(pod),
    ]
    yield from problems
    told = {problem.path for problem in problems}
    yield from (p for p in misshapen(job.path, job.value, JOB) if p.path not in told)


def _job_numbers(spec: Part) -> Iterator[Problem]:
    for key, least, most in (
        ("backoffLimit", 0, INT32_MAX),
        ("activeDeadlineSeconds", 1, INT32_MAX),
        ("ttlSecondsAfterFinished", 0, INT32_MAX),
        ("completions", 1, MOST_PODS),
        ("parallelism", 1, MOST_PODS),
    ):
        part = spec[key]
        if part.value is None:
            continue
        if isinstance(part.value, bool) or not isinstance(part.value, int):
            yield Problem(part.path, "must be a whole number", "Write a number without quotes")
        elif part.value < least:
            yield Problem(
                part.path,
                f"must be at least {least}, not {shown(part.value)}",
                f"Write {least} or more",
            )
        elif part.value > most:
            cure = "Split the step" if most == MOST_PODS else "Write a smaller number"
            yield Problem(part.path, f"{shown(part.value)} is more than {most}", cure)
    mode = spec["completionMode"]
    if mode.value not in (None, "NonIndexed", "Indexed"):
        yield Problem(
            mode.path, f"{shown(mode.value)} does not exist", "Write Indexed or NonIndexed"
        )
    elif mode.value == "Indexed" and spec["completions"].value is None:
        yield Problem(mode.path, "Indexed needs completions", "Write completions beside it")


def _restart_policy(part: Part, *, pod_failure_policy: bool) -> Iterator[Problem]:
    if part.value not in (None, "Never", "OnFailure"):
        yield Problem(
            part.path, f"a Job cannot use {shown(part.value)}", "Write Never or OnFailure"
        )
    elif part.value == "OnFailure" and pod_failure_policy:
        yield Problem(
            part.path,
            "podFailurePolicy sees no exit codes with OnFailure, the kubelet restarts in place",
            "Write restartPolicy: Never, or remove executionPolicy.podFailurePolicy",
        )


def _containers(pod: Part) -> Iterator[Problem]:
    containers = pod["containers"]
    if not containers.value:
        yield Problem(
            containers.path, "the template has no containers", "Add one with a name and an image"
        )
    names: set[str] = set()
    for part in (pod["initContainers"], containers):
        if isinstance(part.value, list) and len(part.value) > MOST_CONTAINERS:
            words = f"has more than {MOST_CONTAINERS} containers"
            yield Problem(part.path, words, "Run them as steps")
            continue
        wrong = part.wrong_type(list, "a list")
        yield from wrong
        if wrong or part.value is None:
            continue
        for index, value in enumerate(part.value):
            yield from _container(Part((*part.path, index), value), names)


def _container(container: Part, names: set[str]) -> Iterator[Problem]:
    if not isinstance(container.value, dict):
        yield Problem(container.path, "must be a mapping", "Write a name and an image")
        return
    for key, example in (("name", "main"), ("image", "busybox:1.36")):
        part = container[key]
        if not isinstance(part.value, str) or not part.value.strip():
            yield Problem(part.path, f"the container has no {key}", f"Write `{key}: {example}`")
    name = container["name"].value
    if isinstance(name, str):
        if name in names:
            yield Problem(
                container["name"].path, f"another container is called '{name}'", "Rename one"
            )
        names.add(name)
    yield from resources(container["resources"].path, container["resources"].value)
