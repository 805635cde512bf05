"""The watch chapters of the script (`model.script`)."""

from __future__ import annotations

import asyncio
from typing import Any

from jobflows.cluster.transport import MERGE_PATCH
from model.script import Chapter, configmap
from model.session import Session

VERSION = "metadata.resourceVersion"
MINE = "mine=yes"


async def _version(s: Session) -> str:
    found = await s.quiet("GET", s.path("configmaps"))
    version: str = found["metadata"]["resourceVersion"]
    return version


async def _label(s: Session, name: str, value: str | None) -> None:
    body = {"metadata": {"labels": {"mine": value}}}
    await s.patch(s.path("configmaps", name), body, MERGE_PATCH)


async def following(s: Session) -> None:
    """From a version, from nothing, from zero."""
    path = s.path("configmaps")
    start = await _version(s)
    mine = {"mine": "yes"}
    await s.quiet("POST", path, configmap("a", labels=mine))
    await s.patch(s.path("configmaps", "a"), {"data": {"a": "2"}}, MERGE_PATCH)
    await s.patch(s.path("configmaps", "a"), {"data": {"a": "2"}}, MERGE_PATCH)
    await s.quiet("POST", path, configmap("b", labels=mine))
    await s.quiet("DELETE", s.path("configmaps", "a"))
    show = ("metadata.name", "kind", "data.a", VERSION)
    query = {"resourceVersion": start, "labelSelector": MINE}
    await s.watch("from a version", path, until=4, show=show, query=query)
    only = {"fieldSelector": "metadata.name=b"}
    await s.watch("from nothing", path, until=1, query=only)
    await s.watch("from zero", path, until=1, query=only | {"resourceVersion": "0"})
    query["resourceVersion"] = await _version(s)
    await s.watch("from now", path, until=1, seconds=1.0, query=query)
    await s.watch(
        "of nothing", s.path("configmaps"), until=1, seconds=1.0, query={"labelSelector": "no"}
    )


async def narrowing(s: Session) -> None:
    """An object that starts or stops to match appears and disappears."""
    path = s.path("configmaps")
    start = await _version(s)
    await s.quiet("POST", path, configmap("a", "1", labels={"mine": "no"}))
    await _label(s, "a", "yes")
    await s.patch(s.path("configmaps", "a"), {"data": {"a": "2"}}, MERGE_PATCH)
    await _label(s, "a", None)
    await _label(s, "a", "yes")
    await s.quiet("DELETE", s.path("configmaps", "a"))
    show = ("metadata.name", "metadata.labels.mine", "data.a", VERSION)
    await s.watch(
        "by label",
        path,
        until=5,
        show=show,
        query={"resourceVersion": start, "labelSelector": MINE},
    )
    only = {"fieldSelector": "metadata.name=a", "resourceVersion": start}
    await s.watch("by name", path, until=6, show=("metadata.labels.mine",), query=only)


async def ending(s: Session) -> None:
    """Bookmarks, the server's own end of a watch, and what it refuses."""
    path = s.path("configmaps")
    start = await _version(s)
    quiet: dict[str, Any] = {"resourceVersion": start, "labelSelector": MINE}
    await s.watch("timeout", path, until=9, query=quiet | {"timeoutSeconds": "1"})
    await s.quiet("POST", path, configmap("other"))
    await s.watch(
        "bookmark before the end",
        path,
        until=1,
        show=("kind", "metadata.name"),
        query=quiet | {"timeoutSeconds": "4", "allowWatchBookmarks": "true"},
    )
    await s.quiet("POST", path, configmap("a", labels={"mine": "yes"}))
    initial = {"sendInitialEvents": "true", "allowWatchBookmarks": "true", "labelSelector": MINE}
    await s.watch(
        "initial events",
        path,
        until=2,
        show=("metadata.name", "metadata.annotations"),
        query=initial | {"resourceVersionMatch": "NotOlderThan"},
    )
    await s.watch("initial events without match", path, until=1, query=initial)
    await s.watch("bad version", path, until=1, query={"resourceVersion": "x"})
    await s.watch(
        "match alone",
        path,
        until=1,
        query={"resourceVersionMatch": "Exact", "resourceVersion": "5"},
    )
    await s.watch(
        "broken selector", path, until=1, message=False, query={"labelSelector": "a in ("}
    )
    await s.watch("unknown resource", "/api/v1/things", until=1)


async def living(s: Session) -> None:
    """Changes arrive while the watch is open."""
    path = s.path("configmaps")
    start = await _version(s)
    query = {"resourceVersion": start, "labelSelector": MINE}
    watched = asyncio.create_task(s.watch("live", path, until=3, query=query))
    await asyncio.sleep(0.2)
    await s.quiet("POST", path, configmap("a", labels={"mine": "yes"}))
    await s.patch(s.path("configmaps", "a"), {"data": {"b": "1"}}, MERGE_PATCH)
    await s.quiet("DELETE", s.path("configmaps", "a"))
    await watched


async def forgetting(s: Session) -> None:
    """Version 1 is long forgotten; on the model the caller has to compact before."""
    path = s.path("configmaps")
    show = ("kind", "code", "reason")
    await s.watch("too old", path, until=2, show=show, query={"resourceVersion": "1"})
    query = {"resourceVersion": "1", "resourceVersionMatch": "Exact"}
    await s.ask("too old a list", "GET", path, query=query, message=False)


WATCHES: dict[str, Chapter] = {
    "following": following,
    "narrowing": narrowing,
    "ending": ending,
    "living": living,
    "forgetting": forgetting,
}
