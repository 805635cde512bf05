"""Who is not signed in is sent to sign in; a program is told so.

A token comes with each request as `Authorization: Bearer`, from a program or a proxy in front that
knows the reader, or in the cookie of who signed in here.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from jobflows.web.login.api_server import ApiServer, NotSignedInError, UnansweredError
from jobflows.web.login.seal import COOKIE, Seal
from jobflows.web.reader import Reader
from jobflows.web.safety import HEALTH, Next

SIGN_IN = "/login"
OPEN = ("/static/", SIGN_IN, HEALTH)


@dataclass(frozen=True, slots=True)
class Login:
    """Readers sign in at `server`; they see what the archive has of the cluster `origin`."""

    server: ApiServer
    origin: str
    seal: Seal = field(default_factory=Seal)

    async def __call__(self, request: Request, call: Next) -> Response:
        if request.url.path.startswith(OPEN):
            return await call(request)
        try:
            request.state.reader = await asyncio.to_thread(self.reader, request)
        except NotSignedInError:
            return _sign_in(request)
        except UnansweredError as error:
            return PlainTextResponse(f"{error}\n", 503)
        return await call(request)

    def reader(self, request: Request) -> Reader:
        """Who asks. Raises `NotSignedInError` and `UnansweredError`."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.server.reader(given.strip(), by_cookie=False)
        token = self.seal.opened(request.cookies.get(COOKIE, ""))
        if token is None:
            raise NotSignedInError
        return self.server.reader(token, by_cookie=True)


def _sign_in(request: Request) -> Response:
    if request.method == "GET" and not request.url.path.startswith("/api/"):
        place = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        answer: Response = RedirectResponse(f"{SIGN_IN}?{urlencode({'next': place})}", 303)
        answer.delete_cookie(COOKIE)
        return answer
    words = "sign in: send the token that you show to the API server as Authorization: Bearer"
    return JSONResponse({"detail": words}, 401, {"WWW-Authenticate": "Bearer"})
