"""GET of a collection: which version of it, which part of it, and the token for the next part.

Pages are consistent: the continue token names the version of the first page, and later pages show
the collection as it was then. When that is forgotten the answer is 410 with a token that goes on
at the present instead.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import msgspec

from model.errors import ApiError, bad_request, expired_continue, invalid, too_large_version
from model.kinds import Kind
from model.routes import Route
from model.selectors import selector
from model.storage import Key, Record, Storage

LATEST = -1  # in a token: whatever is there now


def list_records(storage: Storage, route: Route, query: Mapping[str, str]) -> bytes:
    """The body of the list a GET of a collection answers with."""
    kind = route.kind
    matches = selector(kind, query.get("labelSelector", ""), query.get("fieldSelector", ""))
    limit = int(query.get("limit") or 0)
    token = query.get("continue", "")
    start: Key | None = None
    if token:
        if query.get("resourceVersion") not in (None, "", "0"):
            raise bad_request("specifying resource version is not allowed when using continue")
        rv, start = _decode(token)
    else:
        rv, exact = _version(storage, query, limit)
        if query.get("resourceVersion") == "0":
            limit = 0  # the watch cache answers, and it does not cut into pages
        if not exact:
            rv = LATEST
    if rv == LATEST:
        rv = storage.rv
        records = storage.select(kind, route.namespace)
    else:
        records = _past(storage, kind, rv, route.namespace, start)
    if start is not None:
        records = [record for record in records if record.key > start]
    if matches is not None:
        records = [record for record in records if matches(record)]
    metadata: dict[str, Any] = {"resourceVersion": str(rv)}
    if limit and len(records) > limit:
        metadata["continue"] = _encode(rv, records[limit - 1].key)
        if matches is None:  # with a selector the server does not know how many more there are
            metadata["remainingItemCount"] = len(records) - limit
        records = records[:limit]
    return b'{"kind":"%sList","apiVersion":"%s","metadata":%s,"items":[%s]}' % (
        kind.kind.encode(),
        kind.api_version.encode(),
        msgspec.json.encode(metadata),
        b",".join([record.item for record in records]),
    )


def _past(storage: Storage, kind: Kind, rv: int, namespace: str, start: Key | None) -> list[Record]:
    records = storage.snapshot(kind, rv)
    if records is None:
        if start is not None:
            raise expired_continue(_encode(LATEST, start))
        raise ApiError(410, "Expired", "The resourceVersion for the provided list is too old.")
    return [record for record in records if namespace in ("", record.namespace)]


def _version(storage: Storage, query: Mapping[str, str], limit: int) -> tuple[int, bool]:
    """The version asked for, and whether exactly that one is meant."""
    text = query.get("resourceVersion", "")
    match = query.get("resourceVersionMatch")
    if match is not None and not text:
        why = "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
        cause = ("FieldValueForbidden", why, "resourceVersionMatch")
        raise invalid(_LIST_OPTIONS, "", [cause])
    if text and not text.isdigit():
        raise bad_request(f"Invalid value: {text!r}: invalid resource version")
    rv = int(text or 0)
    if rv > storage.rv:
        raise too_large_version(rv, storage.rv)
    exact = rv > 0 and (match == "Exact" or (match is None and limit > 0))
    return rv, exact


def _encode(rv: int, key: Key) -> str:
    body = {"v": "meta.k8s.io/v1", "rv": rv, "start": "/".join(key) + "\0"}
    return base64.urlsafe_b64encode(msgspec.json.encode(body)).decode().rstrip("=")


def _decode(token: str) -> tuple[int, Key]:
    try:
        body = msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, _, name = str(body["start"]).rstrip("\0").rpartition("/")
        return int(body["rv"]), (namespace, name)
    except (ValueError, KeyError, TypeError) as error:
        raise bad_request(f"continue key is not valid: {error}") from error


_LIST_OPTIONS = Kind("meta.k8s.io", "v1", "listoptions", "ListOptions")
