"""A memory limit that the kernel keeps: a control group for a container, where one may be made.

Root may make them, and so may a user whose session was given its own branch, as systemd does on
many machines. Both versions are known; where neither is to be had, memory is measured instead
(`meter.py`).

|              | version 1                    | version 2                                  |
|--------------|------------------------------|--------------------------------------------|
| limit        | `memory.limit_in_bytes`      | `memory.max`, and no swap                  |
| what is hit  | a process                    | the whole group (`memory.oom.group`)       |
| how often    | `oom_kill` in `memory.oom_control` | `oom_kill` in `memory.events`        |
| highest use  | `memory.max_usage_in_bytes`  | `memory.peak`, since Linux 5.19            |
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
PREFIX = "jobflow-"
"""Of the names of groups; the number of the runner follows."""

ENTER = 'echo $$ > "$0" && exec "$@"'
"""A shell script that goes into a group, and becomes the command. Nothing of the command runs
outside of the group, not even for a moment."""


@dataclass(frozen=True, slots=True)
class Cgroup:
    """A group for one container."""

    folder: Path
    version: int

    def enter(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        """A command that runs `argv` in the group."""
        return ("/bin/sh", "-c", ENTER, str(self.folder / "cgroup.procs"), *argv)

    @property
    def kills(self) -> int:
        """How many of its processes the kernel has killed for want of memory."""
        file = "memory.events" if self.version == 2 else "memory.oom_control"
        found = re.search(r"^oom_kill (\d+)", _read(self.folder / file), re.MULTILINE)
        return int(found[1]) if found else 0

    @property
    def peak(self) -> int | None:
        """Its highest use in bytes, with files that it read or wrote; None if that is unknown."""
        file = "memory.peak" if self.version == 2 else "memory.max_usage_in_bytes"
        text = _read(self.folder / file).strip()
        return int(text) if text.isdigit() else None

    def remove(self) -> None:
        """Remove it; what still dies in it leaves an empty directory behind, and no harm."""
        with suppress(OSError):
            self.folder.rmdir()


@dataclass(frozen=True, slots=True)
class Cgroups:
    """Where groups may be made."""

    parent: Path
    version: int

    @classmethod
    def find(cls, root: Path = ROOT, membership: Path = MEMBERSHIP) -> Cgroups | None:
        """A place where this process may make groups with a memory limit; None without one."""
        for parent, version in _places(root, _read(membership)):
            found = cls(parent, version)
            probe = found.create(2**62)
            if probe is not None:
                probe.remove()
                found.sweep()
                return found
        return None

    def sweep(self) -> None:
        """Remove the groups of runners that were killed, which nobody else does."""
        for folder in self.parent.glob(f"{PREFIX}*"):
            owner = folder.name.removeprefix(PREFIX).partition("-")[0]
            if owner.isdigit() and not Path(f"/proc/{owner}").exists():
                Cgroup(folder, self.version).remove()

    def create(self, limit: int) -> Cgroup | None:
        """A group with a limit in bytes; None when it cannot be made, or has no limit."""
        name = f"{PREFIX}{os.getpid()}-{uuid.uuid4().hex[:12]}"
        group = Cgroup(self.parent / name, self.version)
        try:
            group.folder.mkdir()
        except OSError:
            return None
        try:
            if self.version == 2:
                _write(group.folder / "memory.max", limit)
                with suppress(OSError):  # not every kernel has swap
                    _write(group.folder / "memory.swap.max", 0)
                _write(group.folder / "memory.oom.group", 1)
            else:
                _write(group.folder / "memory.limit_in_bytes", limit)
                with suppress(OSError):
                    _write(group.folder / "memory.memsw.limit_in_bytes", limit)
        except OSError:
            group.remove()
            return None
        return group


def _places(root: Path, membership: str) -> Iterator[tuple[Path, int]]:
    """Directories to try: of version 1 the own group's; of version 2 that, or the one above.

    Version 2 lets a group with processes have no groups of its own, but beside it there may be.
    """
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        own = path.strip("/")
        if "memory" in controllers.split(","):
            yield root / "memory" / own, 1
        elif not controllers:
            for place in (root / own, (root / own).parent):
                if place.is_relative_to(root) and "memory" in _controllers(place):
                    yield place, 2


def _controllers(place: Path) -> list[str]:
    """What groups below `place` can limit."""
    return _read(place / "cgroup.subtree_control").split()


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""


def _write(file: Path, value: int) -> None:
    # Not `write_text`: it would make a file where the kernel has none.
    descriptor = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, str(value).encode())
    finally:
        os.close(descriptor)
