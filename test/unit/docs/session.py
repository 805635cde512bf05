"""Runs the commands of a page as a reader would: one shell after another in one directory.

Variables and the working directory carry over from block to block. The directory looks like a
clone in which `make setup` was run. What a command prints is compared with what the page shows,
line by line and in any order, after times, identifiers and places are made alike; a line `...`
stands for further lines, and `...` inside a line for any text.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from unit.docs.pages import ROOT, Block

LINKED = (
    "Makefile",
    "pyproject.toml",
    "requirements.lock",
    "crds",
    "examples",
    "operator",
    "docs",
    "deploy",
)

_ALIKE = (
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "TIME"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}"), "UID"),
    (re.compile(r"logs: \S+\)"), "logs: PLACE)"),
    (re.compile(r"\b(\d+(\.\d+)?(ms|s|m|h|d))+\b"), "SPAN"),
    (re.compile(r"\b\d+(\.\d+)? s\b"), "SPAN"),
    (re.compile(r"\s+"), " "),
)
_KEPT = ("PATH", "HOME", "LANG", "USER", "PYTHONPATH")


class Session:
    """A reader's terminal. `extra` are variables that the page takes for granted."""

    def __init__(self, directory: Path, extra: dict[str, str] | None = None) -> None:
        self.cwd = directory / "jobflow"
        self._state = directory / "state"
        self._background: list[tuple[subprocess.Popen[bytes], Path]] = []
        self.cwd.mkdir()
        for name in LINKED:
            (self.cwd / name).symlink_to(ROOT / name)
        venv = self.cwd / ".venv"
        venv.mkdir()
        for name in ("bin", "lib", "pyvenv.cfg"):  # all that makes `python` one of an environment
            if (found := Path(sys.prefix) / name).exists():
                (venv / name).symlink_to(found)
        (venv / ".locked").touch()  # what `make setup` leaves behind
        self.environment = {
            **{name: os.environ[name] for name in _KEPT if name in os.environ},
            "JOBFLOW_HOME": str(directory / "home"),
            "PYTHONPATH": str(ROOT / "operator"),  # the commands of this tree, wherever they are
            "NO_COLOR": "1",
            "TMPDIR": str(directory),
            **(extra or {}),
        }

    def save(self, block: Block) -> None:
        """Write a block into its file."""
        with (self.cwd / block.file).open("a" if block.appends else "w") as file:
            file.write(("\n" if block.appends else "") + block.text + "\n")

    def run(self, block: Block, page: str) -> None:
        """Run the commands of a block and check what they print."""
        commands = block.commands()
        assert commands, f"{page}:{block.line}: a console block needs a line that begins with $"
        for index, (command, shown) in enumerate(commands):
            code = block.exit if index == len(commands) - 1 else 0
            done = self._shell(command)
            where = f"{page}:{block.line}: $ {command}\n"
            said = f"{where}{done.stdout}{done.stderr}"
            assert done.returncode == code, f"exit code {done.returncode}, not {code}: {said}"
            if shown is not None:
                missing, more = compare(shown, done.stdout, done.stderr)
                assert not missing, f"{said}\nthe page shows, but nothing printed: {missing}"
                assert not more, f"{said}\nprinted, but not on the page: {more}"

    def start(self, block: Block, log: Path, extra: dict[str, str]) -> None:
        """Start a block that runs until the page ends."""
        with log.open("wb") as file:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {block.text}"],
                cwd=self.cwd,
                env={**self.environment, **extra},
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        self._background.append((process, log))

    def end(self) -> None:
        """Stop what was started, which must end well."""
        for process, log in self._background:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=40) == 0, log.read_text()[-4000:]

    def _shell(self, command: str) -> subprocess.CompletedProcess[str]:
        state = self._state
        script = f"trap 'env -0 > {state}; pwd > {state}.cwd' EXIT\nset -e\n{command}\n"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.cwd,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        pairs = (pair.partition("=") for pair in state.read_text().split("\0") if pair)
        self.environment = {name: value for name, _, value in pairs}
        self.cwd = Path(Path(f"{state}.cwd").read_text().strip())
        return done


def compare(shown: list[str], out: str, err: str) -> tuple[list[str], list[str]]:
    """Lines of a page that were not printed, and lines printed that the page does not show.

    Notes on standard error need not be shown: on a terminal they are drawn and wiped out again.
    """
    open_end = any(line.strip() == "..." for line in shown)
    wanted = [_pattern(line) for line in shown if line.strip() != "..."]
    printed = [_alike(line) for line in out.splitlines() if line.strip()]
    noted = [_alike(line) for line in err.splitlines() if line.strip()]
    missing = [
        line
        for line, pattern in zip((s for s in shown if s.strip() != "..."), wanted, strict=True)
        if not any(pattern.fullmatch(each) for each in (*printed, *noted))
    ]
    more = [each for each in printed if not any(p.fullmatch(each) for p in wanted)]
    return missing, [] if open_end else more


def _pattern(line: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in _alike(line).split("...")))


def _alike(line: str) -> str:
    for pattern, word in _ALIKE:
        line = pattern.sub(word, line)
    return line.strip()
