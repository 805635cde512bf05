"""The Debian packages that a real node is made of, installed when they are missing."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from cluster.errors import UnavailableError

CNI_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))


def cni_folder() -> Path | None:
    """Where the network plugins are: Debian's place, else the one upstream uses."""
    return next((folder for folder in CNI_FOLDERS if (folder / "host-local").exists()), None)


def static_busybox() -> Path | None:
    """A busybox that runs without libraries, as it must in an image of nothing else."""
    found = shutil.which("busybox")
    # A dynamic program names its loader at its beginning.
    if found is None or b"/ld-" in Path(found).read_bytes()[:4096]:
        return None
    return Path(found).resolve()


def _on_path(*names: str) -> Callable[[], bool]:
    return lambda: all(shutil.which(name) for name in names)


_NODE: Mapping[str, Callable[[], bool]] = {
    "containerd": _on_path("containerd", "containerd-shim-runc-v2", "ctr"),
    "runc": _on_path("runc"),
    "containernetworking-plugins": lambda: cni_folder() is not None,
    "busybox-static": lambda: static_busybox() is not None,
    "iptables": _on_path("iptables", "ip6tables"),
    "iproute2": _on_path("ip"),
    "util-linux": _on_path("unshare", "nsenter", "mount"),
}
_MMDEBSTRAP: Mapping[str, Callable[[], bool]] = {"mmdebstrap": _on_path("mmdebstrap")}


def ensure_node() -> None:
    """Make sure of all that a node needs; raises UnavailableError naming what is missing."""
    _ensure(_NODE)


def ensure_mmdebstrap() -> None:
    """Make sure of the tool that unpacks Debian packages into images."""
    _ensure(_MMDEBSTRAP)


def _missing(wanted: Mapping[str, Callable[[], bool]]) -> list[str]:
    return [package for package, present in wanted.items() if not present()]


def _ensure(wanted: Mapping[str, Callable[[], bool]]) -> None:
    missing = _missing(wanted)
    if missing and shutil.which("apt-get") and os.geteuid() == 0:
        _install(missing)
        missing = _missing(wanted)
    if missing:
        raise UnavailableError(f"skipped: real pods need the Debian packages {' '.join(missing)}")


def _install(packages: Iterable[str]) -> None:
    packages = list(packages)
    print(f"installing {' '.join(packages)} (once per machine) …", file=sys.stderr, flush=True)
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    for command in (["apt-get", "update", "-qq"], install):
        # A failure shows in what is still missing afterwards; its words belong to the user.
        subprocess.run(
            command,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=False,
        )
