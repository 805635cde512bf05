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

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from jobflows.chunking.machine.kernel_files import read

_ESCAPE = re.compile(r"\\([0-7]{3})")
_REMOVED = " (deleted)"


@dataclass(frozen=True, slots=True)
class Level:
    """One group of a hierarchy."""

    directory: Path
    unified: bool
    """Whether it belongs to version 2."""

    def file(self, unified: str, legacy: str) -> Path:
        """Return the file that has this name in version 2, and that in version 1."""
        return self.directory / (unified if self.unified else legacy)


@dataclass(frozen=True, slots=True)
class _Mount:
    shown: PurePosixPath
    """The group at its root."""
    point: PurePosixPath
    unified: bool
    controllers: frozenset[str]


def levels(controller: str, root: Path) -> tuple[Level, ...]:
    """Return the groups that may limit this process, its own first, then the one above, and so on.

    A controller is in one version only, but which one is known only from the files that are there.
    So groups of version 1 come first, if it has the controller, then those of version 2.
    """
    mounts = _mounts(read(root / "proc/self/mountinfo"))
    found: list[Level] = []
    for unified, group in _own_groups(read(root / "proc/self/cgroup"), controller):
        fitting = [
            mount
            for mount in mounts
            if mount.unified == unified and (unified or controller in mount.controllers)
        ]
        found.extend(_climb(fitting, group, root))
    return tuple(found)


def own_unified(root: Path) -> Path | None:
    """Return the directory of this process's group of version 2; None if there is none to see."""
    for level in levels("", root):
        return level.directory
    return None


def _own_groups(text: str, controller: str) -> Iterator[tuple[bool, PurePosixPath]]:
    legacy, unified = [], []
    for line in text.splitlines():
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        group = PurePosixPath(path.removesuffix(_REMOVED) or "/")
        if number == "0" and not names:
            unified.append((True, group))
        elif controller in names.split(","):
            legacy.append((False, group))
    yield from legacy
    yield from unified


@lru_cache(maxsize=4)  # asked for several times a second, and hardly ever another
def _mounts(text: str) -> tuple[_Mount, ...]:
    found: dict[PurePosixPath, _Mount] = {}
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        place, kind = before.split(" "), after.split(" ")
        if len(place) < 6 or kind[0] not in ("cgroup", "cgroup2"):
            continue
        point = PurePosixPath(_unescape(place[4]))
        # A later mount hides an earlier one at the same place.
        found[point] = _Mount(
            shown=PurePosixPath(_unescape(place[3])),
            point=point,
            unified=kind[0] == "cgroup2",
            controllers=frozenset(kind[-1].split(",")),
        )
    return tuple(found.values())


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), text)


def _climb(mounts: list[_Mount], group: PurePosixPath, root: Path) -> list[Level]:
    """Return the groups of the mount that shows this one, and the most of those above it."""
    found = (_seen(mount, group, root) for mount in mounts)
    return max(found, key=lambda seen: (seen[0], len(seen[1])), default=(False, []))[1]


def _seen(mount: _Mount, group: PurePosixPath, root: Path) -> tuple[bool, list[Level]]:
    """Return whether a mount shows a group, and what it shows from there upwards."""
    point = root / mount.point.relative_to("/")
    inside = PurePosixPath()
    shows = ".." not in group.parts and group.is_relative_to(mount.shown)
    if shows:
        inside = group.relative_to(mount.shown)
    elif set(mount.shown.parts) == {"/", ".."}:
        pid = read(root / "proc/self/stat").partition(" ")[0]
        below = _search(point, len(mount.shown.parts) - 1, group.relative_to("/"), pid)
        shows, inside = below is not None, below or inside
    places = [point / inside, *(point / above for above in inside.parents)]
    return shows, [Level(place, mount.unified) for place in places if place.is_dir()]


@lru_cache(maxsize=16)
def _search(point: Path, depth: int, group: PurePosixPath, pid: str) -> PurePosixPath | None:
    """Find the process below a mount that begins above its namespace, which hides the names."""
    for place in point.glob("/".join("*" * depth)):
        if pid and pid in read(place / group / "cgroup.procs").split():
            return PurePosixPath((place / group).relative_to(point))
    return None
