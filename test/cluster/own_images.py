"""`jobflow-operator` and `jobflow-runtime`: what `deploy/Dockerfile` makes, without an engine.

Debian's files and the wheels are one layer, made once for each list of them; the code is another,
made each time, since it changes.
"""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from cluster import images, packages
from cluster.errors import ClusterError
from cluster.paths import exclusive

Target = Literal["operator", "runtime"]

RUNTIME = "docker.io/library/jobflow-runtime:dev"
OPERATOR = "docker.io/library/jobflow-operator:dev"

_ROOT = Path(__file__).resolve().parents[2]
_IMAGE = _ROOT / "deploy" / "image"
_ENV = ["PATH=/usr/local/bin:/usr/bin:/bin", "PYTHONUNBUFFERED=1"]
_USER = {"Env": _ENV, "User": "65532:65532"}

RUN: Mapping[Target, Mapping[str, Any]] = {
    "operator": {**_USER, "Entrypoint": ["jobflow-operator"], "Cmd": []},
    "runtime": {**_USER, "Cmd": ["python3"]},
}
"""What the Dockerfile says of each image besides its files."""


def ensure(target: Target, *names: str) -> int:
    """Make the image and store it under these names; returns its size in bytes."""
    names = names or ({"operator": OPERATOR, "runtime": RUNTIME}[target],)
    with exclusive(images.store() / "lock"):
        base = f"docker.io/library/jobflow-{target}-base:{_version(target)}"
        if not images.name_file(base).exists():
            packages.ensure_mmdebstrap()
            print(f"making {base} (once per machine) …", file=sys.stderr, flush=True)
            with _layer("base", target) as layer:
                images.add([base], [layer], {})
        with _layer("code", target) as layer:
            images.extend(base, names, [layer], RUN[target])
        return images.size(names[0])


def _version(target: Target) -> str:
    """The same as long as the base would be."""
    made_of = [_IMAGE / "tree.py", _IMAGE / f"{target}.txt"]
    if target == "operator":
        made_of.append(_ROOT / "requirements-operator.lock")
    return hashlib.sha256(b"".join(file.read_bytes() for file in made_of)).hexdigest()[:12]


@contextmanager
def _layer(part: str, target: Target) -> Iterator[Path]:
    """A part of the image as a tar file, the same for the same files."""
    with tempfile.TemporaryDirectory(dir=images.store()) as folder:
        tree, layer = Path(folder) / "tree", Path(folder) / "layer.tar"
        command = [sys.executable, str(_IMAGE / "tree.py"), part, target, str(tree)]
        if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
            raise ClusterError(f"`{' '.join(command)}` failed")
        with tarfile.open(layer, "w") as tar:
            tar.add(tree, ".", filter=_as_root)
        yield layer


def _as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = "root"
    return entry
