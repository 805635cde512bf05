"""Resources of containers, and the resource templates of the flow."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from jobflows.api.model import JobFlow
from jobflows.api.placeholders import has_any
from jobflows.api.quantities import parse_quantity
from jobflows.api.validation.names import GENERATED, NAME_MAX, duplicates, is_object_name
from jobflows.api.validation.problems import Path, Problem
from jobflows.api.validation.shapes import META, STRINGS, misshapen

OBJECT = {"metadata": META, "data": STRINGS, "binaryData": STRINGS, "spec": dict}
"""What of a PVC or a ConfigMap is more than passed on."""


def resources(path: Path, value: Any) -> Iterator[Problem]:
    """Requests and limits are positive quantities, and no request is above its limit."""
    if value is None:
        return
    if not isinstance(value, dict):
        yield Problem(path, "must be a mapping", "Write requests and limits")
        return
    amounts: dict[str, dict[str, Decimal]] = {}
    for key in ("requests", "limits"):
        amounts[key] = {}
        yield from _amounts((*path, key), value.get(key), amounts[key])
    for name, limit in amounts["limits"].items():
        request = amounts["requests"].get(name)
        if request is not None and request > limit:
            yield Problem(
                (*path, "limits", name),
                f"the limit {value['limits'][name]} is below the request {value['requests'][name]}",
                "Raise the limit or lower the request",
            )


def _amounts(path: Path, value: Any, into: dict[str, Decimal]) -> Iterator[Problem]:
    if value is None:
        return
    if not isinstance(value, dict):
        yield Problem(path, "must be a mapping", "Write lines such as `memory: 1Gi`")
        return
    for name, text in value.items():
        if isinstance(text, str) and has_any(text):
            continue  # known only when the step is about to start
        try:
            amount = parse_quantity(text)
        except ValueError as error:
            yield Problem((*path, name), str(error), "Write a quantity such as 500m, 2 or 1Gi")
            continue
        if amount <= 0:
            yield Problem(
                (*path, name), f"must be greater than zero, not {text}", "Raise it or leave it out"
            )
        into[name] = amount


def resource_templates(flow: JobFlow) -> Iterator[Problem]:
    """PVCs and ConfigMaps have names of their own that fit behind the flow's."""
    templates = flow.spec.resource_templates
    base: Path = ("spec", "resourceTemplates")
    for key, items in (
        ("volumeClaimTemplates", templates.volume_claim_templates),
        ("configMapTemplates", templates.config_map_templates),
    ):
        names = []
        for index, item in enumerate(items):
            path = (*base, key, index)
            names.append(_name(item))
            yield from _object_name((*path, "metadata", "name"), names[-1], flow)
            yield from misshapen(path, item, OBJECT)
            if key == "volumeClaimTemplates":
                yield from _claim(path, item)
        yield from (
            Problem((*problem.path[:-1], "metadata", "name"), problem.message, problem.cure)
            for problem in duplicates((*base, key), names, "template", "Rename one of them")
            if problem.message.split("'")[1]
        )


def _name(item: dict[str, Any]) -> str:
    metadata = item.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else ""


def _object_name(path: Path, name: str, flow: JobFlow) -> Iterator[Problem]:
    meta = flow.metadata
    length = len(meta.name) or len(meta.generate_name) + GENERATED
    if not name:
        yield Problem(path, "the template has no name", "Write metadata.name")
    elif not is_object_name(name):
        yield Problem(
            path, f"'{name}' is not a DNS name", "Use lower-case letters, digits and dashes"
        )
    elif length + 1 + len(name) > NAME_MAX:
        yield Problem(
            path,
            f"'<flow>-{name}' has {length + 1 + len(name)} characters",
            f"Shorten the flow's name or this one to {NAME_MAX} together",
        )


def _claim(path: Path, claim: dict[str, Any]) -> Iterator[Problem]:
    spec = claim.get("spec")
    spec = spec if isinstance(spec, dict) else {}
    modes = spec.get("accessModes")
    if not isinstance(modes, list) or not modes:
        yield Problem(
            (*path, "spec", "accessModes"), "accessModes is required", "Write [ReadWriteOnce]"
        )
    wanted: Any = spec
    for key in ("resources", "requests", "storage"):
        wanted = wanted.get(key) if isinstance(wanted, dict) else None
    where = (*path, "spec", "resources", "requests", "storage")
    try:
        if parse_quantity(wanted) <= 0:
            yield Problem(where, "must be greater than zero", "Write a size such as 10Gi")
    except ValueError:
        said = "is required" if wanted is None else f"'{wanted}' is not a quantity"
        yield Problem(where, said, "Write a size such as 10Gi")
