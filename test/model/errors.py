"""Refusals as the real server words them: a `Status` object and an HTTP code.

Clients decide by `code` and `reason`, people read `message`; all three are copied from
apimachinery's `errors` package so that a test may assert any of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from model.kinds import Kind


class ApiError(Exception):
    """Any answer that is not a success; `body` is the Status object on the wire."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: dict[str, Any] | None = None,
        *,
        retry_after: float | None = None,
        continue_token: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after
        metadata = {"continue": continue_token} if continue_token else {}
        self.status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": metadata,
            "status": "Failure",
            "message": message,
            "reason": reason,
        }
        if details is not None:
            if retry_after is not None:
                details = {**details, "retryAfterSeconds": int(retry_after)}
            self.status["details"] = details
        self.status["code"] = code

    @property
    def body(self) -> bytes:
        return msgspec.json.encode(self.status)


def _details(kind: Kind, name: str) -> dict[str, Any]:
    return {"name": name, **({"group": kind.group} if kind.group else {}), "kind": kind.plural}


def not_found(kind: Kind, name: str) -> ApiError:
    message = f'{kind.qualified} "{name}" not found'
    return ApiError(404, "NotFound", message, _details(kind, name))


def already_exists(kind: Kind, name: str) -> ApiError:
    message = f'{kind.qualified} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, _details(kind, name))


MODIFIED = (
    "the object has been modified; please apply your changes to the latest version and try again"
)


def conflict(kind: Kind, name: str, why: str = MODIFIED) -> ApiError:
    message = f'Operation cannot be fulfilled on {kind.qualified} "{name}": {why}'
    return ApiError(409, "Conflict", message, _details(kind, name))


def failed_precondition(kind: Kind, name: str, why: str) -> ApiError:
    """The conflict of a DELETE, which for some reason names the kind and not the resource."""
    group = {"group": kind.group} if kind.group else {}
    message = f'Operation cannot be fulfilled on {kind.qualified_kind} "{name}": {why}'
    return ApiError(409, "Conflict", message, {"name": name, **group, "kind": kind.kind})


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def no_such_resource() -> ApiError:
    message = "the server could not find the requested resource"
    return ApiError(404, "NotFound", message, {})


def invalid(kind: Kind, name: str, causes: Sequence[tuple[str, str, str]]) -> ApiError:
    """422; a cause is (type, message, field), e.g. ("FieldValueRequired", "Required value", f)."""
    texts = list(dict.fromkeys(f"{field}: {text}" for _, text, field in causes))
    joined = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    details = {
        **({"name": name} if name else {}),
        **({"group": kind.group} if kind.group else {}),
        "kind": kind.kind,
        "causes": [{"reason": r, "message": m, "field": f} for r, m, f in causes],
    }
    return ApiError(422, "Invalid", f'{kind.qualified_kind} "{name}" is invalid: {joined}', details)


def rejected_patch() -> ApiError:
    """A JSON patch that does not apply: the server says no more than this."""
    message = "the server rejected our request due to an error in our request"
    return ApiError(422, "Invalid", message, {})


def unsupported_media(accepted: Sequence[str]) -> ApiError:
    message = (
        "the body of the request was in an unknown format - accepted media types include: "
        + ", ".join(accepted)
    )
    return ApiError(415, "UnsupportedMediaType", message)


def method_not_allowed() -> ApiError:
    message = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", message, {})


def expired(resource_version: int, oldest: int) -> ApiError:
    """A watch or exact list older than what the server remembers."""
    return ApiError(410, "Expired", f"too old resource version: {resource_version} ({oldest})")


def expired_continue(fresh_token: str) -> ApiError:
    message = (
        "The provided continue parameter is too old to display a consistent list result. You can "
        "start a new list without the continue parameter, or use the continue token in this "
        "response to retrieve the remainder of the results. Continuing with the provided token "
        "results in an inconsistent list - objects that were created, modified, or deleted "
        "between the time the first chunk was returned and now may show up in the list."
    )
    return ApiError(410, "Expired", message, continue_token=fresh_token)


def too_large_version(resource_version: int, current: int) -> ApiError:
    """A list "not older than" a version the server has not reached yet."""
    message = f"Too large resource version: {resource_version}, current: {current}"
    causes = [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
    return ApiError(504, "Timeout", message, {"causes": causes}, retry_after=1.0)


def too_large() -> ApiError:
    """etcd's own refusal of an object, handed through without a reason."""
    return ApiError(500, "", "etcdserver: request is too large")
