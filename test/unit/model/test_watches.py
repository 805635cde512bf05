"""Watches: bookmarks, compaction, order, and the closing of streams."""

from __future__ import annotations

import msgspec

from jobflows.cluster.transport import Request, TransportError
from model import ApiServer, simulate
from model.kinds import CONFIGMAPS, JOBS

from .asking import JOBS_PATH, MAPS_PATH, Follower, configmap, send


def test_bookmarks_come_each_minute_with_the_version_seen_so_far() -> None:
    async def scenario(server: ApiServer) -> None:
        follower = Follower(server.transport(), MAPS_PATH, allowWatchBookmarks="true")
        await server.clock.sleep(1.0)
        made = server.create(CONFIGMAPS, configmap("a"), "default")
        await server.clock.sleep(125.0)
        assert [kind for kind, _ in follower.seen] == ["ADDED", "BOOKMARK", "BOOKMARK"]
        marked = follower.events[1]["object"]
        assert marked["kind"] == "ConfigMap"
        assert marked["metadata"] == {
            "resourceVersion": made["metadata"]["resourceVersion"],
        }

    simulate(scenario)


def test_a_watch_from_a_forgotten_version_opens_and_says_410() -> None:
    async def scenario(server: ApiServer) -> None:
        server.create(CONFIGMAPS, configmap("a"), "default")
        server.compact()
        follower = Follower(server.transport(), MAPS_PATH, resourceVersion="1")
        await server.clock.sleep(1.0)
        assert [e["object"]["reason"] for e in follower.events] == ["Expired"]
        assert follower.ended == "in order"

    simulate(scenario)


def test_a_running_watch_survives_compaction_unless_it_is_expired() -> None:
    async def scenario(server: ApiServer) -> None:
        follower = Follower(server.transport(), MAPS_PATH)
        await server.clock.sleep(1.0)
        server.compact()
        server.create(CONFIGMAPS, configmap("a"), "default")
        await server.clock.sleep(1.0)
        assert follower.seen == [("ADDED", "a")]
        server.expire_watches()
        await server.clock.sleep(1.0)
        assert follower.events[-1]["object"]["code"] == 410

    simulate(scenario)


def test_a_page_after_compaction_is_410_with_a_token_for_the_present() -> None:
    async def scenario(server: ApiServer) -> None:
        for name in "abc":
            server.create(CONFIGMAPS, configmap(name), "default")
        transport = server.transport()
        page = msgspec.json.decode(
            (await send(transport, "GET", MAPS_PATH, None, {"limit": "1"})).body
        )
        server.create(CONFIGMAPS, configmap("b2"), "default")
        server.compact()
        token = {"continue": page["metadata"]["continue"]}
        gone = await send(transport, "GET", MAPS_PATH, None, token)
        status = msgspec.json.decode(gone.body)
        assert (gone.status, status["reason"]) == (410, "Expired")
        token = {"continue": status["metadata"]["continue"]}
        rest = msgspec.json.decode((await send(transport, "GET", MAPS_PATH, None, token)).body)
        assert [one["metadata"]["name"] for one in rest["items"]] == ["b", "b2", "c"]

    simulate(scenario)


def test_cut_watches_touch_only_the_kind_and_client_named() -> None:
    async def scenario(server: ApiServer) -> None:
        followers = {
            (client, path): Follower(server.transport(client), path)
            for client in ("a", "b")
            for path in (MAPS_PATH, JOBS_PATH)
        }
        await server.clock.sleep(1.0)
        server.cut_watches(JOBS, client="a")
        await server.clock.sleep(1.0)
        broken = [key for key, one in followers.items() if isinstance(one.ended, TransportError)]
        assert broken == [("a", JOBS_PATH)]

    simulate(scenario)


def test_a_stream_given_up_leaves_no_watcher_behind() -> None:
    async def scenario(server: ApiServer) -> None:
        server.create(CONFIGMAPS, configmap("a"), "default")
        stream = server.transport().watch(Request("GET", MAPS_PATH, {"watch": "true"}))
        await anext(stream)
        assert len(server.watchers.all()) == 1
        await stream.aclose()  # type: ignore[attr-defined]
        assert server.watchers.all() == []

    simulate(scenario)


def test_events_keep_the_order_of_the_writes_for_every_seed() -> None:
    async def scenario(server: ApiServer) -> list[str]:
        server.watch_lag = 1.0
        follower = Follower(server.transport(), MAPS_PATH)
        await server.clock.sleep(1.0)
        for number in range(20):
            server.create(CONFIGMAPS, configmap(f"m{number}"), "default")
        await server.clock.sleep(30.0)
        return [name for _, name in follower.seen]

    for seed in range(5):
        assert simulate(scenario, seed=seed) == [f"m{number}" for number in range(20)]
