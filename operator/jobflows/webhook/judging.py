"""A review from bytes to bytes, and what is left to be asked of the API server. Pure.

The site has it done in a thread, or in a process apart (`apart.py`): the same call either way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from jobflows.webhook.claims import Claim, claim_of
from jobflows.webhook.defaulting import default
from jobflows.webhook.review import Review, Verdict, answer, read_review
from jobflows.webhook.validating import validate

VALIDATE, DEFAULT = "/validate", "/default"

JUDGES: Mapping[str, Callable[[Review], Verdict]] = MappingProxyType(
    {VALIDATE: validate, DEFAULT: default}
)


class Judged(msgspec.Struct, frozen=True):
    """A review that is answered. `claim` is set where the answer counts only if it may be made."""

    answer: bytes
    allowed: bool
    claim: Claim | None = None


def judge(path: str, body: bytes) -> Judged:
    """What is to be said of `body`. Raises `ReviewError`."""
    review = read_review(body)
    verdict = JUDGES[path](review)
    allowed = verdict.denial is None
    claim = claim_of(review) if allowed and verdict.judged else None
    return Judged(answer(review, verdict), allowed, claim)
