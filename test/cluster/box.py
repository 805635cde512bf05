"""A box around a real node: namespaces of its own for mounts, network and processes.

A kubelet and a container runtime litter a machine with mounts, network namespaces, iptables rules
and processes that outlive them. In a box all of that is the box's: when its first process ends the
kernel takes the rest with it, however badly things went, and two nodes never meet. What reaches
out of the box is one network link, which goes with it too, and control groups, removed by hand.
"""

import os
import subprocess
import sys
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster import processes
from cluster.api import wait_for
from cluster.errors import ClusterError
from cluster.paths import SOURCE, State, cache, exclusive
from cluster.processes import Process

_CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Link:
    """The addresses of one box, all derived from a number that no other box here has."""

    number: int

    @property
    def interface(self) -> str:
        """The name of this machine's end, below the 15 letters that the kernel allows."""
        return f"jobflow{self.number}"

    @property
    def host(self) -> str:
        """The address of this machine's end: where the API server listens."""
        return f"10.87.{self.number}.1"

    @property
    def node(self) -> str:
        """The address of the box's end: the node's."""
        return f"10.87.{self.number}.2"

    @property
    def pods(self) -> str:
        """The network of the pods, inside the box."""
        return f"10.88.{self.number}.0/24"

    @property
    def services(self) -> str:
        """The network of the Services' virtual addresses."""
        return f"10.96.{self.number}.0/24"


@dataclass(frozen=True, slots=True)
class Box:
    """A box that is open, known by the process that holds it."""

    state: State
    holder: Process
    link: Link

    @property
    def cgroup(self) -> str:
        """The control group above all of the node's."""
        return cgroup(self.state)

    def enter(self) -> list[str]:
        """The beginning of a command line that runs the rest of it inside the box."""
        pid = self.holder.pid
        # The holder itself was in no new process namespace, only its children are.
        return ["nsenter", f"--target={pid}", "--mount", "--net", _pids(pid), "--"]

    def run(self, *command: str) -> None:
        """Run a command inside and wait for it; raises ClusterError with its words if it fails."""
        run(*self.enter(), *command)


def _pids(pid: int) -> str:
    return f"--pid=/proc/{pid}/ns/pid_for_children"


def cgroup(state: State) -> str:
    """The name of a cluster's control group, the same in every hierarchy.

    Control groups belong to the machine, and each cache may have a cluster of this name.
    """
    return f"jobflow-{state.name}-{zlib.crc32(os.fsencode(state.folder)):08x}"


def run(*command: str) -> str:
    """Run a command of this machine; returns its output, raises ClusterError if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"`{' '.join(command)}`: {done.stderr.strip() or done.returncode}")
    return done.stdout


def open_box(state: State, binds: Sequence[tuple[Path, Path]]) -> Box:
    """Open a box in which each first path of `binds` is seen at the second, and link it."""
    mark = state.folder / "box.ready"
    arguments = [f"{inside}={outside}" for outside, inside in binds]
    for outside, inside in binds:
        outside.mkdir(parents=True, exist_ok=True)
        inside.mkdir(parents=True, exist_ok=True)
    for hierarchy in _hierarchies():
        (hierarchy / cgroup(state)).mkdir(exist_ok=True)
    holder = processes.start(
        state,
        "box",
        [
            *("unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"),
            *("--propagation", "private"),
            sys.executable,
            SOURCE / "box_init.py",
            mark,
            *arguments,
        ],
    )

    def ready() -> bool:
        if not holder.alive():
            raise ClusterError(f"the box closed:\n{processes.log_tail(state, 'box')}")
        return mark.exists()

    wait_for("the box is open", ready, seconds=10)
    return Box(state, holder, _connect(holder.pid))


def remove_cgroups(state: State) -> None:
    """Remove the control groups of a closed box, deepest first, as the kernel empties them."""
    for hierarchy in _hierarchies():
        top = hierarchy / cgroup(state)
        for folder, _, _ in os.walk(top, topdown=False):
            _remove_cgroup(Path(folder))


def _remove_cgroup(folder: Path) -> None:
    for _ in range(2000):
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise ClusterError(f"{folder} is still in use")


def _hierarchies() -> list[Path]:
    """The roots that control groups are made in: one of version 2, or several of version 1."""
    if (_CGROUPS / "cgroup.controllers").exists():
        return [_CGROUPS]
    return [p for p in _CGROUPS.iterdir() if p.is_dir() and not p.is_symlink()]


def _connect(pid: int) -> Link:
    """Give the box a link to this machine, on addresses that nothing here uses yet."""
    with exclusive(cache() / "network.lock"):
        routes = run("ip", "-4", "route", "show", "table", "all") + run("ip", "-4", "address")
        for number in range(256):
            link = Link(number)
            if not any(f"{net}.{number}." in routes for net in ("10.87", "10.88", "10.96")):
                break
        else:
            raise ClusterError("no network is left for one more node")
        end = ("peer", "name", "eth0", "netns", str(pid))
        run("ip", "link", "add", link.interface, "type", "veth", *end)
        run("ip", "address", "add", f"{link.host}/30", "dev", link.interface)
        run("ip", "link", "set", link.interface, "up")
    inside = ("nsenter", f"--target={pid}", "--net", "--", "ip")
    run(*inside, "address", "add", f"{link.node}/30", "dev", "eth0")
    run(*inside, "link", "set", "eth0", "up")
    run(*inside, "link", "set", "lo", "up")
    run(*inside, "route", "add", "default", "via", link.host)
    # Pods and Services are reached from this machine as well: a webhook is, and a test may be.
    for network in (link.pods, link.services):
        run("ip", "route", "replace", network, "via", link.node)
    return link
