"""What the API server answered when it did not do what was asked: a `Status` as an exception.

Raised by the client for every answer that is not 2xx and for ERROR lines of a watch; callers branch
on the predicates, never on message texts. The rule it keeps: a body that is no Status (a proxy's
HTML page, an empty answer) still becomes an `ApiError` with the HTTP status.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from jobflows.cluster.transport import Response

TRANSIENT = frozenset({429, 500, 502, 503, 504})


class Cause(msgspec.Struct, frozen=True, rename="camel"):
    """One reason of a rejection, e.g. `FieldValueInvalid` at `spec.template`."""

    reason: str = ""
    message: str = ""
    field: str = ""


class Details(msgspec.Struct, frozen=True, rename="camel"):
    """What the Status says about the object concerned."""

    name: str = ""
    group: str = ""
    kind: str = ""
    uid: str = ""
    causes: list[Cause] = []
    retry_after_seconds: int = 0


class _Status(msgspec.Struct, frozen=True):
    code: int = 0
    reason: str = ""
    message: str = ""
    details: Details | None = None


@dataclass(frozen=True, slots=True)
class _Parsed:
    status: int
    reason: str
    message: str
    retry_after: float | None
    details: Details


_decode = msgspec.json.Decoder(_Status).decode


class ApiError(Exception):
    """An answer other than success. `retry_after` is in seconds, when the server gave one."""

    def __init__(
        self,
        status: int,
        reason: str = "",
        message: str = "",
        retry_after: float | None = None,
        details: Details | None = None,
    ) -> None:
        super().__init__(f"HTTP {status} {reason or 'Unknown'}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after
        self.details = details if details is not None else Details()

    @classmethod
    def from_response(cls, response: Response) -> ApiError:
        """The error of an HTTP answer; the header Retry-After wins over the body's."""
        parsed = _parse(response.body, response.status, response.retry_after)
        return cls(
            response.status, parsed.reason, parsed.message, parsed.retry_after, parsed.details
        )

    @classmethod
    def from_status(cls, body: bytes | msgspec.Raw) -> ApiError:
        """The error of a Status object in a watch stream; its status is the Status' own code."""
        parsed = _parse(bytes(body), 500, None)
        return cls(parsed.status, parsed.reason, parsed.message, parsed.retry_after, parsed.details)

    @property
    def unauthorized(self) -> bool:
        """The credentials are not accepted."""
        return self.status == 401

    @property
    def forbidden(self) -> bool:
        """Not allowed: RBAC, a quota or an admission plugin."""
        return self.status == 403

    @property
    def quota_exceeded(self) -> bool:
        """A ResourceQuota is used up. Kubernetes marks it by this text only."""
        return self.forbidden and "exceeded quota" in self.message

    @property
    def namespace_terminating(self) -> bool:
        """The namespace is being deleted, nothing can be created in it any more."""
        return self.forbidden and any(
            cause.reason == "NamespaceTerminating" for cause in self.details.causes
        )

    @property
    def not_found(self) -> bool:
        """The object (or its namespace, or its resource) does not exist."""
        return self.status == 404

    @property
    def already_exists(self) -> bool:
        """A create met an object of that name, which may be the same create's first try."""
        return self.status == 409 and self.reason == "AlreadyExists"

    @property
    def is_conflict(self) -> bool:
        """A precondition (uid, resourceVersion) does not hold any more: read and decide again."""
        return self.status == 409 and self.reason != "AlreadyExists"

    @property
    def gone(self) -> bool:
        """The resourceVersion or continue token is too old: list again from the start."""
        return self.status == 410 or self.reason in {"Gone", "Expired"}

    @property
    def invalid(self) -> bool:
        """The object itself is wrong; the same request will never be accepted."""
        return self.status in {400, 413, 422}

    @property
    def throttled(self) -> bool:
        """The server asks for fewer requests."""
        return self.status == 429

    @property
    def retriable(self) -> bool:
        """Trouble that may pass: the same request can succeed later."""
        return self.status in TRANSIENT


def _parse(body: bytes, status: int, retry_after: float | None) -> _Parsed:
    try:
        decoded = _decode(body)
    except msgspec.MsgspecError:
        text = body[:200].decode("utf-8", "replace")
        return _Parsed(status, "", text, retry_after, Details())
    details = decoded.details or Details()
    if retry_after is None and details.retry_after_seconds > 0:
        retry_after = float(details.retry_after_seconds)
    code = decoded.code or status
    return _Parsed(code, decoded.reason, decoded.message, retry_after, details)
