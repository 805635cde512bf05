"""Another run of what did not succeed, or of what is named: asked of whoever runs the flow.

The request is checked with its own rules before it is made, so that one which makes no sense is
refused here, in words, and not by an event later.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from jobflows.api.resume import RESUME_ANNOTATION, ResumeError, ResumeRequest
from jobflows.engine.rerun import choose
from jobflows.engine.stopping import STOP_ANNOTATION
from jobflows.steering.errors import SteerError, unknown
from jobflows.steering.loaded import Loaded
from jobflows.steering.orders import Place


async def resume(
    place: Place,
    flow: str,
    *,
    from_: Sequence[str] = (),
    succeeded: Sequence[str] = (),
    cold: bool = False,
    values: Mapping[str, str] | None = None,
) -> list[str]:
    """Ask for it; returns the names of the steps that will run again. Raises `SteerError`."""
    request: dict[str, Any] = {"id": uuid.uuid4().hex, "mode": "cold" if cold else "hot"}
    if from_:
        request["from"] = list(from_)
    if succeeded:
        request["set"] = dict.fromkeys(succeeded, "Succeeded")
    names = _check(await place.load(flow), request)

    def change(found: dict[str, Any]) -> dict[str, Any]:
        annotations = {RESUME_ANNOTATION: json.dumps(request), STOP_ANNOTATION: None}
        body: dict[str, Any] = {"metadata": {"annotations": annotations}}
        if values:
            body["spec"] = {"parameters": _changed(flow, found["spec"], values)}
        return body

    await place.edit(flow, change)
    return names


def _check(loaded: Loaded, request: dict[str, Any]) -> list[str]:
    """The names of the steps that will run again; raises `SteerError` when it makes no sense."""
    for name in (*request.get("from", ()), *request.get("set", {})):
        loaded.step(name)
    try:
        chosen = choose(loaded.flow, loaded.ledger, ResumeRequest.model_validate(request))
    except ResumeError as error:
        raise SteerError(str(error)) from None
    return [loaded.flow.graph.names[i] for i in sorted(chosen.again)]


def _changed(flow: str, spec: dict[str, Any], values: Mapping[str, str]) -> list[dict[str, Any]]:
    """The parameters of a spec with new values."""
    parameters: list[dict[str, Any]] = spec.get("parameters") or []
    names = [each["name"] for each in parameters]
    for name in values:
        if name not in names:
            raise SteerError(unknown(f"flow {flow} has no parameter", name, names))
    return [each | {"value": values.get(each["name"], each["value"])} for each in parameters]
