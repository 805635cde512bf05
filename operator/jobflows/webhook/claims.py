"""What a flow has the operator create, which whoever writes it must be allowed to do. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from jobflows.webhook.review import Review, User

JOBS, CONFIG_MAPS, CLAIMS = "jobs", "configmaps", "persistentvolumeclaims"

_TEMPLATES = (("configMapTemplates", CONFIG_MAPS), ("volumeClaimTemplates", CLAIMS))


class Claim(msgspec.Struct, frozen=True):
    """That `user` may create these in `namespace`, by plural; `uid` is that of the review."""

    uid: str
    namespace: str
    user: User
    creates: tuple[str, ...]


def claim_of(review: Review) -> Claim:
    """What storing this flow claims."""
    creates = tuple(_created(review.object or {}))
    return Claim(review.uid, review.namespace, review.user_info, creates)


def _created(flow: dict[str, Any]) -> Iterator[str]:
    yield JOBS
    spec = flow.get("spec")
    templates = spec.get("resourceTemplates") if isinstance(spec, dict) else None
    for key, plural in _TEMPLATES:
        if isinstance(templates, dict) and templates.get(key):
            yield plural
