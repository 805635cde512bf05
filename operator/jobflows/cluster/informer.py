"""A live copy of one resource type: listed in pages, then followed by a watch, for ever.

The controller runs one for JobFlows, Jobs and Pods each, reads objects from it and is told of every
difference by `on_change`, including deletions that happened while no watch was open. Rules:
- a cut stream resumes at the last version seen, bookmarks included; 410 lists again;
- any other trouble waits with full jitter, never ends the loop, and lists again when it persists;
- the answer of an own write is given to `observe` at once, so that the copy never hides it. What
  wins then is decided in `store.py`.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic

from jobflows.cluster.backoff import Backoff
from jobflows.cluster.client import Client
from jobflows.cluster.codec import Bookmark, Codec, MalformedError, Unreadable
from jobflows.cluster.errors import ApiError
from jobflows.cluster.inactivity import InactivityGuard
from jobflows.cluster.records import Key, T, key_of
from jobflows.cluster.resources import Resource
from jobflows.cluster.store import OnChange, Store
from jobflows.cluster.transport import TransportError

INACTIVITY_SECONDS = 70.0  # the server sends a bookmark about once a minute
WATCH_SECONDS = (240, 480)  # spread, so that many watches do not end together
BACKOFF_BASE = 0.5
BACKOFF_CAP = 30.0
RESUMES_BEFORE_RELIST = 3
STALE_LISTS_BEFORE_GIVING_UP = 5
LASTED = 5.0  # a watch that lived this many seconds was no failure, even if nothing happened in it

log = logging.getLogger(__name__)


class TimeTravelError(RuntimeError):
    """The server's data is older than what was seen before (a restored backup): start anew."""


class _StaleListError(Exception):
    pass


@dataclass(slots=True)
class InformerStats:
    """Counters since the start, for metrics."""

    events: int = 0
    stale_events: int = 0
    bookmarks: int = 0
    lists: int = 0
    watches: int = 0
    synthetic_deletes: int = 0
    gone: int = 0
    errors: int = 0
    malformed: int = 0
    unreadable: int = 0
    last_heard: float | None = None

    def last_event_age(self, loop_time: float) -> float:
        """Seconds since the last line of the watch or the last list; infinite before the first."""
        return float("inf") if self.last_heard is None else loop_time - self.last_heard


