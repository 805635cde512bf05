"""What keeps a page from being turned against its reader.

Every answer forbids scripts, styles and frames that are not this site's own. A site with a token
answers nobody else: on a machine with several users, whoever can reach the port could read it
otherwise. The token comes once in the address that is opened, and is a cookie from then on.
Requests for another host name are refused, as a page that rebinds its own name to this machine
would make them. Only whether it is alive is told to everybody: a kubelet asks by the pod's address,
and has no token.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable
from importlib.resources import files
from urllib.parse import unquote, urlencode

from fastapi import Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

HEALTH = "/healthz"

COOKIE = "jobflow-token"
QUERY = "token"

STYLE_VERSION = hashlib.blake2b(
    b"".join(
        files("jobflows.web").joinpath("static", name).read_bytes()
        for name in ("style.css", "refresh.js")
    ),
    digest_size=6,
).hexdigest()
"""In the address of style and script, so that a browser may keep them."""

Next = Callable[[Request], Awaitable[Response]]


def new_token() -> str:
    """A secret that nobody guesses."""
    return secrets.token_urlsafe(32)


async def with_headers(request: Request, call: Next) -> Response:
    """Every answer has the headers, whatever it is."""
    answer = await call(request)
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    return answer


async def no_nul(request: Request, call: Next) -> Response:
    """The one letter that PostgreSQL takes nowhere is in no address, either."""
    if "\0" in unquote(f"{request.url.path}?{request.url.query}"):
        return PlainTextResponse("There is a NUL in that address.\n", 400)
    return await call(request)


class OnlyWith:
    """Lets those in who know the token: by cookie, by bearer token, or once by the address."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def __call__(self, request: Request, call: Next) -> Response:
        if request.url.path == HEALTH:
            return await call(request)
        asked = request.query_params.get(QUERY, "")
        if asked and request.method == "GET" and self._is(asked):
            left = [(k, v) for k, v in request.query_params.multi_items() if k != QUERY]
            place = request.url.path + (f"?{urlencode(left)}" if left else "")
            answer: Response = RedirectResponse(_own(place), 303)
            # Ports share cookies: each site has its own, by the port.
            answer.set_cookie(
                _cookie(request),
                self._token,
                httponly=True,
                samesite="strict",
                secure=request.url.scheme == "https",
            )
            return answer
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if self._is(request.cookies.get(_cookie(request), "")) or self._is(bearer):
            return await call(request)
        return PlainTextResponse(
            "This page needs a token: open the address that `jobflow ui` has printed, or send "
            "`Authorization: Bearer TOKEN`.\n",
            403,
        )

    def _is(self, word: str) -> bool:
        return hmac.compare_digest(word.encode(errors="replace"), self._token.encode())


class OnlyFor:
    """Refuses host names that are not this site's."""

    def __init__(self, hosts: frozenset[str]) -> None:
        self._hosts = hosts

    async def __call__(self, request: Request, call: Next) -> Response:
        host = request.headers.get("host", "")
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        if name.lower() in self._hosts or request.url.path == HEALTH:
            return await call(request)
        known = ", ".join(sorted(self._hosts))
        return PlainTextResponse(
            f"This site does not answer to that host name, but to {known}; "
            "--allow-host adds one.\n",
            421,
        )


LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})


def _cookie(request: Request) -> str:
    return f"{COOKIE}-{request.url.port or 0}"


def _own(place: str) -> str:
    """A path that cannot name another host."""
    return "/" + place.lstrip("/\\")
