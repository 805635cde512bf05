"""Container images made on this machine, kept as the files that a registry serves.

An image is three kinds of blob: its layers (tar files), a configuration, and a manifest that names
both by digest. Blobs lie in the cache under their digest; a name is a small file with the digest of
its manifest. `registry.py` serves the folder as it is, so an image added while a cluster runs can be
pulled at once.
"""

import hashlib
import io
import json
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cluster import packages
from cluster.errors import ClusterError
from cluster.paths import cache, exclusive

PAUSE = "docker.io/library/jobflow-pause:1"
BUSYBOX = ("docker.io/library/busybox:latest", "docker.io/library/busybox:1.36")
PYTHON = "docker.io/library/python:3.11-slim"

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_DEBIAN = "python3-minimal,python3.11-minimal,libpython3.11-stdlib,ca-certificates"


def store() -> Path:
    """The folder of all images."""
    return cache() / "images"


def name_file(name: str) -> Path:
    """Where the digest of a full name, `registry/repository:tag`, is written."""
    repository, _, tag = name.rpartition(":")
    return store() / "names" / repository / tag


def blob_file(digest: str) -> Path:
    """Where a blob lies: `sha256:<64 digits>` without its prefix."""
    return store() / "blobs" / digest.removeprefix("sha256:")


def ensure_busybox() -> None:
    """Make the pause and busybox images, unless they are there."""
    with exclusive(store() / "lock"):
        if all(name_file(name).exists() for name in (PAUSE, *BUSYBOX)):
            return
        program = packages.static_busybox()
        if program is None:
            raise ClusterError("no static busybox to make images of")
        with _scratch() as folder:
            layer = folder / "layer.tar"
            _busybox_layer(program, layer)
            # A pod's namespaces are held by a process that does nothing.
            add([PAUSE], [layer], {"Entrypoint": ["/bin/sleep", "2147483647"]})
            add(BUSYBOX, [layer], {"Cmd": ["sh"]})


def ensure_python() -> None:
    """Make the Python image from Debian's packages, unless it is there."""
    with exclusive(store() / "lock"):
        if name_file(PYTHON).exists():
            return
        packages.ensure_python_image()
        print(f"making {PYTHON} (once per machine) …", file=sys.stderr, flush=True)
        with _scratch() as folder:
            root, links = folder / "root.tar", folder / "links.tar"
            command = ["mmdebstrap", "--quiet", "--variant=extract", f"--include={_DEBIAN}"]
            done = subprocess.run(
                [*command, "bookworm", str(root)], stdout=sys.stderr, check=False
            )
            if done.returncode:
                raise ClusterError("mmdebstrap could not make the Python image")
            with tarfile.open(links, "w") as tar:
                for alias in ("python", "python3"):
                    _add_link(tar, f"usr/local/bin/{alias}", "/usr/bin/python3.11")
            add([PYTHON], [root, links], {"Cmd": ["python3"]})


def add(names: Sequence[str], layers: Sequence[Path], run: Mapping[str, Any]) -> None:
    """Store an image of these layers, lowest first, under each full name.

    `run` is the OCI image configuration's `config`: Cmd, Entrypoint, Env, User, WorkingDir.
    """
    described = [_describe(_LAYER, _keep_file(layer), layer.stat().st_size) for layer in layers]
    _store_image(names, described, {"Env": [_PATH], **run})


def extend(base: str, names: Sequence[str], layers: Sequence[Path], run: Mapping[str, Any]) -> None:
    """Store an image that adds layers to a stored one and overrides its `run` settings."""
    manifest = json.loads(blob_file(name_file(base).read_text()).read_text())
    config = json.loads(blob_file(manifest["config"]["digest"]).read_text())
    added = [_describe(_LAYER, _keep_file(layer), layer.stat().st_size) for layer in layers]
    _store_image(names, [*manifest["layers"], *added], {**config["config"], **run})


def _store_image(
    names: Sequence[str], layers: Sequence[Mapping[str, Any]], run: Mapping[str, Any]
) -> None:
    config = {
        "architecture": _architecture(),
        "os": "linux",
        "config": run,
        # Layers are stored unpacked, so that a layer's digest is its difference's identity too.
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
    }
    content = json.dumps(config).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _describe(_CONFIG, _keep(content), len(content)),
        "layers": layers,
    }
    digest = _keep(json.dumps(manifest).encode())
    for name in names:
        path = name_file(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(digest)


def _describe(kind: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest, "size": size}


def _keep(content: bytes) -> str:
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    blob_file(digest).parent.mkdir(parents=True, exist_ok=True)
    blob_file(digest).write_bytes(content)
    return digest


def _keep_file(path: Path) -> str:
    with path.open("rb") as content:
        digest = "sha256:" + hashlib.file_digest(content, "sha256").hexdigest()
    blob_file(digest).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, blob_file(digest))
    return digest


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
    store().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=store()) as folder:
        yield Path(folder)


def _architecture() -> str:
    """The machine in the words of image configurations."""
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