class Informer(Generic[T]):
    """`record` is a msgspec struct of just the fields needed; see `records.py`.

    `selects` says whether an object belongs here, for what the server cannot select by; those that
    do not are as good as deleted. `longest_pause` is how long it is silent at most after trouble.
    One that `relists` takes up no stream that was cut: that would tell the past as if it were now.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        record: type[T],
        *,
        on_change: OnChange[T],
        rng: random.Random,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        selects: Callable[[T], bool] | None = None,
        page_size: int = 500,
        inactivity: float = INACTIVITY_SECONDS,
        longest_pause: float = BACKOFF_CAP,
        relists: bool = False,
    ) -> None:
        self.resource = resource
        self.synced = asyncio.Event()
        self.stats = InformerStats()
        self._client = client
        self._codec = Codec(record)
        self._store: Store[T] = Store(on_change)
        self._rng = rng
        self._namespace = namespace
        self._labels = label_selector
        self._fields = field_selector
        self._selects = selects
        self._page_size = page_size
        self._inactivity = inactivity
        self._longest_pause = longest_pause
        self._relists = relists
        self._progress = False  # since the last trouble
        self._stale_lists = 0

    def get(self, namespace: str, name: str) -> T | None:
        """The object as last heard of, or None."""
        return self._store.get(namespace, name)

    def values(self) -> Iterator[T]:
        """All objects; do not await while iterating."""
        return iter(self._store)

    def __len__(self) -> int:
        return len(self._store)

    @property
    def resource_version(self) -> int:
        """Everything up to this version has been seen; 0 before the first list."""
        return self._store.version

    def decode(self, body: bytes) -> T:
        """The record in the answer of a get, create or patch. Raises `msgspec.DecodeError`."""
        return self._codec.decode(body)

    def observe(self, obj: T) -> bool:
        """Take the answer of an own write; `on_change` is called if it is news. True if it was."""
        return self._belongs(obj) and self._store.wrote(obj)

    async def catch_up(self) -> None:
        """Ask the server for all objects now, ahead of the watch, as `look_up` does for some."""
        await self.look_up(self._namespace, self._labels, field_selector=self._fields)

    async def look_up(
        self, namespace: str | None, label_selector: str = "", *, field_selector: str = ""
    ) -> int:
        """Ask the server for some objects now, ahead of the watch. Raises what the client raises.

        For decisions that a cut watch must not make; an object that is gone is not noticed here.
        Answers the version of the (last page of the) list.
        """
        version = 0
        pages = self._client.list_pages(
            self.resource, namespace, label_selector=label_selector, field_selector=field_selector
        )
        async for body in pages:
            page = self._codec.page(body)
            version = page.version
            for obj in page.items:
                self.observe(obj)
        return version

    async def read(self, namespace: str, name: str) -> T | None:
        """Ask the server for one object; None if there is none. As a list, whose right is there."""
        field_selector = f"metadata.name={name}"
        body = await self._client.list_page(
            self.resource, namespace, field_selector=field_selector, limit=0
        )
        return next(iter(self._codec.page(body).items), None)

    async def run(self) -> None:
        """List and watch until cancelled. Raises `TimeTravelError` and what `on_change` does."""
        backoff = Backoff(self._rng, base=BACKOFF_BASE, cap=self._longest_pause)
        listed = False
        refused = 0
        while True:
            self._progress = False
            at_least = 0.0
            trouble: Exception | None = None
            try:
                if not listed:
                    await self._list()
                    listed = True
                await self._watch()
            except ApiError as error:
                trouble = error
                at_least = error.retry_after or 0.0
                if error.gone:
                    self.stats.gone += 1
                    listed = False
            except (MalformedError, _StaleListError) as error:
                trouble = error
                listed = False
            except TransportError as error:
                trouble = error
                listed = listed and not self._relists
            if self._progress:
                backoff.reset()
                refused = 0
                if trouble is None:
                    continue
            if trouble is not None:
                self.stats.errors += 1
                log.info("%s: %s", self.resource.plural, trouble)
            gone = isinstance(trouble, ApiError) and trouble.gone
            if isinstance(trouble, ApiError) and not gone and not trouble.throttled:
                refused += 1
                if refused >= RESUMES_BEFORE_RELIST:
                    refused = 0
                    listed = False
            delay = backoff.next(at_least)
            if gone and backoff.failures == 1:
                continue  # the usual 410 after a long cut; only a second in a row has to wait
            await asyncio.sleep(delay)

    async def _list(self) -> None:
        seen: set[Key] = set()
        token = ""
        version = 0
        while True:
            body = await self._client.list_page(
                self.resource,
                self._namespace,
                label_selector=self._labels,
                field_selector=self._fields,
                limit=self._page_size,
                continue_token=token,
            )
            try:
                page = self._codec.page(body)
            except MalformedError:
                self.stats.malformed += 1
                raise
            if not token:
                version = page.version
                self._refuse_stale_list(version)
            for bad in page.unreadable:
                self._report_unreadable(bad)
                seen.add(key_of(bad))
            for obj in page.items:
                if self._belongs(obj):
                    seen.add(key_of(obj))
                    self._store.listed(obj)
            token = page.more
            if not token:
                break
        self.stats.synthetic_deletes += self._store.finish_list(version, seen)
        self.stats.lists += 1
        self.stats.last_heard = asyncio.get_running_loop().time()
        self.synced.set()

    def _refuse_stale_list(self, version: int) -> None:
        if version >= self._store.version:
            self._stale_lists = 0
            return
        self._stale_lists += 1
        message = f"a list at version {version} after version {self._store.version} was seen"
        if self._stale_lists >= STALE_LISTS_BEFORE_GIVING_UP:
            raise TimeTravelError(f"{self.resource.plural}: {message}")
        raise _StaleListError(message)

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        self.stats.watches += 1
        lines = self._client.watch(
            self.resource,
            self._namespace,
            label_selector=self._labels,
            field_selector=self._fields,
            resource_version=str(self._store.version),
            timeout_seconds=self._rng.randint(*WATCH_SECONDS),
        )
        try:
            async with InactivityGuard(self._inactivity) as guard, aclosing(lines):
                async for line in lines:
                    self.stats.last_heard = guard.heard()
                    self._take(line)
        except TimeoutError as error:
            raise TransportError(f"no sign of life for {self._inactivity:g} s") from error
        finally:
            if loop.time() - started >= LASTED:
                self._progress = True

    def _take(self, line: bytes) -> None:
        try:
            said = self._codec.event(line)
        except MalformedError:
            self.stats.malformed += 1
            raise
        if isinstance(said, ApiError):
            raise said
        self._progress = True
        if isinstance(said, Bookmark):
            self.stats.bookmarks += 1
            self._store.saw_bookmark(said.version)
            return
        self.stats.events += 1
        if isinstance(said, Unreadable):
            self._report_unreadable(said)
            if said.type == "DELETED":
                self._store.saw_deleted(said)
            else:
                self._store.saw_bookmark(int(said.metadata.resourceVersion))
            return
        deleted = said.type == "DELETED" or not self._belongs(said.object)
        fresh = self._store.saw_deleted(said.object) if deleted else self._store.saw(said.object)
        if not fresh:
            self.stats.stale_events += 1

    def _belongs(self, obj: T) -> bool:
        return self._selects is None or self._selects(obj)

    def _report_unreadable(self, bad: Unreadable) -> None:
        self.stats.unreadable += 1
        where = f"{bad.metadata.namespace}/{bad.metadata.name}"
        log.warning("%s %s is skipped: %s", self.resource.kind, where, bad.why)
