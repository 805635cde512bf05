"""An AdmissionReview: what the API server asks, and how it is answered.

Used by the site. The body comes from whoever can reach the port, so anything may be in it: what is
no review of version v1 is a `ReviewError` with words for the caller, and is never guessed at. A
flow that is nested too deeply to be read is read without its depths, for the validator to refuse.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from jobflows.api.depth import decoded
from jobflows.api.model import KIND
from jobflows.api.validation import Problem
from jobflows.api.validation.problems import presentable

API_VERSION = "admission.k8s.io/v1"

MOST_PROBLEMS = 50
MOST_WARNINGS = 15
LONGEST_WARNING = 250
"""The API server cuts a warning after 256 characters, and drops all after 4,096."""


Operation = dict[str, Any]
"""Of a JSON patch."""


class ReviewError(Exception):
    """The body cannot be answered: it is no AdmissionReview that this webhook knows."""

    def __init__(self, words: str) -> None:
        super().__init__(presentable(words))


class User(msgspec.Struct, frozen=True, rename="camel"):
    """Who asks for the change, as the API server knows them."""

    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: dict[str, tuple[str, ...]] = {}


class Review(msgspec.Struct, frozen=True, rename="camel"):
    """The request in an AdmissionReview; `object` and `old_object` are whole flows."""

    uid: str
    operation: str = ""
    namespace: str = ""
    name: str = ""
    sub_resource: str = ""
    user_info: User = User()
    object: dict[str, Any] | None = None
    old_object: dict[str, Any] | None = None


class _Envelope(msgspec.Struct, frozen=True, rename="camel"):
    api_version: str
    kind: str
    request: Review


_decode = msgspec.json.Decoder(_Envelope).decode
_encode = msgspec.json.Encoder().encode


def read_review(body: bytes) -> Review:
    """What is asked. Raises `ReviewError`."""
    try:
        envelope = decoded(_decode, body)
    except (msgspec.MsgspecError, ValueError) as error:
        raise ReviewError(f"the body is no AdmissionReview: {error}") from error
    if (envelope.api_version, envelope.kind) != (API_VERSION, "AdmissionReview"):
        asked = f"{envelope.api_version[:64]} {envelope.kind[:64]}"
        raise ReviewError(f"the body is {asked}, not {API_VERSION} AdmissionReview")
    if not envelope.request.uid:
        raise ReviewError("the request has no uid")
    return envelope.request


@dataclass(frozen=True, slots=True)
class Denial:
    """Why a change is refused. `problems` become causes by field, which kubectl lists."""

    code: int
    reason: str
    message: str
    problems: Sequence[Problem] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a review."""

    denial: Denial | None = None
    warnings: Sequence[str] = ()
    patch: Sequence[Operation] = field(default=())
    judged: bool = False
    """Whether a spec was looked at that is about to be stored: then it matters who stores it."""


ALLOWED = Verdict()


def invalid(problems: Sequence[Problem]) -> Denial:
    """All problems in one message, one a line, as `jobflow lint` prints them."""
    count = len(problems)
    lines = [f"- {problem}" for problem in problems[:MOST_PROBLEMS]]
    if count > MOST_PROBLEMS:
        lines.append(f"- and {count - MOST_PROBLEMS} more; `jobflow lint` lists all")
    head = "1 problem" if count == 1 else f"{count} problems"
    return Denial(422, "Invalid", "\n".join([head, *lines]), problems[:MOST_PROBLEMS])


def answer(review: Review, verdict: Verdict) -> bytes:
    """The AdmissionReview to send back."""
    response: dict[str, Any] = {"uid": review.uid, "allowed": verdict.denial is None}
    if verdict.denial is not None:
        response["status"] = _status(review, verdict.denial)
    if verdict.warnings:
        response["warnings"] = _shortened(verdict.warnings)
    if verdict.patch and verdict.denial is None:
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(_encode(list(verdict.patch))).decode()
    return _encode({"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response})


def _status(review: Review, denial: Denial) -> dict[str, Any]:
    status: dict[str, Any] = {
        "status": "Failure",
        "code": denial.code,
        "reason": denial.reason,
        "message": denial.message,
    }
    if denial.problems:
        causes = [
            {
                "reason": "FieldValueInvalid",
                "field": problem.dotted,
                "message": f"{problem.message}. {problem.cure}",
            }
            for problem in denial.problems
        ]
        status["details"] = {"kind": KIND, "name": review.name, "causes": causes}
    return status


def _shortened(warnings: Sequence[str]) -> list[str]:
    told = [
        words if len(words) <= LONGEST_WARNING else f"{words[: LONGEST_WARNING - 1]}…"
        for words in warnings[:MOST_WARNINGS]
    ]
    if len(warnings) > MOST_WARNINGS:
        told.append(f"and {len(warnings) - MOST_WARNINGS} more warnings; `jobflow lint` shows all")
    return told
