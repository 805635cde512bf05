"""The images that every real node can pull, made from Debian's packages.

Busybox stands for its namesake and, asleep, for the process that holds a pod's namespaces. Python
is optional: it takes longer, and only tests that run Python in pods want it.
"""

import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster import images, packages
from cluster.errors import ClusterError
from cluster.paths import exclusive

PAUSE = "docker.io/library/jobflow-pause:1"
BUSYBOX = ("docker.io/library/busybox:latest", "docker.io/library/busybox:1.36")
PYTHON = "docker.io/library/python:3.11-slim"
_DEBIAN = "python3-minimal,python3.11-minimal,libpython3.11-stdlib,ca-certificates"


def ensure_busybox() -> None:
    """Make the pause and busybox images, unless they are there."""
    with exclusive(images.store() / "lock"):
        if all(images.name_file(name).exists() for name in (PAUSE, *BUSYBOX)):
            return
        program = packages.static_busybox()
        if program is None:
            raise ClusterError("no static busybox to make images of")
        with _scratch() as folder:
            layer = folder / "layer.tar"
            _busybox_layer(program, layer)
            # A pod's namespaces are held by a process that does nothing.
            images.add([PAUSE], [layer], {"Entrypoint": ["/bin/sleep", "2147483647"]})
            images.add(BUSYBOX, [layer], {"Cmd": ["sh"]})


def ensure_python() -> None:
    """Make the Python image from Debian's packages, unless it is there."""
    with exclusive(images.store() / "lock"):
        if images.name_file(PYTHON).exists():
            return
        packages.ensure_mmdebstrap()
        print(f"making {PYTHON} (once per machine) …", file=sys.stderr, flush=True)
        with _scratch() as folder:
            root, links = folder / "root.tar", folder / "links.tar"
            command = ["mmdebstrap", "--quiet", "--variant=extract", f"--include={_DEBIAN}"]
            done = subprocess.run([*command, "bookworm", str(root)], stdout=sys.stderr, check=False)
            if done.returncode:
                raise ClusterError("mmdebstrap could not make the Python image")
            with tarfile.open(links, "w") as tar:
                for alias in ("python", "python3"):
                    _add_link(tar, f"usr/local/bin/{alias}", "/usr/bin/python3.11")
            images.add([PYTHON], [root, links], {"Cmd": ["python3"]})


def _busybox_layer(program: Path, target: Path) -> None:
    """Busybox, a link for each of its commands, and the few files that programs look for."""
    listing = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
    with tarfile.open(target, "w") as tar:
        for folder, mode in (("bin", 0o755), ("etc", 0o755), ("root", 0o700), ("tmp", 0o1777)):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            tar.addfile(entry)
        content = program.read_bytes()
        _add_file(tar, "bin/busybox", content, 0o755)
        for command in listing.stdout.split():
            if command != "busybox":
                _add_link(tar, f"bin/{command}", "busybox")
        users = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
        _add_file(tar, "etc/passwd", users.encode(), 0o644)
        _add_file(tar, "etc/group", b"root:x:0:\nnogroup:x:65534:\n", 0o644)


def _add_file(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def _add_link(tar: tarfile.TarFile, name: str, target: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    tar.addfile(entry)


@contextmanager
def _scratch() -> Iterator[Path]:
    images.store().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=images.store()) as folder:
        yield Path(folder)
