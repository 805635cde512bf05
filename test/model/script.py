"""One script of requests for two servers: what the model is held to.

`play` sends it over any `Transport` and returns the answers by chapter and step, in normalised
words (`model.session`). The unit tests compare them with literal expectations, the cluster tests
with what a real kube-apiserver answers. The chapters here, in `model.script_watch` and in
`model.script_jobs` need an API server only (`FLOWS` the JobFlow CRD as well), those of
`model.script_controllers` also a Job controller, a garbage collector and simulated pods.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from jobflows.cluster.transport import JSON_PATCH, MERGE_PATCH, Transport
from model.session import Answers, Session

Chapter = Callable[[Session], Awaitable[None]]

VERSION = "metadata.resourceVersion"
NAMES = "items[].metadata.name"
NOWHERE = "/api/v1/namespaces/no-such-namespace/configmaps"


def configmap(name: str, data: str = "1", **metadata: Any) -> dict[str, Any]:
    """A small object without a status, for whatever all kinds have in common."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, **metadata},
        "data": {"a": data},
    }


async def creating(s: Session) -> None:
    path = s.path("configmaps")
    await s.ask("create", "POST", path, configmap("c"), show=("kind", "metadata.generation"))
    await s.ask("create it again", "POST", path, configmap("c"))
    await s.ask("in no namespace", "POST", NOWHERE, configmap("c"))
    await s.ask("without a name", "POST", path, configmap(""))
    await s.ask("with a bad name", "POST", path, configmap("Bad_Name"))
    await s.ask("another kind", "POST", path, configmap("d") | {"kind": "Secret"}, message=False)
    await s.ask(
        "another version", "POST", path, configmap("d") | {"apiVersion": "v2"}, message=False
    )
    await s.ask("another namespace", "POST", path, configmap("d", namespace="other"))
    await s.ask("no JSON", "POST", path, b"{", message=False)
    await s.ask("with a version", "POST", path, configmap("d", resourceVersion="1"))
    made = await s.quiet("POST", path, configmap("", generateName="made-"))
    name = made["metadata"]["name"]
    s.answers["generated name"] = [name[:5], len(name)]
    own = configmap("d", uid="11111111-1111-4111-8111-111111111111", generation=7)
    made = await s.ask("system fields", "POST", path, own, show=("metadata.generation",))
    s.answers["own uid kept"] = made["metadata"]["uid"] == own["metadata"]["uid"]
    await s.ask("get", "GET", s.path("configmaps", "c"), show=("kind", "apiVersion", "data"))
    await s.ask("get nothing", "GET", s.path("configmaps", "x"))
    await s.ask("list nowhere", "GET", NOWHERE, show=("kind", "items"))
    only = {"fieldSelector": "metadata.name=c"}
    await s.ask("items are bare", "GET", path, query=only, show=("items[].kind",))
    await s.ask("unknown resource", "GET", "/api/v1/things")
    await s.ask("unknown group", "GET", "/apis/no.group/v1/things")
    await s.ask("post to an item", "POST", s.path("configmaps", "c"), configmap("c"))
    await s.ask("put to a collection", "PUT", path, configmap("c"))
    await s.ask("too large", "POST", path, configmap("big", "x" * 1_600_000), message=False)


async def updating(s: Session) -> None:
    path = s.path("configmaps", "c")
    first = await s.quiet("POST", s.path("configmaps"), configmap("c"))
    rv, uid = first["metadata"]["resourceVersion"], first["metadata"]["uid"]
    show = [VERSION, "data"]
    await s.ask("with version", "PUT", path, configmap("c", "2", resourceVersion=rv), show=show)
    await s.ask("with a stale version", "PUT", path, configmap("c", "3", resourceVersion=rv))
    await s.ask("without version", "PUT", path, configmap("c", "3"), show=show)
    await s.ask("nothing new", "PUT", path, configmap("c", "3"), show=show)
    await s.ask("with its uid", "PUT", path, configmap("c", "4", uid=uid), show=show)
    other = "11111111-1111-4111-8111-111111111111"
    await s.ask("with another uid", "PUT", path, configmap("c", "5", uid=other), message=False)
    await s.ask("another name", "PUT", path, configmap("d"))
    await s.ask("what is not there", "PUT", s.path("configmaps", "x"), configmap("x"))


