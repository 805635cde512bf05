"""Container images made on this machine, kept as the files that a registry serves.

An image is three kinds of blob: its layers (tar files), a configuration, and a manifest that names
both by digest. Blobs lie in the cache under their digest; a name is a small file with the digest of
its manifest. `registry.py` serves the folder as it is, so an image added while a cluster runs can
be pulled at once.
"""

import hashlib
import json
import platform
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cluster.paths import cache

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


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


def add(names: Sequence[str], layers: Sequence[Path], run: Mapping[str, Any]) -> None:
    """Store an image of these layers, lowest first, under each full name.

    `run` is the OCI image configuration's `config`: Cmd, Entrypoint, Env, User, WorkingDir.
    """
    described = [_describe(_LAYER, _keep_file(layer), layer.stat().st_size) for layer in layers]
    _store_image(names, described, {"Env": [PATH], **run})


def extend(base: str, names: Sequence[str], layers: Sequence[Path], run: Mapping[str, Any]) -> None:
    """Store an image that adds layers to a stored one and overrides its `run` settings."""
    manifest = json.loads(blob_file(name_file(base).read_text()).read_text())
    config = json.loads(blob_file(manifest["config"]["digest"]).read_text())
    added = [_describe(_LAYER, _keep_file(layer), layer.stat().st_size) for layer in layers]
    _store_image(names, [*manifest["layers"], *added], {**config["config"], **run})


def size(name: str) -> int:
    """Bytes of the layers of a stored image, as a node unpacks them."""
    manifest = json.loads(blob_file(name_file(name).read_text()).read_text())
    return sum(layer["size"] for layer in manifest["layers"])


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


def _architecture() -> str:
    """The machine in the words of image configurations."""
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
