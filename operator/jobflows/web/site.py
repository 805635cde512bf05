"""What all pages share: the archive, the clock, the templates, and what may be done."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from sqlalchemy import Connection

from jobflows import archive as queries
from jobflows.archive import Archive, AttemptInfo, FlowInfo
from jobflows.web import words
from jobflows.web.forms import Forms
from jobflows.web.memory import Memory
from jobflows.web.places import Places
from jobflows.web.reader import Reader
from jobflows.web.safety import STYLE_VERSION

if TYPE_CHECKING:
    from jobflows.web.actions import Orders
    from jobflows.web.login.gate import Login


@dataclass(frozen=True, slots=True)
class Site:
    """One archive as a web site.

    `zone` is that of the times on pages. `login` is None where nobody has to say
    who they are, `orders` where nothing may be told to runs.
    """

    archive: Archive
    zone: tzinfo = UTC
    login: Login | None = None
    orders: Orders | None = None
    logs: Callable[[AttemptInfo], str | None] = lambda _: None
    """Reads more of a log than the archive has; None where that is not at hand."""

    now: Callable[[], float] = time.time
    templates: Environment = field(init=False)
    forms: Forms = field(default_factory=Forms)
    memory: Memory = field(default_factory=Memory, init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "templates", environment(self.zone))

    def prepare(self) -> None:
        """Compile all templates, which takes half a second, before somebody waits for one."""
        for name in self.templates.list_templates():
            self.templates.get_template(name)

    def page(
        self, request: Request, template: str, *, status: int = 200, **context: Any
    ) -> Response:
        """A page; 304 when the reader has it already."""
        shown = self.templates.get_template(template)
        reader = reader_of(request)
        body = shown.render(
            **context,
            places=Places(request),
            path=request.url.path,
            reader=reader,
            word=self.forms.word(reader),
        )
        return unless_known(request, body.encode(errors="replace"), "text/html", status=status)

    def orders_for(self, request: Request, flow: FlowInfo) -> Orders | None:
        """Whom this reader may give orders about a flow; None where that is nobody."""
        if self.orders is None or not self.orders.possible(flow, reader_of(request)):
            return None
        return self.orders

    def log(self, connection: Connection, attempt: AttemptInfo) -> str | None:
        """The end of the log of an attempt; None when nobody has it."""
        at_hand = self.logs(attempt)
        if at_hand is not None:
            return at_hand
        one = (attempt.flow_id, attempt.step, attempt.attempt, attempt.task)
        return queries.log_tail(connection, *one)

    def missing(self, request: Request, what: str) -> Response:
        """A page that says what is not there."""
        return self.page(request, "missing.html", status=404, what=what)


@cache
def environment(zone: tzinfo) -> Environment:
    """The templates, with times in `zone`."""
    templates = Environment(
        loader=PackageLoader("jobflows.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "plain": words.plain,
        "line": words.line,
        "phase": words.phase_class,
        "glyph": words.glyph,
        "clock": partial(words.clock, zone=zone),
        "stamp": words.stamp,
        "span": words.span,
        "size": words.size,
        "cores": words.cores,
        "number": words.number,
        "part": words.part,
    }
    templates.globals |= {
        "zone": "UTC" if zone is UTC else "local time",
        "version": STYLE_VERSION,
    }
    return templates


def reader_of(request: Request) -> Reader | None:
    """Who asks; None where nobody has to say."""
    found: Reader | None = getattr(request.state, "reader", None)
    return found


def site_of(request: Request) -> Site:
    """The site that a request is for."""
    return site_in(request.app)


def site_in(app: FastAPI) -> Site:
    """The site that an application serves."""
    site: Site = app.state.site
    return site


def unless_known(
    request: Request,
    body: bytes,
    media: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An answer with a tag of its content, or 304 for who has that."""
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    marks = {"ETag": tag, "Cache-Control": "private, no-cache", **(headers or {})}
    known = request.headers.get("if-none-match", "")
    tags = [one.strip().removeprefix("W/") for one in known.split(",")]
    if status == 200 and (tag in tags or "*" in tags):
        return Response(status_code=304, headers=marks)
    return Response(body, status_code=status, media_type=f"{media}; charset=utf-8", headers=marks)
