"""How much memory can still be taken before something has to give way.

Two parties may run out: a control group, whose processes are then killed, and the machine. What is
left is the least that either has.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from jobflows.chunking.machine.cgroups import memory_groups
from jobflows.chunking.machine.kernel_files import ROOT, Root, read_fields


@dataclass(frozen=True, slots=True)
class MachineMemory:
    """The memory of the machine in bytes; None is not known."""

    total: int | None
    available: int | None
    """What can be taken without swapping, as the kernel estimates it."""
    swap_total: int | None
    swap_free: int | None


def machine_memory(root: Root = ROOT) -> MachineMemory:
    """Return the memory of the machine, whatever this process may use of it."""
    fields = read_fields(f"{root}/proc/meminfo")
    known = {name: kibibytes * 1024 for name, kibibytes in fields.items()}
    return MachineMemory(
        total=known.get("MemTotal") or _physical(),
        available=known.get("MemAvailable", known.get("MemFree")),
        swap_total=known.get("SwapTotal"),
        swap_free=known.get("SwapFree"),
    )


def available_memory(root: Root = ROOT) -> int:
    """Return the bytes that this process and its children may still take.

    An upper bound: all memory of the machine where the system does not tell what is free, and
    `sys.maxsize` where it tells nothing.
    """
    machine = machine_memory(root)
    bounds = [group.left for group in memory_groups(root)]
    bounds.append(machine.available if machine.available is not None else machine.total)
    return min((bound for bound in bounds if bound is not None), default=sys.maxsize)


def memory_pressure(root: Root = ROOT) -> float:
    """Return the percent in use of what is scarcest: a control group's limit or the machine.

    0 where the system tells nothing.
    """
    machine = machine_memory(root)
    shares = [
        group.usage / group.limit
        for group in memory_groups(root)
        if group.limit and group.usage is not None
    ]
    if machine.total and machine.available is not None:
        shares.append(1 - machine.available / machine.total)
    return 100 * min(1.0, max([0.0, *shares]))


def _physical() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf
        return None
