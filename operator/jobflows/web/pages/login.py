"""Sign in with a token, and out again."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from jobflows.web.forms import Fields, RefusedError, from_here
from jobflows.web.login.api_server import NotSignedInError, UnansweredError
from jobflows.web.login.gate import SIGN_IN
from jobflows.web.login.seal import COOKIE, SESSION_SECONDS, TooLongError
from jobflows.web.site import reader_of, site_of

router = APIRouter(include_in_schema=False)


@router.get(SIGN_IN)
def ask(request: Request) -> Response:
    """The form."""
    return _form(request, _own(request.query_params.get("next", "/")))


@router.post(SIGN_IN)
def sign_in(request: Request, fields: Fields) -> Response:
    """Keep the token of who has one that the API server takes."""
    site, place = site_of(request), _own(fields.get("next", "/"))
    if site.login is None:
        return RedirectResponse("/", 303)
    token = fields.get("token", "").strip()
    try:
        from_here(request)
        site.login.server.reader(token, by_cookie=True)
        sealed = site.login.seal.closed(token)
    except NotSignedInError:
        return _form(request, place, "The API server does not take that token.", 401)
    except RefusedError as error:
        return _form(request, place, str(error), error.status)
    except (TooLongError, UnansweredError) as error:
        return _form(request, place, str(error), 503)
    answer = RedirectResponse(place, 303)
    answer.set_cookie(
        COOKIE,
        sealed,
        max_age=SESSION_SECONDS,
        httponly=True,
        samesite="strict",
        secure="https" in (request.url.scheme, request.headers.get("x-forwarded-proto")),
    )
    return answer


@router.post("/logout")
def sign_out(request: Request, fields: Fields) -> Response:
    """Forget the token."""
    site = site_of(request)
    try:
        site.forms.check(request, fields, reader_of(request))
    except RefusedError as error:
        return site.page(request, "refused.html", status=error.status, why=str(error), flow="")
    answer = RedirectResponse(SIGN_IN, 303)
    answer.delete_cookie(COOKIE)
    return answer


def _form(request: Request, place: str, problem: str = "", status: int = 200) -> Response:
    site = site_of(request)
    return site.page(request, "login.html", status=status, next=place, problem=problem)


def _own(place: str) -> str:
    """A place of this site, whatever was asked for."""
    return "/" + place.lstrip("/\\") if place.startswith("/") else "/"
