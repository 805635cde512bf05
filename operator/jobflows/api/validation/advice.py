"""Advice: what a flow may do, and is better not to.

Shown by `jobflow lint` and as admission warnings, never a reason to refuse. Only flows without
problems come here. Each rule speaks of what costs somebody a night: a value that everybody can
read, a limit that is never reached, an image that changes between two tries.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from jobflows.api.containers import main_container
from jobflows.api.model import JobFlow
from jobflows.api.placeholders import has_any
from jobflows.api.policy import RetryPolicy
from jobflows.api.validation import graph, growth
from jobflows.api.validation.places import places
from jobflows.api.validation.problems import Path, Problem, Spelling

CHAIN = 50
"""Steps from which on a flow in which nothing runs side by side is worth a word."""

_SECRET = re.compile(
    r"(?:^|[-_.])(?:passw(?:or)?d|passphrase|secret|token|credentials?|(?:api|access|private|secret)"
    r"[-_]?key)$",
    re.IGNORECASE,
)


def advice(flow: JobFlow) -> Iterator[Problem]:
    """All warnings about a flow, in no order."""
    yield from _images(flow)
    yield from _plain_secrets(flow)
    yield from _unreached_limits(flow)
    yield from _growth_without_limit(flow)
    yield from _time_to_live(flow)
    yield from _chain(flow)


def _warning(path: Path, message: str, cure: str) -> Problem:
    return Problem(path, message, cure, severity="warning")


def _images(flow: JobFlow) -> Iterator[Problem]:
    told: set[str] = set()
    for path, container in _containers(flow):
        image = container.get("image")
        if isinstance(image, str) and image not in told and _is_floating(image):
            told.add(image)
            yield _warning(
                (*path, "image"),
                f"'{image}' may be another program at each attempt",
                "Write a tag other than latest, or a digest",
            )


def _is_floating(image: str) -> bool:
    if has_any(image) or "@" in image:
        return False
    _, _, tag = image.rpartition("/")[2].partition(":")
    return tag in ("", "latest")


def _plain_secrets(flow: JobFlow) -> Iterator[Problem]:
    cure = "Put it into a Secret and refer to it by secretKeyRef"
    for index, parameter in enumerate(flow.spec.parameters):
        if _is_plain_secret(parameter.name, parameter.value):
            path: Path = ("spec", "parameters", index, "value")
            yield _warning(path, f"whoever can read the flow can read '{parameter.name}'", cure)
    for path, container in _containers(flow):
        variables = container.get("env")
        for index, variable in enumerate(variables if isinstance(variables, list) else ()):
            if not isinstance(variable, Mapping):
                continue
            name = variable.get("name")
            if _is_plain_secret(name, variable.get("value")):
                where = (*path, "env", index, "value")
                yield _warning(where, f"whoever can read the flow can read '{name}'", cure)


def _is_plain_secret(name: Any, value: Any) -> bool:
    """Whether a value seems to be a secret itself, and no path to one or name of one."""
    if not isinstance(name, str) or not isinstance(value, str) or not _SECRET.search(name):
        return False
    return bool(value) and not value.startswith("/") and "$(" not in value and not has_any(value)


def _unreached_limits(flow: JobFlow) -> Iterator[Problem]:
    policy = flow.spec.execution_policy
    levels: list[tuple[Path, int | None, RetryPolicy | None]] = [
        (("spec", "executionPolicy"), policy.timeout_seconds, policy.retry_policy),
        *(
            (("spec", "templates", index), template.timeout_seconds, template.retry_policy)
            for index, template in enumerate(flow.spec.templates)
        ),
        *((path, step.timeout_seconds, step.retry_policy) for path, step in places(flow)),
    ]
    deadline, budget = policy.active_deadline_seconds, policy.backoff_limit
    for path, timeout, retry in levels:
        if deadline is not None and timeout is not None and timeout >= deadline:
            yield _warning(
                (*path, "timeoutSeconds"),
                f"{timeout} s are never reached: activeDeadlineSeconds ends the flow"
                f" after {deadline} s",
                "Lower it, or raise executionPolicy.activeDeadlineSeconds",
            )
        if retry is not None and "limit" in retry.model_fields_set and retry.limit > budget:
            yield _warning(
                (*path, "retryPolicy", "limit"),
                f"{retry.limit} retries are never reached: all steps together have {budget}",
                "Lower it, or raise executionPolicy.backoffLimit",
            )


def _growth_without_limit(flow: JobFlow) -> Iterator[Problem]:
    told: set[Path] = set()
    for use in growth.each_use(flow):
        path = (*use.path, "memory")
        if "memory" not in use.growing or path in told or use.start("memory") is None:
            continue
        resources = main_container(use.job).get("resources")
        limits = resources.get("limits") if isinstance(resources, Mapping) else None
        if not isinstance(limits, Mapping) or limits.get("memory") is None:
            told.add(path)
            yield _warning(
                path,
                "a container without limits.memory is stopped only when its node has none left",
                "Set resources.limits.memory of the main container",
            )


def _time_to_live(flow: JobFlow) -> Iterator[Problem]:
    if flow.spec.execution_policy.ttl_seconds_after_finished == 0:
        yield _warning(
            ("spec", "executionPolicy", "ttlSecondsAfterFinished"),
            "the flow is deleted the moment it ends, with its status and its logs",
            "Write the seconds that somebody needs to look at it",
        )


def _chain(flow: JobFlow) -> Iterator[Problem]:
    count = len(flow.spec.steps)
    if count < CHAIN:
        return
    steps = graph.build(flow, Spelling())
    depth = [1] * len(steps.parents)
    for step in steps.order:
        depth[step] = 1 + max((depth[parent] for parent in steps.parents[step]), default=0)
    longest = max(depth[:count])
    if longest >= 0.9 * count:
        yield _warning(
            ("spec", "steps"),
            f"{longest} of {count} steps wait for one another, so hardly any run side by side",
            "Leave out dependencies that nothing needs, or do the work of several steps in one",
        )


def _containers(flow: JobFlow) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The containers of all templates, those of a shared template once."""
    jobs: list[tuple[Path, Any]] = [
        (("spec", "templates", index, "template"), shared.template)
        for index, shared in enumerate(flow.spec.templates)
    ]
    jobs += [((*path, "template"), step.template) for path, step in places(flow)]
    for path, job in jobs:
        pod = job
        for key in ("spec", "template", "spec"):
            pod = pod.get(key) if isinstance(pod, Mapping) else None
        if not isinstance(pod, Mapping):
            continue
        for group in ("initContainers", "containers"):
            found = pod.get(group)
            for index, container in enumerate(found if isinstance(found, list) else ()):
                if isinstance(container, Mapping):
                    yield (*path, "spec", "template", "spec", group, index), container