async def merging(s: Session) -> None:
    path = s.path("configmaps", "c")
    await s.quiet("POST", s.path("configmaps"), configmap("c", labels={"x": "1"}))
    first = await s.ask("as created", "GET", path, show=(VERSION,))
    rv = first["metadata"]["resourceVersion"]
    show = [VERSION, "data", "metadata.labels"]

    async def patch(step: str, body: Any, path: str = path, message: bool = True) -> None:
        good = show if message else ()
        await s.ask(step, "PATCH", path, body, content_type=MERGE_PATCH, show=good, message=message)

    await patch("add", {"data": {"b": "2"}})
    await patch("nothing new", {"data": {"b": "2"}})
    await patch("nothing at all", {})
    await patch("a bad label", {"metadata": {"labels": {"x": "-"}}}, message=False)
    await patch("a long label", {"metadata": {"labels": {"x": "y" * 64}}}, message=False)
    await patch("null removes", {"data": {"a": None}, "metadata": {"labels": {"x": None}}})
    await patch("remove again", {"data": {"a": None}})
    await patch("with a stale version", {"metadata": {"resourceVersion": rv}, "data": {"c": "1"}})
    now = (await s.quiet("GET", path))["metadata"]
    await patch(
        "with its version", {"metadata": {"resourceVersion": now["resourceVersion"]}, "data": None}
    )
    await patch("with its uid", {"metadata": {"uid": now["uid"]}})
    other = {"uid": "11111111-1111-4111-8111-111111111111"}
    await patch("with another uid", {"metadata": other, "data": {"d": "1"}})
    await patch("what is not there", {}, s.path("configmaps", "x"))
    await patch("no object", [], message=False)
    await patch("no JSON", b"{", message=False)
    await patch("the name", {"metadata": {"name": "d"}})
    body = b"{}"
    await s.ask("unknown type", "PATCH", path, body, content_type="text/plain")
    await s.ask("plain JSON", "PATCH", path, body)


async def operating(s: Session) -> None:
    """RFC 6902."""
    path = s.path("configmaps", "c")
    await s.quiet("POST", s.path("configmaps"), configmap("c"))
    show = [VERSION, "data", "metadata.labels"]

    async def patch(step: str, *operations: Any) -> None:
        await s.ask(step, "PATCH", path, list(operations), content_type=JSON_PATCH, show=show)

    await patch("add", {"op": "add", "path": "/data/b", "value": "2"})
    await patch("test holds", {"op": "test", "path": "/data/b", "value": "2"})
    test = {"op": "test", "path": "/data/b", "value": "3"}
    await patch("test fails", test, {"op": "add", "path": "/data/c", "value": "1"})
    await patch("test of nothing", {"op": "test", "path": "/data/z", "value": "3"})
    await patch("test for null", {"op": "test", "path": "/data/z", "value": None})
    await patch("replace", {"op": "replace", "path": "/data/b", "value": "3"})
    await patch("replace nothing", {"op": "replace", "path": "/data/z", "value": "3"})
    await patch("remove", {"op": "remove", "path": "/data/b"})
    await patch("remove nothing", {"op": "remove", "path": "/data/y"})
    await patch("under nothing", {"op": "add", "path": "/metadata/labels/x", "value": "1"})
    await patch("a whole map", {"op": "add", "path": "/metadata/labels", "value": {"a.b/c": "1"}})
    await patch("escapes", {"op": "remove", "path": "/metadata/labels/a.b~1c"})
    await patch("move", {"op": "move", "from": "/data/a", "path": "/data/m"})
    await patch("copy", {"op": "copy", "from": "/data/m", "path": "/data/n"})
    await patch("unknown operation", {"op": "fetch", "path": "/data/m"})
    stale = {"op": "test", "path": "/metadata/resourceVersion", "value": "1"}
    await patch("version by test", stale, {"op": "remove", "path": "/data/m"})
    wrong: dict[str, Any] = {}
    await s.ask("no list", "PATCH", path, wrong, content_type=JSON_PATCH, message=False)


async def deleting(s: Session) -> None:
    collection, path = s.path("configmaps"), s.path("configmaps", "c")
    made = (await s.quiet("POST", collection, configmap("c")))["metadata"]
    other = "11111111-1111-4111-8111-111111111111"
    await s.ask("another uid", "DELETE", path, {"preconditions": {"uid": other}})
    stale = {"preconditions": {"resourceVersion": "1"}}
    await s.ask("another version", "DELETE", path, stale, message=False)
    held = {"uid": made["uid"], "resourceVersion": made["resourceVersion"]}
    show = ["kind", "status", "details.name", "details.kind"]
    await s.ask("delete", "DELETE", path, {"preconditions": held}, show=show)
    await s.ask("delete again", "DELETE", path)
    await s.ask("bad propagation", "DELETE", path, {"propagationPolicy": "Sideways"})

    await s.quiet("POST", collection, configmap("c", finalizers=["example.com/a"]))
    show = ["kind", "metadata.deletionTimestamp", "metadata.deletionGracePeriodSeconds", VERSION]
    await s.ask("with a finalizer", "DELETE", path, show=show)
    await s.ask("once more", "DELETE", path, show=show)

    async def finalizers(step: str, *names: str) -> None:
        body = {"metadata": {"finalizers": list(names)}}
        await s.ask(step, "PATCH", path, body, content_type=MERGE_PATCH, message=False)

    await finalizers("another finalizer", "example.com/a", "example.com/b")
    watched = asyncio.create_task(
        s.watch(
            "the end is seen",
            collection,
            until=1,
            show=("metadata.finalizers", "metadata.deletionTimestamp"),
            query={"resourceVersion": (await s.quiet("GET", path))["metadata"]["resourceVersion"]},
        )
    )
    await finalizers("no finalizer")
    await watched
    await s.ask("gone", "GET", path)
    await s.quiet("POST", collection, configmap("d"))
    show = ["kind", "metadata.finalizers", "metadata.deletionTimestamp"]
    await s.ask(
        "orphaning",
        "DELETE",
        s.path("configmaps", "d"),
        {"propagationPolicy": "Orphan"},
        show=show,
    )
    await s.wait(s.path("configmaps", "d"), "metadata.name", None)
    for name in "ef":
        await s.quiet("POST", collection, configmap(name, labels={"all": "yes"}))
    await s.ask(
        "many at once", "DELETE", collection, query={"labelSelector": "all=yes"}, show=("kind",)
    )
    await s.ask("none left", "GET", collection, query={"labelSelector": "all"}, show=(NAMES,))


