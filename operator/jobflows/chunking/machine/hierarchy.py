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

A group that the mount does not show is answered by what is shown of the groups above it: their
limits hold for it too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
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
    mounts = tuple(_mounts(read(root / "proc/self/mountinfo")))
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


def _mounts(text: str) -> Iterator[_Mount]:
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        place, kind = before.split(" "), after.split(" ")
        if len(place) < 6 or kind[0] not in ("cgroup", "cgroup2"):
            continue
        yield _Mount(
            shown=PurePosixPath(_unescape(place[3])),
            point=PurePosixPath(_unescape(place[4])),
            unified=kind[0] == "cgroup2",
            controllers=frozenset(kind[-1].split(",")),
        )


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), text)


def _climb(mounts: list[_Mount], group: PurePosixPath, root: Path) -> list[Level]:
    """Return the groups of the mount that shows the most of them."""
    longest: list[Level] = []
    for mount in mounts:
        point = root / mount.point.relative_to("/")
        inside = PurePosixPath()
        if ".." not in group.parts and group.is_relative_to(mount.shown):
            inside = group.relative_to(mount.shown)
        places = [point / inside, *(point / above for above in inside.parents)]
        seen = [Level(place, mount.unified) for place in places if place.is_dir()]
        if len(seen) > len(longest):
            longest = seen
    return longest
