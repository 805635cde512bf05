"""Puts together the files of an image: `python3 tree.py base|code operator|runtime FOLDER`.

The Dockerfile calls it, and so do the tests, which make images without a container engine: both
hold the same files. `base` is Debian's Python with the locked wheels, and changes seldom; `code` is
JobFlow itself. It needs root and mmdebstrap for `base`, and nothing but Python for `code`.
"""

from __future__ import annotations

import argparse
import compileall
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from modulefinder import ModuleFinder
from pathlib import Path
from py_compile import PycInvalidationMode

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
LOCK = ROOT / "requirements-operator.lock"
SOURCE = ROOT / "operator" / "jobflows"

TARGETS = ("operator", "runtime")
SUITE = "bookworm"
PYTHON = (3, 11)  # of that suite
PACKAGES = "usr/lib/python3/dist-packages"

USERS = "root:x:0:0:root:/:/sbin/nologin\njobflow:x:65532:65532:jobflow:/:/sbin/nologin\n"
GROUPS = "root:x:0:\njobflow:x:65532:\n"

LEFT_OUT = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/lintian",
    "usr/share/perl5",
    "usr/lib/*/gconv",  # iconv's encodings; Python has its own
    "usr/lib/*/perl-base",
    "usr/lib/python3.11/pydoc_data",
    "usr/lib/python3.11/test",
    "usr/bin/dpkg*",  # and its relatives: nothing is installed in a running pod
    "usr/bin/perl*",
    "usr/bin/update-alternatives",
    "usr/sbin/*",
    "bin/tar",
    "dev/*",
    "etc/apt",
    "etc/cron.daily",
    "etc/dpkg",
    "etc/host*",  # of the machine that builds
    "etc/logrotate.d",
    "etc/resolv.conf",
    "etc/rmt",
    "var/cache",
    "var/lib/apt",
    "var/log",
)
UNUSED_IN_WHEELS = (
    "bin",
    "share",
    "**/tests",
    "**/include",
    *(f"**/*.{s}" for s in ("c", "h", "pyi", "pxd", "pyx")),
)

COMMANDS = {
    "operator": ("jobflow-operator", "jobflows.controller.__main__"),
    "runtime": ("jobflow", "jobflows.cli.entry"),
}


def base(target: str, folder: Path) -> None:
    """Debian's files, and for the operator its wheels, in a new folder."""
    included = ",".join(_listed(HERE / f"{target}.txt"))
    _run(["mmdebstrap", "--quiet", "--variant=extract", f"--include={included}", SUITE, folder])
    for pattern in LEFT_OUT:
        _remove(folder.glob(pattern))
    aliases = folder / "usr/local/bin"
    aliases.mkdir(parents=True, exist_ok=True)
    for alias in ("python", "python3"):
        (aliases / alias).symlink_to("/usr/bin/python3.11")
    (folder / "etc").mkdir(exist_ok=True)
    (folder / "etc/passwd").write_text(USERS)
    (folder / "etc/group").write_text(GROUPS)
    if target == "operator":
        _install_wheels(folder / PACKAGES)
        # The root file system is read-only: what is not compiled here is compiled at each start.
        _compile(folder, "usr/lib/python3.11")
        _compile(folder, PACKAGES)


def code(target: str, folder: Path) -> None:
    """JobFlow and its command, to be laid over `base`."""
    for file in _behind_map() if target == "runtime" else _everything():
        copy = folder / PACKAGES / "jobflows" / file.relative_to(SOURCE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    name, module = COMMANDS[target]
    command = folder / "usr/local/bin" / name
    command.parent.mkdir(parents=True, exist_ok=True)
    command.write_text(f"#!/usr/bin/python3.11\nfrom {module} import main\n\nmain()\n")
    command.chmod(0o755)
    _compile(folder, PACKAGES)


def _behind_map() -> set[Path]:
    """What a pod of a flow runs, and all of `chunking`, which functions may use themselves."""
    finder = ModuleFinder([str(SOURCE.parent)], excludes=["jobflows.cli.main"])
    finder.run_script(str(SOURCE / "cli" / "entry.py"))
    files = (getattr(module, "__file__", None) for module in finder.modules.values())
    found = {Path(file) for file in files if file}
    return {*found, *(SOURCE / "chunking").rglob("*.py"), SOURCE / "cli" / "entry.py"}


def _everything() -> Iterable[Path]:
    """The package as a wheel has it: modules, and what the pages are made of."""
    return (p for p in SOURCE.rglob("*") if p.is_file() and p.parent.name != "__pycache__")


def _install_wheels(folder: Path) -> None:
    """The locked wheels, for this machine's processor and that suite's Python and C library."""
    machine = platform.machine()
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(36, 4, -1)]
    tags += [f"manylinux{year}_{machine}" for year in ("2014", "2010", "1")]
    version = ".".join(map(str, PYTHON))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--require-hashes", "--only-binary=:all:", "--no-compile"]
    command += ["--implementation", "cp", "--python-version", version, "--root-user-action=ignore"]
    command += [word for tag in tags for word in ("--platform", tag)]
    _run([*command, "--target", folder, "--requirement", LOCK])
    for pattern in UNUSED_IN_WHEELS:
        _remove(folder.glob(pattern))


def _compile(folder: Path, inside: str) -> None:
    """Compile for that suite's Python, if this is the same; without times, so alike every time."""
    if sys.version_info[:2] == PYTHON:
        compileall.compile_dir(
            folder / inside,
            quiet=2,
            stripdir=str(folder),
            prependdir="/",
            invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
        )


def _listed(file: Path) -> list[str]:
    lines = (line.strip() for line in file.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _remove(paths: Iterable[Path]) -> None:
    for path in list(paths):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _run(command: Sequence[str | Path]) -> None:
    subprocess.run([str(word) for word in command], stdout=sys.stderr, check=True)


def main() -> None:
    """Make one tree."""
    parser = argparse.ArgumentParser(description="Put together the files of an image.")
    parser.add_argument("part", choices=("base", "code"))
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("folder", type=Path, help="made anew; must not exist or be empty")
    asked = parser.parse_args()
    {"base": base, "code": code}[asked.part](asked.target, asked.folder)


if __name__ == "__main__":
    main()
