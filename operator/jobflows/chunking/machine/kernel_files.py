"""Reads files of the kernel that may be missing, empty, unreadable or about to vanish.

A cgroup can be removed between two reads, a container may hide half of /sys, and some kernels
answer a read with ENODEV or EOPNOTSUPP. None of it is an error here: such a file says nothing.
"""

from __future__ import annotations

import os

Root = str | os.PathLike[str]
"""Where a file system begins."""

ROOT: Root = ""
"""This machine's. Paths are strings, since `pathlib` doubles the time of looking and of importing;
some of it is looked at ten times a second."""


def read(path: str) -> str:
    """Return the text of a file without blanks around it; empty if there is none."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.readall().decode(errors="replace").strip()
    except (OSError, ValueError):  # ValueError: such a name cannot be
        return ""


def listed(directory: str) -> list[str]:
    """Return the names in a directory; none if there is no such directory."""
    try:
        return sorted(os.listdir(directory))
    except (OSError, ValueError):
        return []


def whole(text: str) -> int | None:
    """Read a whole number; None for `max`, nothing, or anything else."""
    try:
        return int(text)
    except ValueError:
        return None


def read_whole(path: str) -> int | None:
    """Return the number in a file; None if there is none."""
    return whole(read(path))


def read_fields(path: str) -> dict[str, int]:
    """Return lines such as `nr_throttled 3` or `MemTotal: 1024 kB`, by name, in their own units."""
    found: dict[str, int] = {}
    for line in read(path).splitlines():
        words = line.split()
        number = whole(words[1]) if len(words) > 1 else None
        if number is not None:
            found[words[0].rstrip(":")] = number
    return found


def read_cpus(path: str) -> tuple[int, ...]:
    """Return the numbers of a list such as `0-3,8`; empty if the file has none."""
    cpus: list[int] = []
    for part in read(path).split(","):
        first, _, last = part.partition("-")
        start = whole(first)
        end = whole(last) if last else start
        if start is not None and end is not None:
            cpus.extend(range(start, end + 1))
    return tuple(cpus)


def read_size(path: str) -> int:
    """Return bytes of a size such as `32K` or `8M`; 0 if the file has none."""
    text = read(path)
    number = whole(text.rstrip("KMG"))
    if number is None or number < 0:
        return 0
    return number << {"K": 10, "M": 20, "G": 30}.get(text[-1], 0)
