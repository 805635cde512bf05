"""What of the archive one reader may see.

Without logins that is everything. With them it is what the reader may list on the cluster whose API
server they have signed in to, so flows of that origin, in those namespaces; and `hidden` keeps what
is addressed by an id from everybody else, for all pages and the whole API in one place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from fastapi import Request
from sqlalchemy import Connection

from jobflows import archive as queries
from jobflows.archive import ErrorCluster, FlowFilter, FlowInfo, KindInfo, Page
from jobflows.web.site import Site, reader_of, site_of


class HiddenError(Exception):
    """There is no such thing, as far as this reader knows."""


@dataclass(frozen=True, slots=True)
class Sight:
    """Flows of `origin` in `namespaces`; None are all."""

    origin: str | None = None
    namespaces: frozenset[str] | None = None

    @property
    def is_all(self) -> bool:
        """Whether nothing is hidden."""
        return self.origin is None and self.namespaces is None

    @property
    def where(self) -> dict[str, Any]:
        """Fields of a filter of the archive."""
        return {"origin": self.origin, "namespaces": self.namespaces}

    def sees(self, thing: FlowInfo | KindInfo) -> bool:
        """Whether this is one of them."""
        is_there = self.origin is None or thing.origin == self.origin
        return is_there and (self.namespaces is None or thing.namespace in self.namespaces)


ALL = Sight()


def seen(where: FlowFilter, sight: Sight) -> FlowFilter:
    """A filter that finds no more than the reader may see."""
    if sight.is_all:
        return where
    elsewhere = sight.origin is not None and where.origin not in (None, sight.origin)
    within = frozenset() if elsewhere else sight.namespaces
    return replace(where, origin=sight.origin, namespaces=within)


def unsampled(found: Page[ErrorCluster], sight: Sight) -> Page[ErrorCluster]:
    """Errors without the words of one attempt, which may be one that the reader may not see."""
    if sight.is_all:
        return found
    return Page([replace(each, sample=each.pattern) for each in found.items], found.next)


def sight_of(request: Request, connection: Connection) -> Sight:
    """What the reader of a request may see."""
    reader, site = reader_of(request), site_of(request)
    if reader is None or site.login is None:
        return ALL
    origin = site.login.origin
    there = site.memory.of(("namespaces", origin), lambda: queries.namespaces(connection, origin))
    return Sight(origin, site.login.server.namespaces(reader, there))


def flow_of(
    request: Request,
    connection: Connection,
    flow: str,
    *,
    namespace: str | None = None,
    origin: str | None = None,
) -> FlowInfo | None:
    """A flow by its id, or the newest of that name, if the reader may see it.

    With a `namespace` or an `origin` only one from there.
    """
    sight = sight_of(request, connection)
    info = queries.flow(connection, flow)
    if info is None:
        asked = seen(FlowFilter(namespace=namespace, origin=origin), sight)
        info = queries.find_flow(
            connection,
            flow,
            namespace=asked.namespace,
            origin=asked.origin,
            namespaces=asked.namespaces,
        )
    if info is None or not sight.sees(info):
        return None
    is_there = namespace in (None, info.namespace) and origin in (None, info.origin)
    return info if is_there else None


def may_read_logs(request: Request, namespace: str) -> bool:
    """Whether the reader of a request may see what pods have printed."""
    reader, login = reader_of(request), site_of(request).login
    return reader is None or login is None or login.server.may_read_logs(reader, namespace)


def hidden(request: Request) -> None:
    """Raises `HiddenError` when the address is of a flow or a kind that the reader may not see."""
    site: Site = site_of(request)
    if site.login is None:
        return
    with site.archive.reading() as connection:
        sight = sight_of(request, connection)
        if sight.is_all:
            return
        flow, kind = (request.path_params.get(name) for name in ("flow", "kind"))
        if flow is not None and flow_of(request, connection, flow) is None:
            raise HiddenError(f"There is no flow {flow} in the archive.")
        if kind is not None:
            known = queries.kind(connection, kind)
            if known is None or not sight.sees(known):
                raise HiddenError("There is no such step in the archive.")
