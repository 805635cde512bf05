"""`jobflow-runtime`: the image in which map steps run, from Debian packages and this source.

What it holds is written in `deploy/runtime/packages.txt`: Python with its library, a shell,
and JobFlow without its dependencies. The packages are one layer, made once a machine; the code is
another, made each time, since it changes.
"""

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from cluster import images, packages
from cluster.errors import ClusterError
from cluster.paths import exclusive

RUNTIME = "docker.io/library/jobflow-runtime:dev"
BASE = "docker.io/library/jobflow-runtime-base:4"

_ROOT = Path(__file__).resolve().parents[2]
_LIST = _ROOT / "deploy" / "runtime" / "packages.txt"
_CODE = "usr/lib/python3/dist-packages"
_COMMAND = """\
#!/usr/bin/python3.11
from jobflows.cli.entry import main

main()
"""
_LEFT_OUT = (
    "usr/share/doc/",
    "usr/share/man/",
    "usr/share/info/",
    "usr/share/locale/",
    "usr/lib/x86_64-linux-gnu/gconv/",  # iconv's encodings; Python has its own
    "usr/lib/python3.11/pydoc_data/",
    "usr/lib/python3.11/test/",
    "usr/bin/dpkg",  # and its relatives: nothing is installed in a running pod
    "bin/tar",
)


def ensure_runtime() -> int:
    """Make the image; returns its size in bytes."""
    with exclusive(images.store() / "lock"):
        if not images.name_file(BASE).exists():
            _make_base()
        with tempfile.TemporaryDirectory(dir=images.store()) as folder:
            layer = Path(folder) / "code.tar"
            with tarfile.open(layer, "w") as tar:
                _add_code(tar)
            images.extend(BASE, [RUNTIME], [layer], {"Env": [images.PATH, "PYTHONUNBUFFERED=1"]})
        return images.size(RUNTIME)


def _make_base() -> None:
    packages.ensure_python_image()
    print(f"making {BASE} (once per machine) …", file=sys.stderr, flush=True)
    lines = (line.strip() for line in _LIST.read_text().splitlines())
    wanted = ",".join(line for line in lines if line and not line.startswith("#"))
    with tempfile.TemporaryDirectory(dir=images.store()) as folder:
        whole, kept = Path(folder) / "whole.tar", Path(folder) / "kept.tar"
        command = ["mmdebstrap", "--quiet", "--variant=extract", f"--include={wanted}"]
        done = subprocess.run([*command, "bookworm", str(whole)], stdout=sys.stderr, check=False)
        if done.returncode:
            raise ClusterError("mmdebstrap could not make the runtime image")
        _leave_out(whole, kept)
        images.add([BASE], [kept], {"Cmd": ["python3"]})


def _leave_out(whole: Path, kept: Path) -> None:
    """Copy a layer: without what nobody calls in a pod, with the links of Debian's scripts."""
    with tarfile.open(whole) as source, tarfile.open(kept, "w") as target:
        for member in source:
            if not member.name.removeprefix("./").startswith(_LEFT_OUT):
                target.addfile(member, source.extractfile(member) if member.isreg() else None)
        for alias in ("python", "python3"):
            link = tarfile.TarInfo(f"usr/local/bin/{alias}")
            link.type, link.linkname = tarfile.SYMTYPE, "/usr/bin/python3.11"
            target.addfile(link)


def _add_code(tar: tarfile.TarFile) -> None:
    source = _ROOT / "operator" / "jobflows"
    for file in sorted(source.rglob("*.py")):
        tar.add(file, f"{_CODE}/jobflows/{file.relative_to(source)}", filter=_as_root)
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write(_COMMAND)
        script.flush()
        tar.add(script.name, "usr/local/bin/jobflow", filter=_executable)


def _as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode, entry.mtime = 0o644, 0  # the same code is the same layer
    return entry


def _executable(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry = _as_root(entry)
    entry.mode = 0o755
    return entry
