"""Where the control groups of this process are: its own and all above it that can be seen.

Two files tell. `/proc/self/cgroup` has the path of the group within its hierarchy, one line for
each hierarchy of version 1 and one for version 2; both versions at once are usual. The mounts are
in `/proc/self/mountinfo`, which also tells what part of the hierarchy a mount shows: a container
often sees only its own part, as a bind mount or in a namespace, so the two paths must be matched.

    path of the group   part that is mounted   where
    /kubepods/pod1/c1   /                      <mount>/kubepods/pod1/c1, and all above it
    /kubepods/pod1/c1   /kubepods/pod1/c1      <mount>
    /                   /                      <mount>: a namespace, or no group at all
    /docker/c1          /                      <mount>, if it does not show /docker/c1
    /                   /../..                 two below <mount>, where cgroup.procs has the process

A group that the mount does not show is answered by what is shown of the groups above it: their
limits hold for it too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from jobflows.chunking.machine.kernel_files import Root, listed, read

_ESCAPE = re.compile(r"\\([0-7]{3})")
_REMOVED = " (deleted)"


@dataclass(frozen=True, slots=True)
class Level:
    """One group of a hierarchy."""

    directory: str
    unified: bool
    """Whether it belongs to version 2."""


@dataclass(frozen=True, slots=True)
class _Mount:
    shown: str
    """The group at its root."""
    point: str
    unified: bool
    controllers: frozenset[str]


def levels(controller: str, root: Root) -> tuple[Level, ...]:
    """Return the groups that may limit this process, its own first, then the one above, and so on.

    A controller is in one version only, but which one is known only from the files that are there.
    So groups of version 1 come first, if it has the controller, then those of version 2.
    """
    groups, mounts = read(f"{root}/proc/self/cgroup"), read(f"{root}/proc/self/mountinfo")
    return _levels(controller, groups, mounts, str(root), os.getpid())


def own_unified(root: Root) -> str | None:
    """Return the directory of this process's group of version 2; None if there is none to see."""
    return next((level.directory for level in levels("", root)), None)


@lru_cache(maxsize=16)  # asked for several times a second, and hardly ever another
def _levels(controller: str, groups: str, mounts: str, root: str, _pid: int) -> tuple[Level, ...]:
    found: list[Level] = []
    for unified, group in _own_groups(groups, controller):
        fitting = [
            mount
            for mount in _mounts(mounts)
            if mount.unified == unified and (unified or controller in mount.controllers)
        ]
        found.extend(_climb(fitting, group, root))
    return tuple(found)


def _own_groups(text: str, controller: str) -> Iterator[tuple[bool, str]]:
    legacy, unified = [], []
    for line in text.splitlines():
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        group = path.removesuffix(_REMOVED) or "/"
        if number == "0" and not names:
            unified.append((True, group))
        elif controller in names.split(","):
            legacy.append((False, group))
    yield from legacy
    yield from unified


def _mounts(text: str) -> list[_Mount]:
    found: dict[str, _Mount] = {}
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        place, kind = before.split(" "), after.split(" ")
        if len(place) < 6 or kind[0] not in ("cgroup", "cgroup2"):
            continue
        point = _unescape(place[4])
        # A later mount hides an earlier one at the same place.
        found[point] = _Mount(
            shown=_unescape(place[3]),
            point=point,
            unified=kind[0] == "cgroup2",
            controllers=frozenset(kind[-1].split(",")),
        )
    return list(found.values())


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), text)


def _climb(mounts: list[_Mount], group: str, root: str) -> list[Level]:
    """Return the groups of the mount that shows this one, and the most of those above it."""
    found = (_seen(mount, group, root) for mount in mounts)
    return max(found, key=lambda seen: (seen[0], len(seen[1])), default=(False, []))[1]


def _seen(mount: _Mount, group: str, root: str) -> tuple[bool, list[Level]]:
    """Return whether a mount shows a group, and what it shows from there upwards."""
    point = root + mount.point
    inside, shown = _names(group), _names(mount.shown)
    shows = ".." not in inside and inside[: len(shown)] == shown
    if shows:
        inside = inside[len(shown) :]
    elif shown and set(shown) == {".."}:
        pid = read(f"{root}/proc/self/stat").partition(" ")[0]
        below = _search(point, len(shown), inside, pid)
        shows, inside = below is not None, below or []
    else:
        inside = []
    places = ["/".join([point, *inside[:depth]]) for depth in range(len(inside), -1, -1)]
    return shows, [Level(place, mount.unified) for place in places if os.path.isdir(place)]


def _search(point: str, depth: int, group: list[str], pid: str) -> list[str] | None:
    """Find the process below a mount that begins above its namespace, which hides the names."""
    above: list[list[str]] = [[]]
    for _ in range(depth):
        above = [[*names, name] for names in above for name in listed("/".join([point, *names]))]
    for names in above:
        processes = read("/".join([point, *names, *group, "cgroup.procs"]))
        if pid and pid in processes.split():
            return [*names, *group]
    return None


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name]
