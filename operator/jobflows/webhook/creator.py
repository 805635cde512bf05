"""Who created a flow, written upon it: pages show it, and lists are filtered by it. Pure.

The name is the API server's own, not the flow's: whoever states another one is overruled, and it
stays whatever a later change says of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jobflows.api.model import CREATED_BY
from jobflows.webhook.review import Operation, Review

_PLACE = "/metadata/annotations"
_AT = f"{_PLACE}/{CREATED_BY.replace('/', '~1')}"


def name_creator(review: Review) -> Iterator[Operation]:
    """The change that makes the annotation true; none when it is."""
    if not isinstance((review.object or {}).get("metadata"), dict):
        return  # the validator says what is wrong
    stated = _annotations(review.object)
    if review.operation == "CREATE":
        wanted = review.user_info.username or None
    else:
        wanted = _annotations(review.old_object).get(CREATED_BY)
    if stated.get(CREATED_BY) == wanted:
        return
    if wanted is None:
        yield {"op": "remove", "path": _AT}
    elif not stated:
        yield {"op": "add", "path": _PLACE, "value": {CREATED_BY: wanted}}
    else:
        yield {"op": "add", "path": _AT, "value": wanted}


def _annotations(flow: Mapping[str, Any] | None) -> Mapping[str, Any]:
    metadata = (flow or {}).get("metadata")
    notes = metadata.get("annotations") if isinstance(metadata, dict) else None
    return notes if isinstance(notes, dict) else {}
