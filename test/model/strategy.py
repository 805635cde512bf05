"""What the server does to an object between the request and the store.

System fields are the server's alone: uid, creationTimestamp, generation, deletionTimestamp. A write
to the object leaves `status` as it was, a write to /status leaves everything else (for custom
resources even labels; Jobs and Pods let metadata through). The generation counts changes of what
is neither metadata nor status.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

from model import defaults, schema
from model.errors import ApiError, bad_request, conflict, invalid
from model.kinds import CLAIMS, JOBFLOWS, NAMESPACES, PODS, Kind
from model.storage import Object, Record

GENERATED = "bcdfghjklmnpqrstvwxz2456789"  # no vowels, so that no name spells a word
SYSTEM = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")

_NAME = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
LABEL_KEY = re.compile(
    r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
)
_LABEL_VALUE = re.compile(r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")
_RFC_1123 = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


def timestamp(now: float) -> str:
    return datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def suffix(random: Random) -> str:
    return "".join(random.choices(GENERATED, k=5))


def fresh_uid(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))


def prepare_create(kind: Kind, namespace: str, body: Any, now: float, random: Random) -> Object:
    """The object to store for a POST, or the server's refusal."""
    metadata = dict(check_shape(kind, namespace, body))
    if metadata.get("resourceVersion"):
        raise ApiError(500, "", "resourceVersion should not be set on objects to be created", {})
    prefix = metadata.get("generateName")
    if not metadata.get("name") and prefix:
        metadata["name"] = prefix[:58] + suffix(random)
    if not metadata.get("name"):
        text = "Required value: name or generateName is required"
        raise invalid(kind, "", [("FieldValueRequired", text, "metadata.name")])
    _check_name(kind, metadata["name"])
    _check_labels(kind, metadata["name"], metadata)
    for field in SYSTEM:
        metadata.pop(field, None)
    if namespace:
        metadata["namespace"] = namespace
    metadata |= {"uid": fresh_uid(random), "creationTimestamp": timestamp(now)}
    if kind.generation:  # other kinds keep even a generation that the client made up
        metadata["generation"] = 1
    obj = {**body, "apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata}
    if kind.status:
        obj.pop("status", None)
        if kind is not JOBFLOWS:
            obj["status"] = _first_status(kind)
    return defaults.on_create(kind, schema.shape(kind, obj) if kind.custom else obj)


def _first_status(kind: Kind) -> Object:
    if kind is PODS:
        return {"phase": "Pending", "qosClass": "BestEffort"}
    if kind is NAMESPACES:
        return {"phase": "Active"}
    return {"phase": "Pending"} if kind is CLAIMS else {}


def check_shape(kind: Kind, namespace: str, body: Any) -> Mapping[str, Any]:
    """The checks that any body must pass; returns its metadata."""
    if not isinstance(body, dict) or not isinstance(body.get("metadata", {}), dict):
        raise bad_request("the object provided is unrecognized (must be of type object)")
    said = (body.get("apiVersion", kind.api_version), body.get("kind", kind.kind))
    if said != (kind.api_version, kind.kind):
        raise bad_request(f'{said[1]} in version "{said[0]}" cannot be handled as a {kind.kind}')
    metadata: Mapping[str, Any] = body.get("metadata") or {}
    if metadata.get("namespace") not in (None, "", namespace):
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    return metadata


def _check_name(kind: Kind, name: str) -> None:
    if len(name) > 253:
        raise _bad_name(kind, name, "must be no more than 253 characters")
    if not _NAME.match(name):
        raise _bad_name(kind, name, _RFC_1123)


def _bad_name(kind: Kind, name: str, why: str) -> ApiError:
    text = f'Invalid value: "{name}": {why}'
    return invalid(kind, name, [("FieldValueInvalid", text, "metadata.name")])


def _check_labels(kind: Kind, name: str, metadata: Mapping[str, Any]) -> None:
    for key, value in (metadata.get("labels") or {}).items():
        if not LABEL_KEY.match(key) or len(key.rpartition("/")[2]) > 63:
            text = f'Invalid value: "{key}": name part must consist of alphanumeric characters'
        elif len(value) > 63:
            text = f'Invalid value: "{value}": must be no more than 63 bytes'
        elif value and not _LABEL_VALUE.match(value):
            text = f'Invalid value: "{value}": a valid label must be an empty string or consist of '
            text += "alphanumeric characters, '-', '_' or '.'"
        else:
            continue
        raise invalid(kind, name, [("FieldValueInvalid", text, "metadata.labels")])


def prepare_update(record: Record, body: Any, subresource: str) -> Object:
    """The next version of an object, its resourceVersion aside, or the server's refusal."""
    kind, old = record.kind, record.obj
    metadata = check_shape(kind, record.namespace, body)
    _check_version(record, metadata.get("resourceVersion"))
    obj = {**body, "apiVersion": kind.api_version, "kind": kind.kind}
    if subresource == "status":
        obj = _status_write(record, obj)
    elif kind.status:
        obj.pop("status", None)
        if "status" in old:
            obj["status"] = old["status"]
    obj["metadata"] = _next_metadata(record, obj["metadata"])
    if kind.custom:
        obj = schema.shape(kind, obj, old)
    if kind.generation and _content(kind, obj) != _content(kind, old):
        obj["metadata"]["generation"] = old["metadata"]["generation"] + 1
    if subresource != "status":
        obj = defaults.on_update(kind, obj, old)
    return obj


def _check_version(record: Record, wanted: str | None) -> None:
    kind = record.kind
    if wanted in (None, "", "0"):
        if not kind.unconditional_update:
            text = "Invalid value: 0: must be specified for an update"
            # The server fills the kind's place with the resource here, and says so itself.
            misnamed = replace(kind, kind=kind.plural)
            cause = ("FieldValueInvalid", text, "metadata.resourceVersion")
            raise invalid(misnamed, record.name, [cause])
    elif wanted != str(record.rv):
        raise conflict(kind, record.name)


def _status_write(record: Record, obj: Object) -> Object:
    old = record.obj
    if record.kind.custom:
        result = {key: value for key, value in old.items() if key != "status"}
    else:
        result = {**old, "metadata": obj["metadata"]}
        result.pop("status", None)
        if record.kind is PODS:
            owners = old["metadata"].get("ownerReferences")
            result["metadata"] = {**obj["metadata"], "ownerReferences": owners}
            if owners is None:
                result["metadata"].pop("ownerReferences")
    if "status" in obj:
        result["status"] = obj["status"]
    return result


def _next_metadata(record: Record, metadata: Mapping[str, Any]) -> Object:
    kind, old = record.kind, record.metadata
    result = dict(metadata)
    if result.get("uid", record.uid) != record.uid:
        text = f'Invalid value: "{result["uid"]}": field is immutable'
        raise invalid(kind, record.name, [("FieldValueInvalid", text, "metadata.uid")])
    if result.get("name", record.name) != record.name:
        message = f"the name of the object ({result['name']}) does not match the name on the URL"
        raise bad_request(f"{message} ({record.name})")
    _check_labels(kind, record.name, result)
    for field in ("name", "namespace", "resourceVersion", "generation", *SYSTEM):
        if field in old:
            result[field] = old[field]
        else:
            result.pop(field, None)
    for field in ("labels", "annotations", "finalizers", "ownerReferences"):
        if not result.get(field):
            result.pop(field, None)  # empty is absent, so clearing twice is no second change
    if "deletionTimestamp" in old:
        added = set(result.get("finalizers") or ()) - set(old.get("finalizers") or ())
        if added:
            text = (
                "Forbidden: no new finalizers can be added if the object is being deleted, "
                f"found new finalizers {sorted(added)!r}"
            )
            cause = ("FieldValueForbidden", text, "metadata.finalizers")
            raise invalid(kind, record.name, [cause])
    return result


def _content(kind: Kind, obj: Object) -> Any:
    if kind.custom:
        return {k: v for k, v in obj.items() if k not in ("metadata", "status")}
    return obj.get("spec")
