"""One request in, one answer out: the server's verbs over the store, without time or faults."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import msgspec

from jobflows.cluster.transport import JSON, JSON_PATCH, MERGE_PATCH, Request
from model import deletion, patch
from model.errors import (
    ApiError,
    already_exists,
    bad_request,
    conflict,
    method_not_allowed,
    not_found,
    unsupported_media,
)
from model.kinds import CLAIMS, NAMESPACES, PODS
from model.lists import list_records
from model.routes import Route
from model.selectors import selector
from model.storage import Object, Record, Storage
from model.strategy import prepare_create, prepare_update

RETURN_DELETED = (PODS, CLAIMS, NAMESPACES)  # these answer DELETE with the object they removed

_COLLECTION = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}
_ITEM = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def verb_of(route: Route, request: Request) -> str:
    """The verb as audit logs and RBAC name it; a method that fits no verb is itself."""
    if request.method == "GET" and request.query.get("watch") in ("true", "1"):
        return "watch"
    verbs = _ITEM if route.name else _COLLECTION
    return verbs.get(request.method, request.method.lower())


class Verbs:
    """Everything but watch."""

    def __init__(self, storage: Storage, now: Callable[[], float], random: Random) -> None:
        self._storage = storage
        self._now = now
        self._random = random

    def answer(self, route: Route, request: Request) -> tuple[int, bytes]:
        """Status and body of a success; a refusal is raised as `ApiError`."""
        if route.subresource not in ("", "status"):
            raise not_found(route.kind, route.name)
        match verb_of(route, request):
            case "get":
                return 200, self.find(route).json
            case "list":
                return 200, list_records(self._storage, route, request.query)
            case "create":
                return 201, self.create(route, decode(request)).json
            case "update":
                return self._update(route, decode(request))
            case "patch":
                return 200, self._patch(route, request).json
            case "delete" if not route.subresource:
                return 200, self._delete(route, request)
            case "deletecollection" if route.namespace:
                return 200, self._delete_all(route, request)
            case _:
                raise method_not_allowed()

    def find(self, route: Route) -> Record:
        record = self._storage.get(route.kind, route.namespace, route.name)
        if record is None:
            raise not_found(route.kind, route.name)
        return record

    def create(self, route: Route, body: Any) -> Record:
        kind, namespace = route.kind, route.namespace
        if kind.namespaced and not namespace:
            raise method_not_allowed()
        obj = prepare_create(kind, namespace, body, self._now(), self._random)
        if namespace:
            home = self._storage.get(NAMESPACES, "", namespace)
            if home is None:
                raise not_found(NAMESPACES, namespace)
            if "deletionTimestamp" in home.metadata:
                raise _terminating(route, obj["metadata"]["name"])
        if self._storage.get(kind, namespace, obj["metadata"]["name"]) is not None:
            raise already_exists(kind, obj["metadata"]["name"])
        return self._storage.put(kind, obj)

    def store(self, record: Record, obj: Object) -> Record:
        """Keep a new version, unless nothing changed; the last finalizer's end is the object's."""
        if obj == record.obj:
            return record
        if deletion.finished(obj):
            # As in the real server the version without finalizers is never written: watchers see
            # DELETED with the state before, the caller gets what it sent.
            self._storage.remove(record)
            return Record(record.kind, obj, record.rv)
        return self._storage.put(record.kind, obj)

    def _update(self, route: Route, body: Any) -> tuple[int, bytes]:
        name = (body.get("metadata") or {}).get("name") if isinstance(body, dict) else None
        if name != route.name:
            message = f"the name of the object ({name}) does not match the name on the URL"
            raise bad_request(f"{message} ({route.name})")
        record = self._storage.get(route.kind, route.namespace, route.name)
        if record is None:
            if route.kind.create_on_update and not route.subresource:
                return 201, self.create(route, body).json
            raise not_found(route.kind, route.name)
        uid = body["metadata"].get("uid")
        if uid and uid != record.uid:
            why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: "
            raise conflict(route.kind, route.name, why + record.uid)
        return 200, self.store(record, prepare_update(record, body, route.subresource)).json

    def _patch(self, route: Route, request: Request) -> Record:
        if request.content_type not in (MERGE_PATCH, JSON_PATCH):
            raise _unsupported_patch(route, request.content_type)
        change = _json(request.body)
        record = self.find(route)
        if request.content_type == MERGE_PATCH:
            if not isinstance(change, dict):
                raise bad_request("Invalid JSON Patch")
            body = patch.merge(record.obj, change)
        else:
            body = patch.apply(record.obj, change)
        return self.store(record, prepare_update(record, body, route.subresource))

    def _delete(self, route: Route, request: Request) -> bytes:
        options = deletion.parse(_json(request.body) if request.body else {}, dict(request.query))
        record = self.find(route)
        if route.kind is NAMESPACES:
            options = deletion.Options("Foreground", None, options.uid, options.resource_version)
        last, gone = deletion.delete(self._storage, record, self._now(), options)
        if not gone or route.kind in RETURN_DELETED:
            return last.json
        details = {"name": record.name, "group": route.kind.group, "kind": route.kind.plural}
        if not route.kind.group:
            del details["group"]
        details["uid"] = record.uid
        return _success(details)

    def _delete_all(self, route: Route, request: Request) -> bytes:
        options = deletion.parse(_json(request.body) if request.body else {}, dict(request.query))
        query = request.query
        matches = selector(
            route.kind, query.get("labelSelector", ""), query.get("fieldSelector", "")
        )
        body = list_records(self._storage, route, query)
        for record in self._storage.select(route.kind, route.namespace):
            if matches is None or matches(record):
                deletion.delete(self._storage, record, self._now(), options)
        return body


def _unsupported_patch(route: Route, content_type: str) -> ApiError:
    if route.kind.custom:
        accepted = [JSON_PATCH, MERGE_PATCH, "application/apply-patch+yaml"]
        return unsupported_media(accepted)
    if content_type.startswith(("application/strategic-merge", "application/apply-patch")):
        raise NotImplementedError(f"the model has no {content_type}, which the real server has")
    return ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})


def decode(request: Request) -> Any:
    if request.content_type.partition(";")[0] != JSON:
        raise unsupported_media([JSON, "application/yaml", "application/vnd.kubernetes.protobuf"])
    return _json(request.body)


def _json(body: bytes | None) -> Any:
    try:
        return msgspec.json.decode(body or b"")
    except msgspec.DecodeError as error:
        raise bad_request(f"couldn't get version/kind; json parse error: {error}") from error


def _terminating(route: Route, name: str) -> ApiError:
    kind, namespace = route.kind, route.namespace
    message = (
        f'{kind.qualified} "{name}" is forbidden: unable to create new content in namespace '
        f"{namespace} because it is being terminated"
    )
    cause = {
        "reason": "NamespaceTerminating",
        "message": f"namespace {namespace} is being terminated",
        "field": "metadata.namespace",
    }
    return ApiError(403, "Forbidden", message, {"name": name, "causes": [cause]})


def _success(details: dict[str, str]) -> bytes:
    return msgspec.json.encode(
        {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Success",
            "details": details,
        }
    )
