"""The parts of a Job template that JobFlow itself reads have the types that Kubernetes wants there.

A template passes through as it is, but not unread: placeholders are filled in, commands of arrays
are rewritten, labels are added, volumes renamed, and on one machine all of it is carried out. What
is read without care is listed here, so that a number in `command` is told of when the flow is
written, and brings down neither the building of a Job nor the operator. The rest is for the API
server, which says so when the Job is created.
"""

from collections.abc import Iterator
from typing import Any

from jobflows.api.validation.problems import Path, Problem, shown

Shape = Any
"""`str`, `int`, `dict`; `[shape]`: a list of such; `{"key": shape}`: a mapping of which these keys
are looked at, `{str: shape}`: one whose values all are such. What is absent or null is right."""

STRINGS: Shape = {str: str}
META: Shape = {"labels": STRINGS, "annotations": STRINGS}

_CONTAINER: Shape = {
    "command": [str],
    "args": [str],
    "workingDir": str,
    "terminationMessagePath": str,
    "env": [{"name": str, "value": str, "valueFrom": {str: dict}}],
    "envFrom": [{"prefix": str, "configMapRef": {"name": str}, "secretRef": {"name": str}}],
    "volumeMounts": [{"name": str, "mountPath": str, "subPath": str, "subPathExpr": str}],
}

_VOLUME: Shape = {
    "name": str,
    "persistentVolumeClaim": {"claimName": str},
    "configMap": {
        "name": str,
        "items": [{"key": str, "path": str, "mode": int}],
        "defaultMode": int,
    },
    "secret": {"secretName": str},
}

JOB: Shape = {
    "metadata": META,
    "spec": {
        "podFailurePolicy": {
            "rules": [{"action": str, "onExitCodes": {"operator": str, "values": [int]}}]
        },
        "template": {
            "metadata": META,
            "spec": {
                "nodeSelector": STRINGS,
                "tolerations": [dict],
                "priorityClassName": str,
                "activeDeadlineSeconds": int,
                "terminationGracePeriodSeconds": int,
                "volumes": [_VOLUME],
                "initContainers": [_CONTAINER],
                "containers": [_CONTAINER],
            },
        },
    },
}

_WANTED = {
    str: ("a string", "Put the value in quotes"),
    int: ("a whole number", "Write a number without quotes"),
    dict: ("a mapping", "Write indented lines of the form `key: value`"),
    list: ("a list", "Write one line `- item` for each item"),
}

_NEEDED = {"env": "name", "volumes": "name", "volumeMounts": "mountPath"}
"""What an item of these lists cannot be without."""


def misshapen(path: Path, value: Any, shape: Shape) -> Iterator[Problem]:
    """Each part of `value` that is of another type than `shape` says."""
    kind = type(shape) if isinstance(shape, dict | list) else shape
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        words, cure = _WANTED[kind]
        yield Problem(path, f"must be {words}, not {shown(value)}", cure)
    elif isinstance(shape, list):
        need = _NEEDED.get(str(path[-1]))
        for index, item in enumerate(value):
            yield from misshapen((*path, index), item, shape[0])
            if need is not None and isinstance(item, dict) and item.get(need) is None:
                yield Problem((*path, index, need), f"{need} is required", f"Write `{need}:`")
    elif kind is dict and shape is not dict:
        parts: dict[Any, Shape] = shape
        every = parts.get(str)
        for key in value if every else set(parts).intersection(value):
            if value[key] is not None or every is str:
                yield from misshapen((*path, key), value[key], every or parts[key])
