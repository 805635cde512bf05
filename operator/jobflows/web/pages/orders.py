"""Orders to a flow: one form of its page, when orders are allowed."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from jobflows.web.actions import Order
from jobflows.web.forms import Fields, RefusedError
from jobflows.web.places import Places
from jobflows.web.sight import flow_of, hidden
from jobflows.web.site import reader_of, site_of

router = APIRouter(include_in_schema=False, dependencies=[Depends(hidden)])

READ_ONLY = "This site is for reading."


@router.post("/flows/{flow}/act")
def act(request: Request, flow: str, fields: Fields) -> Response:
    """Give an order, and show the flow again."""
    site, reader = site_of(request), reader_of(request)
    try:
        if site.orders is None:
            raise RefusedError(READ_ONLY, 403)
        site.forms.check(request, fields, reader)
        with site.archive.reading() as connection:
            info = flow_of(request, connection, flow)
        if info is None:
            return site.missing(request, f"There is no flow {flow} in the archive.")
        order = Order(*(fields.get(name, "") for name in ("order", "step", "value")))
        site.orders.give(info, order, reader)
    except RefusedError as error:
        return site.page(request, "refused.html", status=error.status, why=str(error), flow=flow)
    return RedirectResponse(Places(request).flow(flow), 303)
