"""A form is one of this site's own pages, or it is not taken.

It carries a word that only those pages have, for each reader another one, and a browser that says
where a form comes from has to say: from here.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import Depends, Request

from jobflows.web.reader import Reader

FIELD = "word"

LONGEST = 20_000


class RefusedError(Exception):
    """The order was not given; the text says why."""

    def __init__(self, why: str, status: int = 409) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True, slots=True)
class Forms:
    """The words of one site."""

    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    def word(self, reader: Reader | None) -> str:
        """The word of this reader's pages."""
        if reader is None:
            return self.secret
        return hmac.new(self.secret.encode(), reader.token.encode(), hashlib.sha256).hexdigest()

    def check(self, request: Request, form: Mapping[str, str], reader: Reader | None) -> None:
        """Raises `RefusedError` unless a page of this site has sent the form."""
        from_here(request)
        given = form.get(FIELD, "").encode(errors="replace")
        if not hmac.compare_digest(given, self.word(reader).encode()):
            raise RefusedError("the page is older than this server; load it again")


def from_here(request: Request) -> None:
    """Raises `RefusedError` when a browser says that another site has sent the form."""
    origin = request.headers.get("origin")
    host = request.headers.get("host", "")
    own = (None, f"http://{host}", f"https://{host}")  # a proxy may have taken TLS off
    said = request.headers.get("sec-fetch-site", "same-origin")
    if origin not in own or said != "same-origin":
        raise RefusedError("the form was sent by another site")


async def fields_of(request: Request) -> dict[str, str]:
    """The fields of a form; of a body that is none, nothing."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST:
            return {}
    fields = parse_qs(body.decode(errors="replace"), max_num_fields=20)
    return {name: values[-1] for name, values in fields.items()}


Fields = Annotated[dict[str, str], Depends(fields_of)]
