"""A template of Argo that runs something, as the Job that steps share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from jobflows.api.validation import Path
from jobflows.cli.convert.argo.policies import retry_policy, timeout_seconds
from jobflows.cli.convert.argo.values import Scope, translate
from jobflows.cli.convert.source import Part, strings

RUNS = ("container", "script")
NOT_RUN = ("resource", "http", "data", "plugin", "containerSet")
"""Kinds of templates that are no pod of one container."""

POD_FIELDS = {
    "affinity": "affinity",
    "automountServiceAccountToken": "automountServiceAccountToken",
    "dnsConfig": "dnsConfig",
    "dnsPolicy": "dnsPolicy",
    "hostAliases": "hostAliases",
    "hostNetwork": "hostNetwork",
    "imagePullSecrets": "imagePullSecrets",
    "nodeSelector": "nodeSelector",
    "podPriorityClassName": "priorityClassName",
    "priorityClassName": "priorityClassName",
    "schedulerName": "schedulerName",
    "securityContext": "securityContext",
    "serviceAccountName": "serviceAccountName",
    "tolerations": "tolerations",
}
"""Fields of a workflow or a template that are a pod's, by the pod's names."""

INTERPRETERS = {
    "sh": "-c", "bash": "-c", "ash": "-c", "dash": "-c", "zsh": "-c",
    "python": "-c", "python3": "-c", "python2": "-c",
    "node": "-e", "perl": "-e", "ruby": "-e",
}  # fmt: skip
"""How to hand a program over as an argument, by the name of what reads it."""

_WHY = {
    "podSpecPatch": "change the template itself; memory grows by retryPolicy.resources",
    "memoize": "a resume keeps what succeeded; nothing is kept from one flow to the next",
    "metrics": "the operator has metrics of its own",
    "hooks": "steps that depend on this one, or onExit, do the same",
    "daemon": "a step ends; run the service in a Deployment, or as a sidecar",
    "archiveLocation": "logs stay with their pods",
    "executor": "there is no executor in the pod",
    "parallelism": "use executionPolicy.parallelism, templates[].parallelism or array.parallelism",
    "priority": "use priorityClassName",
    "failFast": "use executionPolicy.failFast",
}


def runs(template: Part) -> bool:
    """Whether it is a container or a script."""
    return any(kind in template for kind in RUNS)


def step_template(template: Part, spec: Part, name: str, scope: Scope) -> dict[str, Any]:
    """One of `spec.templates`."""
    notes = template.notes
    pod = {**_pod_fields(spec, scope), **_pod_fields(template, scope)}
    containers = [_main(template, scope)]
    sidecars = [
        _extra(part, scope) | {"restartPolicy": "Always"} for part in template.parts("sidecars")
    ]
    init = [_extra(part, scope) for part in template.parts("initContainers")]
    pod["containers"] = containers
    if init or sidecars:
        pod["initContainers"] = [*sidecars, *init]
    volumes = [*_volumes(spec, "volumes"), *_volumes(template, "volumes"), *_claims(spec)]
    used = {name for each in (*containers, *init, *sidecars) for name in _mounted(each)}
    if mounted := [volume for volume in volumes if str(volume.get("name")) in used]:
        pod["volumes"] = translate(mounted, scope, template.at("volumes"), notes)
    metadata = _metadata(spec.mapping("podMetadata"), template.mapping("metadata"))
    metadata = translate(metadata, scope, template.at("metadata"), notes)
    for key, why in _WHY.items():
        template.lose(key, why)
    made: dict[str, Any] = {"name": name}
    if (seconds := timeout_seconds(template)) is not None:
        made["timeoutSeconds"] = seconds
    if retries := retry_policy(template):
        made["retryPolicy"] = retries
    inner = {**({"metadata": metadata} if metadata else {}), "spec": pod}
    made["template"] = {"spec": {"template": inner}}
    return made


def has_command(template: Part) -> bool:
    """Whether a shell can fill in the values of tasks: there is a command, and they stand nowhere
    but in it, its arguments and its environment."""
    if "script" in template:
        return True
    container = template.value.get("container")
    if not isinstance(container, Mapping) or not container.get("command"):
        return False
    kept = (template.value.keys() - _WHY.keys()) - {"container", "inputs"}
    elsewhere = {key: template.value[key] for key in kept}
    elsewhere |= {k: v for k, v in container.items() if k not in ("command", "args", "env")}
    return not any(
        "{{inputs.parameters." in re.sub(r"\s", "", text) for _, text in strings(elsewhere)
    )


def _main(template: Part, scope: Scope) -> dict[str, Any]:
    script = template.part("script")
    if script is None:
        container = template.part("container")
        assert container is not None
        return {"name": "main", **_container(container, scope)}
    source, command = script.text("source"), script.listing("command", "strings")
    rest = {"name": "main", **_container(script, scope)}
    source = translate(source or "", scope, script.at("source"), template.notes)
    program = (command or ["sh"])[0].rpartition("/")[2]
    if program not in INTERPRETERS:
        words = (
            f"nobody knows how '{program}' takes a program as an argument; write command and args"
        )
        template.notes.lost(script.at("source"), words)
    return rest | {
        "command": [*(command or ["sh"]), INTERPRETERS.get(program, "-c")],
        "args": [source],
    }


def _container(part: Part, scope: Scope) -> dict[str, Any]:
    """All of it but what is Argo's own."""
    part.lose("mirrorVolumeMounts", "repeat the volumeMounts")
    given = {
        key: part.take(key)
        for key in part.value
        if key not in ("source", "mirrorVolumeMounts", "name")
    }
    made: dict[str, Any] = translate(given, scope, part.path, part.notes)
    part.take("name")
    return made


def _extra(part: Part, scope: Scope) -> dict[str, Any]:
    return {"name": part.value.get("name"), **_container(part, scope)}


def _mounted(container: Mapping[str, Any]) -> Iterator[str]:
    """The names of volumes; what makes no sense is for the validator to say."""
    for key in ("volumeMounts", "volumeDevices"):
        mounts = container.get(key)
        for mount in mounts if isinstance(mounts, list) else ():
            if isinstance(mount, Mapping):
                yield str(mount.get("name"))


def _pod_fields(part: Part, scope: Scope) -> dict[str, Any]:
    found = {}
    for key, name in POD_FIELDS.items():
        if (value := part.take(key)) is not None:
            found[name] = translate(value, scope, part.at(key), part.notes)
    return found


def _volumes(part: Part, key: str) -> list[dict[str, Any]]:
    return [dict(volume) for volume in part.listing(key)]


def _claims(spec: Part) -> list[dict[str, Any]]:
    claims = (claim.get("metadata") for claim in spec.listing("volumeClaimTemplates"))
    names = [claim.get("name") for claim in claims if isinstance(claim, Mapping)]
    return [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in names]


def _metadata(*parts: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for part in parts:
        for kind, values in (part or {}).items():
            made[kind] = {**made.get(kind, {}), **values} if isinstance(values, dict) else values
    return made


def why_not(template: Part) -> tuple[Path, str]:
    """Where and why a template is nothing that a Job could do."""
    kind = next((kind for kind in NOT_RUN if kind in template), "")
    for each in (kind, *template.value):
        template.take(each)
    where = template.at(kind) if kind else template.path
    what = f"a {kind} template" if kind else "a template of an unknown kind"
    return where, f"{what} runs no container; a Manual step stands in its place"
