"""Watches: each is a queue that the store fills and one client drains.

A watch starts either from everything there is (no resourceVersion, or "0") or from the changes
since a version; if those are forgotten the stream opens with 200 and says ERROR 410, as the real
watch cache does. Objects that begin or cease to match the selector appear as ADDED and DELETED.
Bookmarks come each minute and two seconds before the watch's own timeout.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from model.errors import ApiError, expired, invalid
from model.kinds import Kind
from model.routes import Route
from model.selectors import Predicate, selector
from model.storage import Change, Record, Storage

BOOKMARK_SECONDS = 60.0
BOOKMARK_BEFORE_END = 2.0
INITIAL_EVENTS_END = "k8s.io/initial-events-end"


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a stream. `due` is when it may reach the client, in seconds of the clock."""

    type: str
    line: bytes
    namespace: str
    name: str
    due: float


class Watcher:
    """One open watch of one client."""

    def __init__(self, client: str, kind: Kind, namespace: str, matches: Predicate | None) -> None:
        self.client = client
        self.kind = kind
        self.namespace = namespace
        self.matches = matches
        self.after = 0  # changes up to this version are not for this watch
        self.queue: deque[Event] = deque()
        self.ended = False  # in order: what is queued is still delivered
        self.broken = False  # at once, as a lost connection
        self.wake: Callable[[], None] = lambda: None

    def push(self, event: Event) -> None:
        if not self.ended:
            self.queue.append(event)
            self.wake()

    def end(self) -> None:
        self.ended = True
        self.wake()

    def break_now(self) -> None:
        self.broken = True
        self.wake()


def encode(event_type: str, body: bytes) -> bytes:
    return b'{"type":"%s","object":%s}' % (event_type.encode(), body)


def error_event(error: ApiError, due: float) -> Event:
    return Event("ERROR", encode("ERROR", error.body), "", "", due)


class Watchers:
    """All open watches; the store tells it of each change."""

    def __init__(self, storage: Storage, due: Callable[[], float]) -> None:
        self._storage = storage
        self._due = due
        self.open: dict[Kind, list[Watcher]] = {}
        storage.listeners.append(self._changed)

    def start(self, client: str, route: Route, query: Mapping[str, str]) -> Watcher:
        """Open a watch and queue what it begins with."""
        fields = query.get("fieldSelector", "")
        if route.name:
            fields = ",".join(filter(None, (fields, f"metadata.name={route.name}")))
        matches = selector(route.kind, query.get("labelSelector", ""), fields)
        watcher = Watcher(client, route.kind, route.namespace, matches)
        version = _version(route.kind, query)
        initial = query.get("sendInitialEvents")
        if version == 0 if initial is None else initial == "true":
            for record in self._storage.select(route.kind, route.namespace):
                if matches is None or matches(record):
                    self._push(watcher, "ADDED", record)
            watcher.after = self._storage.rv
            if initial == "true" and query.get("allowWatchBookmarks") == "true":
                self.bookmark(watcher, {INITIAL_EVENTS_END: "true"})
        elif version and not self._storage.remembers(version):
            watcher.push(error_event(expired(version, self._storage.compacted), self._due()))
            watcher.end()
            return watcher
        else:
            watcher.after = version or self._storage.rv
            for change in self._storage.since(route.kind, watcher.after):
                self._deliver(watcher, change)
        self.open.setdefault(route.kind, []).append(watcher)
        return watcher

    def stop(self, watcher: Watcher) -> None:
        watchers = self.open.get(watcher.kind, [])
        if watcher in watchers:
            watchers.remove(watcher)

    def all(self) -> list[Watcher]:
        return [watcher for watchers in self.open.values() for watcher in watchers]

    def bookmark(self, watcher: Watcher, annotations: Mapping[str, str] | None = None) -> None:
        """Tell the watcher that it has seen all there is up to now.

        Not one that began here: the server has bookmarks only for what is newer.
        """
        if self._storage.rv <= watcher.after and not annotations:
            return
        metadata: dict[str, object] = {"resourceVersion": str(self._storage.rv)}
        if annotations:
            metadata["annotations"] = annotations
        kind = watcher.kind
        body = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": metadata}
        line = encode("BOOKMARK", msgspec.json.encode(body))
        watcher.push(Event("BOOKMARK", line, "", "", self._due()))

    def _changed(self, change: Change) -> None:
        for watcher in self.open.get(change.new.kind, ()):
            self._deliver(watcher, change)

    def _deliver(self, watcher: Watcher, change: Change) -> None:
        new, old, matches = change.new, change.old, watcher.matches
        if watcher.namespace not in ("", new.namespace) or change.rv <= watcher.after:
            return
        if matches is None:
            was, now = old is not None, not change.deleted
        else:
            was = old is not None and matches(old)
            now = not change.deleted and matches(new)
        if now:
            self._push(watcher, "MODIFIED" if was else "ADDED", new)
        elif was:
            assert old is not None
            # An object that leaves the selection is shown as it last matched.
            self._push(watcher, "DELETED", new if change.deleted else old.at(change.rv))

    def _push(self, watcher: Watcher, event_type: str, record: Record) -> None:
        line = encode(event_type, record.json)
        watcher.push(Event(event_type, line, record.namespace, record.name, self._due()))


def _version(kind: Kind, query: Mapping[str, str]) -> int:
    text = query.get("resourceVersion", "")
    match = query.get("resourceVersionMatch")
    initial = query.get("sendInitialEvents")
    causes: list[tuple[str, str, str]] = []
    if initial is not None and match != "NotOlderThan":
        text_ = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        causes.append(("FieldValueForbidden", text_, "resourceVersionMatch"))
    elif initial is None and match is not None:
        text_ = "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents"
        text_ += " is provided"
        causes.append(("FieldValueForbidden", text_, "resourceVersionMatch"))
    if match not in (None, "NotOlderThan"):
        text_ = f'Unsupported value: "{match}": supported values: "NotOlderThan"'
        causes.append(("FieldValueNotSupported", text_, "resourceVersionMatch"))
    if causes:
        # The real server validates ListOptions, a kind without a resource of its own.
        raise invalid(_LIST_OPTIONS, "", causes)
    if text and not text.isdigit():
        why = f'Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        raise ApiError(500, "", f"resourceVersion: {why}", {})
    return int(text or 0)


_LIST_OPTIONS = Kind("meta.k8s.io", "v1", "listoptions", "ListOptions")
