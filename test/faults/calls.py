"""What the operator asked for, in words that name a place of a run and are the same in each run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

VERBS = {"POST": "create", "PATCH": "patch", "PUT": "update", "DELETE": "delete"}
NAMED_BY_CHANCE = frozenset({"events"})
RECURRING = frozenset({"leases"})
"""Calls that go on for as long as the operator lives: a run has no number of its own for them."""
OF_RECURRING = 4


@dataclass(frozen=True, slots=True, order=True)
class Call:
    """One call: `create jobs chain-a-1`, `list pods #2`. `count` numbers equal ones from 1."""

    verb: str  # get, list, look-up, watch, create, update, patch, delete
    resource: str  # jobs, jobflows/status
    name: str
    count: int

    def __str__(self) -> str:
        words = [self.verb, self.resource, self.name]
        if self.count > 1 or not self.name:
            words.append(f"#{self.count}")
        return " ".join(word for word in words if word)

    @property
    def kind(self) -> str:
        """Without the object: `create jobs`."""
        return f"{self.verb} {self.resource}"


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """The `count`-th event of a resource on its way to the operator."""

    resource: str
    count: int

    def __str__(self) -> str:
        return f"event of {self.resource} #{self.count}"

    @property
    def kind(self) -> str:
        """Without the number."""
        return f"event of {self.resource}"


class Counts:
    """Numbers the calls and events of one run as they come."""

    def __init__(self) -> None:
        self._calls: Counter[tuple[str, str, str]] = Counter()
        self._events: Counter[str] = Counter()

    def call(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Call:
        """The next call."""
        words = _words(method, path, query, body)
        self._calls[words] += 1
        return Call(*words, self._calls[words])

    def event(self, resource: str) -> Event:
        """The next event."""
        self._events[resource] += 1
        return Event(resource, self._events[resource])


def _words(method: str, path: str, query: Mapping[str, str], body: bytes) -> tuple[str, str, str]:
    parts = path.strip("/").split("/")
    if parts[0] not in ("api", "apis"):
        return VERBS.get(method, "get"), path, ""
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        rest = rest[2:]
    if not rest:
        return "get", path, ""
    resource = "/".join([rest[0], *rest[2:]])
    name = rest[1] if len(rest) > 1 else ""
    if method == "GET":
        return _reading(name, query), resource, name
    if method == "POST" and body:
        name = json.loads(body).get("metadata", {}).get("name", "")
    return VERBS[method], resource, "" if rest[0] in NAMED_BY_CHANCE else name


def _reading(name: str, query: Mapping[str, str]) -> str:
    if name:
        return "get"
    if query.get("watch"):
        return "watch"
    whole = query.get("labelSelector", "").count("=") <= 1
    return "list" if whole else "look-up"
