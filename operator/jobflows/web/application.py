"""The site as one ASGI application: pages, API, style and script, and what keeps them safe."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware

from jobflows import __version__
from jobflows.archive import ArchiveError
from jobflows.web import rest
from jobflows.web.board import Boards
from jobflows.web.pages import flow, flows, kind, orders, step, troubles
from jobflows.web.safety import HEALTH, OnlyFor, OnlyWith, no_nul, with_headers
from jobflows.web.sheet import Sheets
from jobflows.web.sight import HiddenError
from jobflows.web.site import Site, site_of

KEEP_SECONDS = 365 * 24 * 3600

STATIC = {"style.css": "text/css", "refresh.js": "text/javascript", "icon.svg": "image/svg+xml"}


def application(site: Site, *, token: str = "", hosts: frozenset[str] | None = None) -> FastAPI:
    """The site. With a token only who has it is answered; `hosts` are the names it answers to."""
    app = FastAPI(
        title="JobFlow archive",
        version=__version__,
        description="Runs of flows, their steps and attempts, as the archive has them. Times are "
        "UNIX seconds, memory is in bytes, CPU in thousandths of a core; null is unknown.",
        openapi_url=f"{rest.PREFIX}/openapi.json",
        docs_url=None,  # would load scripts from elsewhere
        redoc_url=None,
    )
    app.state.site = site
    app.state.boards = Boards()
    app.state.sheets = Sheets()
    app.add_exception_handler(ArchiveError, _no_archive)
    app.add_exception_handler(HiddenError, _hidden)
    # Added first is innermost: nothing is answered to a wrong host, and every answer has headers.
    app.add_middleware(GZipMiddleware, minimum_size=2_000, compresslevel=4)
    if token:
        app.add_middleware(BaseHTTPMiddleware, dispatch=OnlyWith(token))
    if site.login is not None:
        from jobflows.web.pages import login  # noqa: PLC0415 - needs the client

        app.add_middleware(BaseHTTPMiddleware, dispatch=site.login)
        app.include_router(login.router)
    if hosts is not None:
        app.add_middleware(BaseHTTPMiddleware, dispatch=OnlyFor(hosts))
    app.add_middleware(BaseHTTPMiddleware, dispatch=no_nul)
    app.add_middleware(BaseHTTPMiddleware, dispatch=with_headers)
    for page in (flows, flow, step, kind, troubles, orders):
        app.include_router(page.router)
    app.include_router(rest.router, prefix=rest.PREFIX)
    app.add_api_route("/static/{name:path}", _static, include_in_schema=False)
    app.add_api_route(HEALTH, _healthy, include_in_schema=False)
    return app


def openapi() -> dict[str, Any]:
    """The API's description, without an archive: for the reference page."""
    app = FastAPI(title="JobFlow archive", version=__version__)
    app.include_router(rest.router, prefix=rest.PREFIX)
    return app.openapi()


def _static(name: str) -> Response:
    media = STATIC.get(name)
    if media is None:
        return PlainTextResponse("There is no such file.\n", 404)
    with as_file(files("jobflows.web").joinpath("static", name)) as file:
        body = file.read_bytes()
    kept = {"Cache-Control": f"public, max-age={KEEP_SECONDS}, immutable"}
    return Response(body, media_type=media, headers=kept)


def _healthy() -> Response:
    return PlainTextResponse("ok\n")


def _hidden(request: Request, error: Exception) -> Response:
    if request.url.path.startswith(rest.PREFIX):
        return JSONResponse({"detail": str(error)}, 404)
    return site_of(request).missing(request, str(error))


def _no_archive(request: Request, error: Exception) -> Response:
    if request.url.path.startswith(rest.PREFIX):
        bad = "cursor" in str(error)
        return JSONResponse({"detail": str(error)}, 400 if bad else 503)
    site: Site = request.app.state.site
    return site.page(request, "trouble.html", status=503, what=str(error))
