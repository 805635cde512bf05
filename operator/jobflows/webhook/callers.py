"""Callers: how long they wait, what is said in the place of an answer, and what is logged.

API servers say in the query how long they wait, and show people the message of a `Status`.
"""

from __future__ import annotations

import logging

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from jobflows.api.durations import parse_duration

DEFAULT_PATIENCE = 10.0
MOST_PATIENCE = 30.0
"""Seconds that an API server waits if its configuration does not say, and at the most."""

IN_TIME = 0.9
"""The share of it in which there is an answer: a late one is no better than none."""

_REASONS = {
    400: "BadRequest",
    408: "Timeout",
    429: "TooManyRequests",
    503: "ServiceUnavailable",
}


def patience(request: web.BaseRequest) -> float:
    """Seconds in which the caller has to have an answer."""
    try:
        seconds = parse_duration(request.query.get("timeout"))
    except ValueError:
        seconds = DEFAULT_PATIENCE
    return IN_TIME * min(seconds or DEFAULT_PATIENCE, MOST_PATIENCE)


def refusal(code: int, message: str) -> web.Response:
    """What is sent in the place of an AdmissionReview."""
    status = {
        "apiVersion": "v1",
        "kind": "Status",
        "status": "Failure",
        "code": code,
        "reason": _REASONS[code],
        "message": message,
    }
    return web.Response(
        body=msgspec.json.encode(status),
        status=code,
        content_type="application/json",
        # With it, API servers try again by themselves as long as they wait.
        headers={"Retry-After": "1"} if code == 429 else None,
    )


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether it is about us: what is no HTTP is the caller's, and would fill the log."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


quiet = logging.getLogger("jobflows.webhook.http")
quiet.addFilter(_is_ours)
