"""Finds what an operator forgets to forget: the size of every container that it can reach.

Walks from an object through attributes of this project's own classes and through containers, and
adds up lengths by path, such as `queue._due` or `admission._held[].locks`. Two looks at moments
when nothing is going on should be alike; a path that has grown names its leak.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from typing import Any

OURS = "jobflows."
"""What is handed in (the transport, the clock) belongs to others, and is left out."""
_CONTAINERS = (dict, list, set, frozenset, tuple, deque)
_LEAVES = (str, bytes, int, float)


def sizes(root: object) -> Counter[str]:
    """Path -> items, of all containers together that the path leads to."""
    found: Counter[str] = Counter()
    for path, one in _reached(root):
        if isinstance(one, _CONTAINERS):
            found[path] += len(one)
    return found


def weigh(root: object) -> int:
    """Bytes of all that is reached, texts and numbers included."""
    return sum(sys.getsizeof(one) for _, one in _reached(root, leaves=True))


def _reached(root: object, *, leaves: bool = False) -> Iterator[tuple[str, object]]:
    seen: set[int] = set()
    waiting: deque[tuple[str, object]] = deque([("", root)])
    while waiting:
        path, one = waiting.popleft()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield path, one
        if isinstance(one, _LEAVES):
            continue
        if isinstance(one, _CONTAINERS):
            inside = [*one.keys(), *one.values()] if isinstance(one, dict) else list(one)
            more = ((f"{path}[]", item) for item in inside)
        else:
            more = ((f"{path}.{name}".lstrip("."), value) for name, value in _attributes(one))
        kinds = (*_CONTAINERS, *_LEAVES) if leaves else _CONTAINERS
        waiting.extend(
            (where, item)
            for where, item in more
            if isinstance(item, kinds) or type(item).__module__.startswith(OURS)
        )


def grown(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Paths that hold more than they did, with both sizes."""
    return {p: (before.get(p, 0), n) for p, n in sorted(after.items()) if n > before.get(p, 0)}


def timers(loop: asyncio.AbstractEventLoop) -> int:
    """Timers that wait in a loop, cancelled ones included until it drops them."""
    return len(getattr(loop, "_scheduled", ()))


def _attributes(one: object) -> Iterator[tuple[str, Any]]:
    yield from getattr(one, "__dict__", {}).items()
    for kind in type(one).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(one, name):
                yield name, getattr(one, name)
