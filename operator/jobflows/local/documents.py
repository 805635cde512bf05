"""The flow of a run, as it is stored and steered: what a person gave, completed.

Like an object on a cluster it has a name, a uid and annotations. What was said beside the file
(parameters, a deadline, failFast) is written into its spec, so that it needs to be said only once.
"""

from __future__ import annotations

import difflib
import getpass
import math
import os
import secrets
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from jobflows.api.model import CREATED_BY
from jobflows.api.validation import check
from jobflows.api.validation.problems import listed
from jobflows.engine import CompiledFlow
from jobflows.local.errors import InvalidFlowError, UnknownParameterError
from jobflows.local.sources import referenced_keys

SUFFIX = 5
"""Characters that complete a generateName."""


def completed(
    document: Mapping[str, Any],
    *,
    uid: str,
    fail_fast: bool | None = None,
    timeout: float | None = None,
    is_checked: bool = False,
) -> dict[str, Any]:
    """A flow's document with a name, a uid and a namespace.

    Raises `InvalidFlowError`, unless somebody else has checked it.
    """
    problems = [] if is_checked else check(document).problems
    if problems:
        raise InvalidFlowError(problems)
    made = {**document, "metadata": dict(document["metadata"]), "spec": dict(document["spec"])}
    metadata = made["metadata"]
    if not metadata.get("name"):
        metadata["name"] = metadata["generateName"] + secrets.token_hex(SUFFIX)[:SUFFIX]
    metadata |= {"namespace": metadata.get("namespace") or "default", "uid": uid, "generation": 1}
    metadata["annotations"] = {**(metadata.get("annotations") or {}), CREATED_BY: _user()}
    made.pop("status", None)
    policy = made["spec"]["executionPolicy"] = dict(made["spec"].get("executionPolicy") or {})
    if fail_fast is not None:
        policy["failFast"] = fail_fast
    if timeout is not None:
        policy["activeDeadlineSeconds"] = max(1, math.ceil(timeout))
    return made


def with_parameters(
    document: Mapping[str, Any], flow: CompiledFlow, values: Mapping[str, str]
) -> dict[str, Any]:
    """The document with new values of its parameters.

    Values of inputs that read ConfigMaps and Secrets are no part of it. Raises
    `UnknownParameterError`.
    """
    check_parameters(flow, values)
    spec = dict(document["spec"])
    if values.keys() & flow.parameters.keys():
        spec["parameters"] = [
            {**each, "value": values.get(each["name"], each["value"])}
            for each in spec["parameters"]
        ]
    return {**document, "spec": spec}


def check_parameters(flow: CompiledFlow, names: Iterable[str]) -> None:
    """Refuse what is no parameter of the flow, nor of an input that reads a ConfigMap or Secret.

    Raises `UnknownParameterError`.
    """
    known = {*flow.parameters, *referenced_keys(flow)}
    for name in names:
        if name not in known:
            raise UnknownParameterError(_unknown(name, known))


def outside_values(flow: CompiledFlow, values: Mapping[str, str]) -> list[str]:
    """The names of those values that stand for ConfigMaps and Secrets, and are not stored."""
    return sorted(values.keys() & referenced_keys(flow).keys())


def annotated(document: Mapping[str, Any], changes: Mapping[str, str | None]) -> dict[str, Any]:
    """The document with other annotations; None takes one off."""
    metadata = dict(document["metadata"])
    found = {**(metadata.get("annotations") or {}), **changes}
    metadata["annotations"] = {name: value for name, value in found.items() if value is not None}
    return {**document, "metadata": metadata}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"user {os.getuid()}"


def _unknown(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    has = f"it has {listed(sorted(known))}" if known else "it has none"
    return f"the flow has no parameter '{name}', {has}{hint}"
