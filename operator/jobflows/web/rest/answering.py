"""What all routes share: how they answer, how a flow is addressed, and what parameters mean."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict, TypeVar

from fastapi import Depends, HTTPException, Path, Query, Request
from fastapi.responses import Response
from pydantic import TypeAdapter
from sqlalchemy import Connection

from jobflows.archive import FlowFilter, FlowInfo
from jobflows.web.rest.shapes import Page, Problem
from jobflows.web.sight import flow_of, seen, sight_of
from jobflows.web.site import site_of, unless_known

T = TypeVar("T")

MOST = 1_000
"""Rows of an answer."""

LARGEST = 2**31 - 1
"""What a column of whole numbers holds."""

After = Annotated[str | None, Query(description="`next` of the answer before.")]
Limit = Annotated[int, Query(ge=1, le=MOST, description="Rows at most.")]
Since = Annotated[
    float | None, Query(description="Not before, in UNIX seconds.", allow_inf_nan=False)
]
Until = Annotated[float | None, Query(description="Before, in UNIX seconds.", allow_inf_nan=False)]
Origin = Annotated[str | None, Query(description="The cluster's name, or `local`.")]
Namespace = Annotated[str | None, Query(description="Exactly that; empty on one machine.")]
Phase = Annotated[str | None, Query(description="Exactly that, such as Failed.")]
Cause = Annotated[str | None, Query(description="Why it failed, such as OutOfMemory.")]
Run = Annotated[int | None, Query(ge=1, le=LARGEST, description="By default the newest.")]
Task = Annotated[int | None, Query(ge=-1, le=LARGEST, description="Index in an array.")]

PROBLEMS: dict[int | str, dict[str, Any]] = {
    304: {"description": "It has not changed since the answer with that ETag."},
    **{
        status: {"model": Problem, "description": words}
        for status, words in {
            400: "A cursor that is none, or of another list.",
            401: "Sign in: send a token of the cluster.",
            403: "You may not read logs there.",
            404: "There is no such thing, as far as you may know.",
            503: "The archive, or the API server that knows you, does not answer.",
        }.items()
    },
}


def one_flow(
    request: Request,
    flow: Annotated[str, Path(description="Its id, or its name: the newest flow of that name.")],
    namespace: Annotated[
        str | None, Query(description="Where the flow of that name is; empty on one machine.")
    ] = None,
    origin: Annotated[str | None, Query(description="The cluster where it is, or `local`.")] = None,
) -> FlowInfo:
    """The flow that a route is about, for those who may see it."""
    with site_of(request).archive.reading() as connection:
        found = flow_of(request, connection, flow, namespace=namespace, origin=origin)
    return known(found, f"flow {flow}")


One = Annotated[FlowInfo, Depends(one_flow)]


class Within(TypedDict):
    """Fields of a filter of the archive."""

    origin: str | None
    namespaces: frozenset[str] | None


def within(
    request: Request, connection: Connection, namespace: str | None, origin: str | None
) -> Within:
    """What is asked for, as far as the reader may see it."""
    where = seen(FlowFilter(origin=origin), sight_of(request, connection))
    allowed = None if where.namespaces is None else frozenset(where.namespaces)
    if namespace is not None:
        asked = frozenset({namespace})
        allowed = asked if allowed is None else asked & allowed
    return {"origin": where.origin, "namespaces": allowed}


def answer(request: Request, shape: Any, value: Any) -> Response:
    """JSON of that shape; 304 for who has it already."""
    body = _adapter(shape).dump_json(value)
    return unless_known(request, body, "application/json")


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}


def _adapter(shape: Any) -> TypeAdapter[Any]:
    if shape not in _ADAPTERS:
        _ADAPTERS[shape] = TypeAdapter(shape)
    return _ADAPTERS[shape]


def page_of(shape: type[Page[T]], found: Any) -> Page[T]:
    """A page of the archive as the API has it."""
    return shape.model_construct(items=found.items, next=found.next)


def known(value: T | None, what: str) -> T:
    """It, or 404."""
    if value is None:
        raise HTTPException(404, f"the archive has no {what}")
    return value
