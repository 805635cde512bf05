"""Programs out of Debian's packages, unpacked into the cache: without root, nothing is installed.

For tools that no Go module or Python package has ready, on machines of Debian and its like. The
lists of packages may be missing, and only root may fetch them to where apt looks; so they are
fetched to a folder of ours then.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from cluster.errors import UnavailableError
from cluster.paths import cache, exclusive


def unpacked(package: str) -> Path:
    """The folder with the files of a package; raises UnavailableError where it cannot be had."""
    folder = cache() / "debian" / package
    if folder.exists():
        return folder
    with exclusive(cache() / "debian.lock"):
        if not folder.exists():
            _fetch(package, folder)
    return folder


def _fetch(package: str, folder: Path) -> None:
    missing = [tool for tool in ("apt-get", "dpkg-deb") if shutil.which(tool) is None]
    if missing:
        raise UnavailableError(
            f"skipped: {package} comes from Debian's package, and there is no {missing[0]}"
        )
    print(f"fetching Debian's {package} (once per machine) …", file=sys.stderr, flush=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        scratch = Path(name)
        lists = _lists(scratch)
        if not (
            _ran("apt-get", "download", package, within=scratch)
            or (
                _ran("apt-get", *lists, "update", within=scratch)
                and _ran("apt-get", *lists, "download", package, within=scratch)
            )
        ):
            raise UnavailableError(f"skipped: apt-get could not download the package {package}")
        (archive,) = scratch.glob("*.deb")
        content = scratch / "content"
        if not _ran("dpkg-deb", "--extract", str(archive), str(content), within=scratch):
            raise UnavailableError(f"skipped: {archive.name} could not be unpacked")
        content.rename(folder)


def _lists(scratch: Path) -> list[str]:
    """Options for apt-get to keep its lists of packages in `scratch`."""
    kept = {"Dir::State::Lists": scratch / "lists", "Dir::Cache": scratch / "cache"}
    for place in kept.values():
        (place / "partial").mkdir(parents=True)
    return [word for name, place in kept.items() for word in ("-o", f"{name}={place}")]


def _ran(*command: str, within: Path) -> bool:
    done = subprocess.run(
        command, cwd=within, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(f"{' '.join(command)}: {done.stderr.strip()}", file=sys.stderr)
    return done.returncode == 0