async def selecting(s: Session) -> None:
    path = s.path("configmaps")
    for name, labels in (("a", {"x": "1"}), ("b", {"x": "2", "y": "1"}), ("c", {})):
        await s.quiet("POST", path, configmap(name, labels=labels | {"mine": "yes"}))
    for text in ("x=1", "x==2", "x!=1", "x in (1,2)", "x notin (2)", "x", "!x", "x,y=1"):
        query = {"labelSelector": f"mine,{text}"}
        await s.ask(text, "GET", path, query=query, show=(NAMES,))
    for text in ("metadata.name=b", f"metadata.namespace={s.namespace},metadata.name!=a"):
        query = {"labelSelector": "mine", "fieldSelector": text}
        await s.ask(text.replace(s.namespace, "NS"), "GET", path, query=query, show=(NAMES,))
    bad = {"labelSelector": "x in ("}
    await s.ask("broken selector", "GET", path, query=bad, message=False)
    await s.ask("unknown field", "GET", path, query={"fieldSelector": "data.a=1"})


async def paging(s: Session) -> None:
    path = s.path("configmaps")
    mine = {"labelSelector": "mine"}
    for name in ("p1", "p2", "p3", "p4", "p5"):
        await s.quiet("POST", path, configmap(name, labels={"mine": "yes"}))
    show = [NAMES, "metadata.remainingItemCount"]
    page = await s.ask("first page", "GET", path, query=mine | {"limit": "2"}, show=show)
    await s.quiet("DELETE", s.path("configmaps", "p3"))
    await s.quiet("POST", path, configmap("p6", labels={"mine": "yes"}))
    more = mine | {"limit": "2", "continue": page["metadata"]["continue"]}
    page = await s.ask("second page, as it was", "GET", path, query=more, show=show)
    more = mine | {"continue": page["metadata"]["continue"]}
    await s.ask("the rest", "GET", path, query=more, show=(*show, "metadata.continue"))
    await s.ask("a whole list", "GET", path, query=mine | {"limit": "9"}, show=show)
    await s.ask("a broken token", "GET", path, query={"continue": "%%"}, message=False)
    both = mine | {"continue": page["metadata"]["continue"], "resourceVersion": "1"}
    await s.ask("token and version", "GET", path, query=both)
    match = {"resourceVersionMatch": "Exact"}
    await s.ask("match without version", "GET", path, query=match)
    future = {"resourceVersion": "999999999"}
    await s.ask("the future", "GET", path, query=future, message=False)
    await s.ask("no number", "GET", path, query={"resourceVersion": "x"}, message=False)
    now = await s.quiet("GET", path)
    exact = mine | match | {"resourceVersion": now["metadata"]["resourceVersion"]}
    await s.quiet("DELETE", s.path("configmaps", "p1"))
    await s.ask("as it was", "GET", path, query=exact, show=(NAMES,))
    fresh = mine | {"resourceVersion": "0", "resourceVersionMatch": "NotOlderThan"}
    await s.ask("not older", "GET", path, query=fresh, show=("kind",))


OBJECTS: dict[str, Chapter] = {
    "creating": creating,
    "updating": updating,
    "merging": merging,
    "operating": operating,
    "deleting": deleting,
    "selecting": selecting,
    "paging": paging,
}


async def play(
    transport: Transport, chapters: dict[str, Chapter], namespace: str
) -> dict[str, Answers]:
    """Play each chapter in a namespace of its own, made from `namespace`, and remove that."""
    result: dict[str, Answers] = {}
    for title, chapter in chapters.items():
        place = f"{namespace}-{title}"
        session = Session(transport, place)
        home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place}}
        await session.quiet("POST", "/api/v1/namespaces", home)
        try:
            await chapter(session)
        finally:
            await session.quiet("DELETE", f"/api/v1/namespaces/{place}")
        result[title] = session.finish()
    return result
