"""The defaults of a flow, written down: what `kubectl get -o yaml` shows is what holds. Pure.

They come from the models, so they are the same wherever a flow is read. Written is what exists once
in a flow. Left out are defaults inside of lists (steps, templates): they would grow a flow of
10,000 steps by a quarter, and tools that compare lists with what is in Git would report a change
for ever. Left out is a `retryPolicy`, too: a field that is written there counts as set, and would
hide the same field of the level above.

The patch only adds what is missing, so a second one is empty, and no field is changed or removed.
Beside them goes who created the flow (`creator`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jobflows.api.base import Model
from jobflows.api.spec import Spec
from jobflows.webhook.creator import name_creator
from jobflows.webhook.review import ALLOWED, Operation, Review, Verdict
from jobflows.webhook.validating import CHANGES

_LEFT_OUT = ("retry_policy",)


def default(review: Review) -> Verdict:
    """Add the defaults that a flow does not state; what is no flow is left as it is."""
    if review.operation not in CHANGES or review.sub_resource or review.object is None:
        return ALLOWED
    metadata, spec = review.object.get("metadata"), review.object.get("spec")
    if not isinstance(spec, dict):
        return ALLOWED
    if isinstance(metadata, dict) and metadata.get("deletionTimestamp"):
        return ALLOWED
    return Verdict(patch=[*name_creator(review), *_missing(Spec, spec, "/spec")])


def _missing(model: type[Model], stated: Mapping[str, Any], path: str) -> Iterator[Operation]:
    for name, value in _defaults(model).items():
        at = f"{path}/{name}"
        said = stated.get(name)
        if said is None:
            yield {"op": "add", "path": at, "value": _written(value)}
        elif isinstance(value, Model) and isinstance(said, dict):
            yield from _missing(type(value), said, at)


def _defaults(model: type[Model]) -> dict[str, Any]:
    """Fields with a default worth writing: a plain value, or a model that has some."""
    found = {}
    for name, field in model.model_fields.items():
        value = field.default
        worth = isinstance(value, bool | int | float | str) or (
            isinstance(value, Model) and _defaults(type(value))
        )
        if worth and name not in _LEFT_OUT:
            found[field.alias or name] = value
    return found


def _written(value: Any) -> Any:
    if isinstance(value, Model):
        return {name: _written(inner) for name, inner in _defaults(type(value)).items()}
    return value
