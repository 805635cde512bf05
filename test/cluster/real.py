"""The real mode: what it asks of the machine, the order of its parts, and how all of it goes away.

The order matters: the box brings the address on which the control plane listens, so that pods reach
it; the node comes after the control plane, which it registers with.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster import base_images, box, images, node, packages, processes
from cluster.api import Api
from cluster.box import Box
from cluster.control_plane import Network
from cluster.credentials import REAL_NODE
from cluster.errors import UnavailableError
from cluster.paths import State


@dataclass(frozen=True, slots=True)
class Prepared:
    """A box with a container runtime, waiting for its control plane."""

    box: Box

    @property
    def network(self) -> Network:
        """What the control plane needs to know of the box."""
        return Network(self.box.link.host, self.box.link.services)

    def details(self) -> dict[str, Any]:
        """What only a real cluster has to tell."""
        link = self.box.link
        return {
            "node": REAL_NODE,
            "node_address": link.node,
            "pods": link.pods,
            "services": link.services,
            "images": str(images.store()),
            "enter": " ".join(self.box.enter()),
        }


def require() -> None:
    """Raise UnavailableError unless this machine can run real pods; installs Debian packages."""
    if not sys.platform.startswith("linux"):
        raise UnavailableError("skipped: real pods need Linux")
    if os.geteuid() != 0:
        raise UnavailableError("skipped: real pods need root")
    packages.ensure_node()


def prepare(state: State, with_python: bool) -> Prepared:
    """Make the images and open the box with its container runtime."""
    base_images.ensure_busybox()
    if with_python:
        base_images.ensure_python()
    opened = box.open_box(state, node.binds(state))
    node.start_runtime(opened)
    return Prepared(opened)


def start(prepared: Prepared, programs: Mapping[str, Path], api: Api) -> None:
    """Start the node and return when pods can run on it."""
    node.start(prepared.box, programs, api)


def clear(state: State) -> None:
    """End the box with all that is in it, before the control plane that it talks to."""
    processes.stop(state, [p for p in processes.recorded(state) if p.name == "box"])
    if (state.folder / "kubelet").exists():
        box.remove_cgroups(state)
